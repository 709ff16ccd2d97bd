"""Test that what is appended is written in whole lines, wherever the file has gone."""

import errno
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from addons.ledger import event_log
from addons.ledger.event_log import EventLog
from addons.ledger.log_reader import parse_line, read_lines
from tests.addons.ledger.event_log.disk import event, numbers


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
    # A process that opens the log in the middle of another's write sees a torn line, and mends it with a blank one.
    assert all(found for line, _ in read_lines(path) if line.strip() for found in [parse_line(line)])
