"""Hold a lock that keeps other processes out, also those of other hosts that mount the same folder.

A record lock (fcntl) is one that NFS serves, and that a process on the file server itself meets, too; a lock by `flock`
stays on its host. Linux and NFS end it when its process or its host is gone. It belongs to the process, not to the
thread, and it ends when any descriptor of its file is closed: so threads keep each other out by a lock of their own.
"""

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from addons.ledger.private_files import open_for_folder

_TAKEN = (errno.EACCES, errno.EAGAIN, errno.ENOENT)
"""What is said where somebody has the lock, or has just deleted its file."""
_PAUSE_SECONDS = 0.02
_in_this_process = threading.Lock()


class Locked(OSError):
    """Another process, or another thread, has the lock."""


@contextmanager
def locked(
    path: Path,
    seconds: float = 0,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold the lock at the path, whose file is made if need be, and stays.

    Raises Locked where somebody has it for longer than `seconds`, and OSError where it cannot be had at all, as on a
    file system without locks.
    """
    end = clock() + seconds
    while (fd := _taken(path)) is None:
        if clock() >= end:
            raise Locked(errno.EAGAIN, "is locked by another process", str(path))
        pause(_PAUSE_SECONDS)
    try:
        yield
    finally:
        _release(fd)


def _taken(path: Path) -> int | None:
    """Return the descriptor of the locked file; None where somebody has the lock. Raises OSError."""
    if not _in_this_process.acquire(blocking=False):
        return None
    fd = None
    try:
        fd = _locked_file(path)
    finally:
        if fd is None:
            _in_this_process.release()
    return fd


def _locked_file(path: Path) -> int | None:
    fd = open_for_folder(path, os.O_RDWR)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(fd), os.lstat(path)):
            return fd
    except OSError as error:
        os.close(fd)
        if error.errno in _TAKEN:
            return None
        raise
    os.close(fd)
    return None  # somebody put another file there meanwhile, and that is the one that others lock


def _release(fd: int) -> None:
    os.close(fd)
    _in_this_process.release()
