"""Make events, and a disk that fails as it is told to."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

from addons.ledger.log_reader import parse_line, read_lines

Write = Callable[[int, bytes], int]


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
