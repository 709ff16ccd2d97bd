"""Test the lock between processes, of which a second thread counts as one."""

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from addons.ledger.config_events.locking import Locked, locked
from tests import ROOT

HOLD = """
import sys
from pathlib import Path
from addons.ledger.config_events.locking import locked
with locked(Path(sys.argv[1])):
    print("taken", flush=True)
    sys.stdin.read()
"""


def hold(path: Path) -> "subprocess.Popen[bytes]":
    """Have another process take the lock, and return it once it has it."""
    command = [sys.executable, "-c", HOLD, str(path)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"taken\n"
    return process


def in_thread(do: Callable[[], None]) -> None:
    thread = threading.Thread(target=do)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()


def is_free(path: Path) -> bool:
    try:
        with locked(path):
            return True
    except Locked:
        return False


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_a_lock_keeps_another_thread_out_until_it_is_given_back(path: Path) -> None:
    found: list[bool] = []
    with locked(path):
        in_thread(lambda: found.append(is_free(path)))
    in_thread(lambda: found.append(is_free(path)))
    assert found == [False, True]


def test_an_error_inside_gives_the_lock_back(path: Path) -> None:
    with pytest.raises(RuntimeError), locked(path):
        raise RuntimeError
    assert is_free(path)


def test_a_lock_that_cannot_be_had_leaves_none(path: Path) -> None:
    path.mkdir()
    with pytest.raises(IsADirectoryError), locked(path):
        pass
    path.rmdir()
    assert is_free(path)


def test_a_lock_keeps_another_process_out_and_ends_with_it(path: Path) -> None:
    process = hold(path)
    with process:
        assert not is_free(path)
        process.kill()
    assert is_free(path)


def test_a_lock_is_waited_for_and_not_for_ever(path: Path) -> None:
    clock = iter(range(100))
    pauses: list[float] = []
    with locked(path):

        def wait() -> None:
            with (
                pytest.raises(Locked, match="is locked by another process"),
                locked(path, 3, clock.__next__, pauses.append),
            ):
                pass

        in_thread(wait)
    assert len(pauses) == 2


def test_a_lock_that_is_free_in_time_is_taken(path: Path) -> None:
    free, taken = threading.Event(), threading.Event()

    def wait() -> None:
        with locked(path, 60, pause=lambda _: free.set()):
            taken.set()

    thread = threading.Thread(target=wait)
    with locked(path):
        thread.start()
        assert free.wait(60) and not taken.is_set()
    thread.join(60)
    assert taken.is_set()


def test_a_lock_whose_file_was_replaced_is_no_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = fcntl.lockf

    def replaced(fd: int, how: int) -> None:
        real(fd, how)
        path.unlink()

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "lockf", replaced)
        assert not is_free(path)
    assert is_free(path)


def test_a_link_in_the_place_of_the_lock_is_refused(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="is a symbolic link"), locked(path):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_no_descriptor_is_left(path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with locked(path):
            in_thread(lambda: (is_free(path), None)[1])
    assert len(os.listdir("/proc/self/fd")) == before
