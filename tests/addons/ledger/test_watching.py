"""Test that files that change are looked at, whether the system tells of it or not."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from watchdog.observers.api import BaseObserver, EventQueue, ObservedWatch
from watchdog.observers.inotify import InotifyEmitter

from addons.ledger.watched import WatchedFile, Watcher
from tests.addons.ledger.limit import parse, replace


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


def test_a_change_that_comes_while_watching_stops_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stopped = InotifyEmitter(EventQueue(), ObservedWatch(str(tmp_path), recursive=False))
    stopped.queue_events(0)
    assert not caplog.records


def test_a_watchdog_that_does_not_end_holds_up_the_stop_for_a_moment_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("addons.ledger.watching._OBSERVER_SECONDS", 0.01)
    released = threading.Event()
    watcher = Watcher([], Changes())
    watcher.start()
    assert watcher._observer
    stop = watcher._observer.stop
    monkeypatch.setattr(watcher._observer, "stop", lambda: released.wait(30) and stop())
    watcher.stop()
    assert not released.is_set()
    released.set()
    watcher._observer.join(10)
