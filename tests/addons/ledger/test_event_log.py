import errno
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from addons.ledger import event_log
from addons.ledger.event_log import EventLog
from addons.ledger.log_reader import parse_line, read_lines

Write = Callable[[int, bytes], int]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "cost_events.jsonl"


@pytest.fixture
def log(path: Path) -> Iterator[EventLog]:
    log = EventLog(path)
    log.open()
    yield log
    log.close()


def event(number: int) -> bytes:
    return b'{"n":%d}' % number


def numbers(path: Path) -> list[int]:
    return [found["n"] for line, _ in read_lines(path) if (found := parse_line(line))]


def fail(error: int) -> Write:
    def write(fd: int, data: bytes) -> int:
        raise OSError(error, os.strerror(error))

    return write


class Disk:
    """An os.write on a disk with `free` bytes left, that takes `most` at a time."""

    def __init__(self, free: int, most: int = 2**30) -> None:
        self.free = free
        self.most = most
        self.write = os.write

    def __call__(self, fd: int, data: bytes) -> int:
        if not self.free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self.write(fd, data[: min(self.free, self.most)])
        self.free -= written
        return written


def test_no_io_before_open(path: Path) -> None:
    EventLog(path)
    assert not path.parent.exists()


def test_append(log: EventLog, path: Path) -> None:
    assert log.append(event(1))
    assert log.append(event(2))
    assert path.read_bytes() == b'{"n":1}\n{"n":2}\n'
    assert (log.pending, log.dropped, log.error) == (0, 0, None)
    assert path.stat().st_mode & 0o7137 == 0


def test_an_append_is_one_write_and_nothing_else(log: EventLog, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    writes = []

    def write(fd: int, data: bytes) -> int:
        writes.append(data)
        return len(data)

    def refuse(*_: object) -> None:
        raise AssertionError("not in the hot path")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        for name in ("stat", "fstat", "open", "fsync", "dup"):
            patch.setattr(os, name, refuse)
        log.append(event(1))
        log.append(event(2))
    assert writes == [b'{"n":1}\n', b'{"n":2}\n']


def test_open_fails_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        EventLog(tmp_path / "file" / "log").open()


@pytest.mark.parametrize(
    ("torn", "mended"),
    [
        (b'{"n":1}\n{"n":', b'{"n":1}\n{"n":\n'),
        (b'{"n":1}', b'{"n":1}\n'),
        (b'{"n":1}\n', b'{"n":1}\n'),
        (b"", b""),
    ],
)
def test_open_mends_a_torn_last_line(path: Path, torn: bytes, mended: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(torn)
    log = EventLog(path)
    log.open()
    assert path.read_bytes() == mended
    log.append(event(2))
    assert path.read_bytes() == mended + b'{"n":2}\n'
    log.close()


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


def test_the_directory_is_removed_and_comes_back(log: EventLog, path: Path) -> None:
    log.append(event(0))
    log.tick()
    shutil.rmtree(path.parent)
    path.parent.touch()  # so that it cannot be made again
    log.append(event(1))  # still into the deleted file
    log.tick()
    assert not log.append(event(2))
    assert log.pending == 2
    assert log.error is not None
    path.parent.unlink()
    assert log.append(event(3))
    assert numbers(path) == [1, 2, 3]
    assert log.error is None


def test_a_deleted_file_is_made_again(log: EventLog, path: Path) -> None:
    log.append(event(0))
    log.tick()
    shutil.rmtree(path.parent)
    log.append(event(1))
    log.append(event(2))
    log.tick()
    log.append(event(3))
    assert numbers(path) == [1, 2, 3]


def test_deleted_just_before_close(log: EventLog, path: Path) -> None:
    log.append(event(1))
    path.unlink()
    log.close()
    assert numbers(path) == [1]


def test_rotation_is_noticed_by_tick(log: EventLog, path: Path) -> None:
    log.append(event(1))
    old = path.rename(path.with_suffix(".1"))
    path.touch()
    log.append(event(2))
    log.tick()
    log.append(event(3))
    assert numbers(old) == [1, 2]
    assert numbers(path) == [3]


def test_truncation_by_another_tool(log: EventLog, path: Path) -> None:
    log.append(event(1))
    os.truncate(path, 0)
    log.append(event(2))
    assert path.read_bytes() == b'{"n":2}\n'


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    monkeypatch.setattr(os, "fsync", calls.append)
    return calls


@pytest.mark.parametrize(
    ("policy", "appended", "ticked", "closed"), [("always", 0, 1, 2), ("interval", 0, 1, 2), ("never", 0, 0, 0)]
)
def test_fsync(path: Path, syncs: list[int], policy: str, appended: int, ticked: int, closed: int) -> None:
    log = EventLog(path, fsync=policy)
    log.open()
    log.append(event(1))
    log.append(event(2))
    assert len(syncs) == appended
    log.tick()
    log.tick()
    assert len(syncs) == ticked
    log.append(event(3))
    log.close()
    log.close()
    assert len(syncs) == closed


def test_fsync_fails(log: EventLog, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    def fsync(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    log.append(event(1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        log.tick()
    assert log.error == "Input/output error"
    log.tick()  # tried again, although nothing was written since
    assert log.error is None
    assert numbers(path) == [1]


def test_a_sync_waits_for_the_one_under_way_that_covers_its_event(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, go_on = threading.Event(), threading.Event()
    synced: list[int] = []

    def fsync(fd: int) -> None:
        running.set()
        assert go_on.wait(10)
        synced.append(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    log.append(event(1))
    seen_at_return: list[int] = []

    def sync() -> None:
        log.sync()
        seen_at_return.append(len(synced))

    threads = [threading.Thread(target=sync) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert running.wait(10)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert seen_at_return == [1, 1, 1]


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


def test_append_does_not_wait_for_fsync(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    running, go_on = threading.Event(), threading.Event()

    def fsync(fd: int) -> None:
        running.set()
        assert go_on.wait(10)

    monkeypatch.setattr(os, "fsync", fsync)
    log.append(event(1))
    thread = threading.Thread(target=log.tick)
    thread.start()
    assert running.wait(10)
    appended = log.append(event(2))
    is_still_syncing = thread.is_alive()
    go_on.set()
    thread.join(10)
    assert appended
    assert is_still_syncing


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


def test_append_after_close(log: EventLog, path: Path) -> None:
    log.close()
    assert log.append(event(1))
    assert numbers(path) == [1]


def test_appends_and_ticks_in_several_threads(log: EventLog, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    write = os.write

    def unreliable(fd: int, data: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls % 7 == 0:
            raise OSError(errno.EIO, "Input/output error")
        return write(fd, data[: len(data) // 2] if calls % 5 == 0 else data)

    def append(start: int) -> None:
        for number in range(start, start + 500):
            log.append(event(number))

    monkeypatch.setattr(os, "write", unreliable)
    threads = [threading.Thread(target=append, args=(start,)) for start in (0, 500)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        log.tick()
    monkeypatch.undo()
    log.flush_pending()
    found = numbers(path)
    assert sorted(found) == list(range(1000))
    assert [number for number in found if number < 500] == list(range(500))


WRITER = """
import sys
from pathlib import Path
from addons.ledger.event_log import EventLog

log = EventLog(Path(sys.argv[1]))
log.open()
for number in range(2000):
    assert log.append(b'{"writer":%s,"n":%d,"x":"%s"}' % (sys.argv[2].encode(), number, b"x" * (number % 997)))
if sys.argv[3] == "killed":
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL)
log.close()
"""


def test_two_processes_do_not_mix_their_lines_and_lose_none_when_killed(path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), number, end],
            cwd=Path(event_log.__file__).parents[2],
        )
        for number, end in (("1", "killed"), ("2", "closed"))
    ]
    assert [writer.wait(60) for writer in writers] == [-9, 0]
    events = [parse_line(line) for line, _ in read_lines(path)]
    for writer in (1, 2):
        assert [found["n"] for found in events if found and found["writer"] == writer] == list(range(2000))
    assert len(events) == 4000
