import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from watchdog.observers.api import BaseObserver

from addons.ledger.watched import ConfigError, WatchedFile, Watcher


def parse(data: bytes) -> int:
    number = json.loads(data)
    if not isinstance(number, int):
        raise ValueError("must be\na number")
    return number


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "limit.json"
    path.write_bytes(b"1")
    return path


@pytest.fixture
def file(path: Path) -> WatchedFile[int]:
    file = WatchedFile(path, parse, lambda: 0)
    file.load()
    return file


def replace(path: Path, data: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(data)
    new.replace(path)


def test_no_io_before_load(tmp_path: Path) -> None:
    assert WatchedFile(tmp_path / "no" / "file", parse).error is None


def test_load(path: Path) -> None:
    file = WatchedFile(path, parse)
    assert file.load() == file.value == 1
    assert not file.check()


def test_load_an_invalid_file(path: Path) -> None:
    path.write_bytes(b"[]")
    with pytest.raises(ConfigError, match=r"^limit.json: must be a number$"):
        WatchedFile(path, parse).load()


def test_load_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r": cannot be read: Is a directory$"):
        WatchedFile(tmp_path, parse).load()


def test_load_an_oversize_file(path: Path) -> None:
    path.write_bytes(b"12345")
    assert WatchedFile(path, parse, max_bytes=5).load() == 12345
    with pytest.raises(ConfigError, match=r"^limit.json: is over 4 bytes$"):
        WatchedFile(path, parse, max_bytes=4).load()


def test_a_missing_file(path: Path) -> None:
    path.unlink()
    with pytest.raises(ConfigError, match=r"^limit.json: is not there: /.*/limit.json$"):
        WatchedFile(path, parse).load()
    file = WatchedFile(path, parse, lambda: 7)
    assert file.load() == 7
    assert [file.check(), file.check()] == [False, False]
    path.write_bytes(b"2")
    assert file.check()
    assert (file.value, file.error) == (2, None)


def test_rename_over(file: WatchedFile[int], path: Path) -> None:
    replace(path, b"2")
    assert file.check()
    assert file.value == 2
    assert not file.check()


def test_same_size_and_mtime(file: WatchedFile[int], path: Path) -> None:
    stat = path.stat()
    path.write_bytes(b"2")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert file.check()
    assert file.value == 2


def test_truncate_then_write(file: WatchedFile[int], path: Path) -> None:
    path.write_bytes(b"")
    assert not file.check()
    path.write_bytes(b"[1,")
    assert not file.check()
    path.write_bytes(b"23")
    assert file.check()
    assert (file.value, file.error) == (23, None)


def test_kubernetes_symlink_swap(tmp_path: Path) -> None:
    for version in (1, 2):
        (tmp_path / f"..v{version}").mkdir()
        (tmp_path / f"..v{version}" / "limit.json").write_text(str(version))
    (tmp_path / "..data").symlink_to("..v1")
    (tmp_path / "limit.json").symlink_to("..data/limit.json")
    file = WatchedFile(tmp_path / "limit.json", parse)
    assert file.load() == 1
    (tmp_path / "..data_tmp").symlink_to("..v2")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    assert file.check()
    assert file.value == 2


def test_invalid_then_mended(file: WatchedFile[int], path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    replace(path, b"[]")
    assert [file.check(), file.check(), file.check()] == [False, True, False]
    assert (file.value, file.error) == (1, "limit.json: must be a number")
    replace(path, b"2")
    assert file.check()
    assert (file.value, file.error) == (2, None)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "limit.json: must be a number; the last good version stays in force"),
        ("INFO", "limit.json: a new version is in force"),
    ]


def test_an_invalid_file_is_parsed_once(path: Path) -> None:
    parsed = []

    def parse(data: bytes) -> None:
        parsed.append(data)
        if data == b"bad":
            raise ValueError("is bad")

    file = WatchedFile(path, parse)
    file.load()
    path.write_bytes(b"bad")
    for _ in range(5):
        file.check()
    assert parsed == [b"1", b"bad"]
    assert file.error == "limit.json: is bad"


def test_another_mistake_takes_the_place_of_the_first(file: WatchedFile[int], path: Path) -> None:
    replace(path, b"[]")
    assert [file.check(), file.check()] == [False, True]
    path.write_bytes(b"")
    assert [file.check(), file.error] == [False, "limit.json: must be a number"]
    assert [file.check(), file.error] == [True, "limit.json: Expecting value: line 1 column 1 (char 0)"]


def test_the_same_mistake_after_a_half_written_file_is_not_news(file: WatchedFile[int], path: Path) -> None:
    replace(path, b"[]")
    assert [file.check(), file.check()] == [False, True]
    path.write_bytes(b"")
    assert not file.check()
    path.write_bytes(b"[]")
    assert [file.check(), file.check()] == [False, False]


def test_back_to_the_last_good_version(file: WatchedFile[int], path: Path) -> None:
    replace(path, b"[]")
    assert [file.check(), file.check()] == [False, True]
    replace(path, b"1")
    assert file.check()
    assert (file.value, file.error) == (1, None)


def test_deletion_and_return(file: WatchedFile[int], path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gone = "limit.json: the file is gone; the last good version stays in force"
    path.unlink()
    assert [file.check(), file.error] == [False, None]
    assert [file.check(), file.error, file.value] == [True, gone, 1]
    assert caplog.messages == [gone]
    path.write_bytes(b"1")
    assert [file.check(), file.error, file.value] == [True, None, 1]
    path.unlink()
    assert not file.check()
    path.write_bytes(b"1")
    assert [file.check(), file.error] == [False, None]


def test_the_directory_goes(file: WatchedFile[int], path: Path) -> None:
    path.unlink()
    path.parent.rmdir()
    assert [file.check(), file.check()] == [False, True]
    assert file.value == 1


def test_oversize_at_run_time(path: Path) -> None:
    file = WatchedFile(path, parse, max_bytes=10)
    file.load()
    path.write_bytes(b"1" * 11)
    assert [file.check(), file.check()] == [False, True]
    assert file.error == "limit.json: is over 10 bytes"


def test_a_fault_in_parse_is_an_error_of_the_file(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = WatchedFile(path, lambda data: json.loads(data)["key"])
    path.write_bytes(b'{"key": 1}')
    file.load()
    path.write_bytes(b"{}")
    assert [file.check(), file.check()] == [False, True]
    assert file.error == "limit.json: cannot be parsed: KeyError"


class Changes:
    """An `on_change` to wait on."""

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.seen: list[tuple[int, str | None]] = []

    def __call__(self, file: WatchedFile[Any]) -> None:
        with self.condition:
            self.seen.append((file.value, file.error))
            self.condition.notify_all()

    def wait_for(self, value: int, error: str | None = None) -> bool:
        with self.condition:
            return self.condition.wait_for(lambda: (value, error) in self.seen, 10)


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    watcher.start()
    try:
        yield
    finally:
        watcher.stop()
    assert not watcher._thread.is_alive()


def test_watchdog_wakes_the_watcher(file: WatchedFile[int], path: Path) -> None:
    changes = Changes()
    with watching(Watcher([file], changes, interval=30)):
        path.write_bytes(b"2")  # perhaps seen by the check at start
        assert changes.wait_for(2)
        replace(path, b"3")
        assert changes.wait_for(3)
        path.write_bytes(b"4")
        assert changes.wait_for(4)


def test_watchdog_sees_a_kubernetes_symlink_swap(tmp_path: Path) -> None:
    (tmp_path / "limit.json").symlink_to("..data/limit.json")
    changes = Changes()
    file = WatchedFile(tmp_path / "limit.json", parse, lambda: 0)
    file.load()
    with watching(Watcher([file], changes, interval=30)):
        for version in range(1, 4):
            (tmp_path / f"..v{version}").mkdir()
            (tmp_path / f"..v{version}" / "limit.json").write_text(str(version))
            (tmp_path / "..data_tmp").symlink_to(f"..v{version}")
            (tmp_path / "..data_tmp").rename(tmp_path / "..data")
            assert changes.wait_for(version)


def test_the_event_log_beside_it_does_not_wake_the_watcher(file: WatchedFile[int], path: Path) -> None:
    changes = Changes()
    watcher = Watcher([file], changes, interval=30)
    checks = 0

    def count() -> bool:
        nonlocal checks
        checks += 1
        return WatchedFile.check(file)

    with watching(watcher):
        path.write_bytes(b"2")
        assert changes.wait_for(2)
        file.check = count
        for _ in range(200):
            with path.with_name("cost_events.jsonl").open("a") as log:
                log.write("{}\n")
        path.write_bytes(b"3")
        assert changes.wait_for(3)
    assert checks < 10


class NoObserver:
    def __init__(self) -> None:
        raise OSError(24, "inotify instance limit reached")


def test_polling(
    file: WatchedFile[int], path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr("addons.ledger.watching.Observer", NoObserver)
    changes = Changes()
    with watching(Watcher([file], changes, interval=0.02)):
        path.write_bytes(b"2")
        assert changes.wait_for(2)
        path.write_bytes(b"[]")
        assert changes.wait_for(2, "limit.json: must be a number")
    notes = [record for record in caplog.records if "polled" in record.getMessage()]
    assert [(note.levelname, note.getMessage()) for note in notes] == [
        ("INFO", "files are polled every 0.02 s, not watched: [Errno 24] inotify instance limit reached")
    ]


def test_polling_a_directory_that_is_not_there_yet(tmp_path: Path) -> None:
    changes = Changes()
    file = WatchedFile(tmp_path / "later" / "limit.json", parse, lambda: 0)
    file.load()
    with watching(Watcher([file], changes, interval=0.02)):
        file.path.parent.mkdir()
        file.path.write_bytes(b"2")
        assert changes.wait_for(2)


def test_polling_where_watching_cannot_be_scheduled(
    file: WatchedFile[int], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def schedule(*_: object, **__: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(BaseObserver, "schedule", schedule)
    changes = Changes()
    with watching(Watcher([file], changes, interval=0.02)):
        path.write_bytes(b"2")
        assert changes.wait_for(2)


def test_several_files_and_an_on_change_that_fails(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = [WatchedFile(tmp_path / name, parse, lambda: 0) for name in ("a.json", "b.json")]
    for file in files:
        file.load()
    changes = Changes()

    def on_change(file: WatchedFile[Any]) -> None:
        changes(file)
        raise RuntimeError("a bug")

    with watching(Watcher(files, on_change, interval=0.02)):
        for number, file in enumerate(files, 1):
            file.path.write_bytes(b"%d" % number)
            assert changes.wait_for(number)
    assert "a.json: its change was not handled" in caplog.text


def test_stop_twice_and_without_start(file: WatchedFile[int]) -> None:
    watcher = Watcher([file], Changes())
    watcher.stop()
    with watching(watcher := Watcher([file], Changes(), interval=30)):
        pass
    watcher.stop()
