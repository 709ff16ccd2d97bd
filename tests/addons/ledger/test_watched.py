"""Test which version of a file is in force, and what is said of one that cannot be used."""

import json
import os
from pathlib import Path

import pytest

from addons.ledger.watched import ConfigError, WatchedFile
from tests.addons.ledger.limit import parse, replace


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
