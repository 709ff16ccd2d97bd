"""Test that events wait while a disk fails, up to a bound, and that none is lost or torn."""

import errno
import os
from pathlib import Path

import pytest

from addons.ledger.event_log import EventLog
from tests.addons.ledger.event_log.disk import Disk, event, fail, numbers


def test_open_on_a_full_disk_mends_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir()
    path.write_bytes(b'{"n":')
    log = EventLog(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail(errno.ENOSPC))
        log.open()
    assert log.error == "No space left on device"
    log.tick()
    assert path.read_bytes() == b'{"n":\n'
    assert log.error is None
    log.close()


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.ESTALE])
def test_events_wait_while_writes_fail(
    log: EventLog, path: Path, monkeypatch: pytest.MonkeyPatch, error: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    log.append(event(0))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail(error))
        assert not log.append(event(1))
        assert not log.append(event(2))
        assert log.flush_pending() == 2
        assert log.error == os.strerror(error)
    assert log.append(event(3))
    assert log.pending == 0
    assert path.read_bytes() == b'{"n":0}\n{"n":1}\n{"n":2}\n{"n":3}\n'
    assert not log.error
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", f"cost_events.jsonl: {os.strerror(error)}; events wait in memory until it can be written"),
        ("INFO", "cost_events.jsonl: can be written again"),
    ]


@pytest.mark.parametrize("most", [1, 3, 7, 8, 9])
def test_short_writes_are_completed(log: EventLog, path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", Disk(2**30, most))
        assert log.append(event(1))
        assert log.append(event(2))
    assert path.read_bytes() == b'{"n":1}\n{"n":2}\n'


@pytest.mark.parametrize("most", [1, 5, 2**30])
@pytest.mark.parametrize("free", range(26))
def test_a_disk_that_fills_up_at_any_byte(
    log: EventLog, path: Path, monkeypatch: pytest.MonkeyPatch, free: int, most: int
) -> None:
    with monkeypatch.context() as patch:
        disk = Disk(free, most)
        patch.setattr(os, "write", disk)
        for number in range(3):
            log.append(event(number))
        disk.free = free  # as much again
        log.flush_pending()
        log.append(event(3))
    log.flush_pending()
    assert numbers(path) == [0, 1, 2, 3]
    assert log.pending == 0
    assert path.read_bytes().endswith(b"\n")


def test_a_write_of_nothing_is_a_failure(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: 0)
        assert not log.append(event(1))
        assert log.error == "nothing was written"
    assert log.flush_pending() == 0


def test_what_waits_is_bounded(log: EventLog, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log._max_pending = 3
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail(errno.ENOSPC))
        for number in range(5):
            assert not log.append(event(number))
        assert (log.pending, log.dropped) == (3, 2)
    assert log.append(event(5))
    assert numbers(path) == [0, 1, 2, 5]
    assert (log.pending, log.dropped) == (0, 2)


def test_what_waits_is_bounded_in_bytes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog(path, max_pending_bytes=20)
    log.open()
    assert log.append(b'"larger than all that may wait"')
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail(errno.ENOSPC))
        for number in range(4):
            log.append(event(number))
        assert (log.pending, log.dropped) == (2, 2)
    log.close()
    assert numbers(path) == [0, 1]


def test_a_long_queue_is_written_in_batches(log: EventLog, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = b'{"n":1,"x":"' + b"x" * 100_000 + b'"}'
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail(errno.ENOSPC))
        for _ in range(10):
            log.append(line)
    assert not log.append(event(2))  # it wrote no more than one batch
    assert log.pending == 9
    assert log.flush_pending() == 0
    assert numbers(path) == [1] * 10 + [2]


def test_a_file_system_that_becomes_read_only(log: EventLog, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        patch.setattr(os, "open", refuse)
        assert not log.append(event(1))
        log.tick()
        assert (log.pending, log.error) == (1, "Read-only file system")
    log.tick()
    assert (log.pending, log.error) == (0, None)
    assert numbers(path) == [1]


def test_close_says_what_was_not_written(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = EventLog(path)
    log.open()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail(errno.ENOSPC))
        log.append(event(1))
        log.close()
    assert caplog.messages[-1] == "cost_events.jsonl: 1 events were not written: No space left on device"
    log.close()
    assert numbers(path) == [1]


def test_a_link_in_the_place_of_the_log_is_not_written_to(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    (theirs := tmp_path / "theirs").write_text("kept")
    path.symlink_to(theirs)
    with pytest.raises(OSError, match="is a symbolic link"):
        EventLog(path).open()
    assert theirs.read_text() == "kept"


def test_a_link_that_takes_the_logs_place_is_not_written_to_and_events_wait(
    log: EventLog, path: Path, tmp_path: Path
) -> None:
    log.append(event(0))
    path.rename(moved := tmp_path / "moved")
    path.symlink_to(moved)
    log.tick()
    assert not log.append(event(1))
    assert (log.pending, moved.read_bytes()) == (1, event(0) + b"\n")
    assert log.error and "is a symbolic link" in log.error
    path.unlink()
    log.tick()
    assert (log.pending, path.read_bytes()) == (0, event(1) + b"\n")
