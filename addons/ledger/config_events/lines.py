"""Read the lines that others have added to config_events.jsonl, and add some. Whoever does has the lock."""

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from addons.ledger.config_events.event import LOG_NAME, ConfigEvent, Noted, read_line
from addons.ledger.private_files import open_for_folder

LOCK_NAME = "config.lock"
"""The lock of the log, and of the files that the command changes."""

_MOST_READ = 16 * 2**20
_BLOCK = 2**20


class ConfigLines:
    """Reads and writes the log, which is opened each time, because NFS then shows what others have written."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOG_NAME
        self._file: tuple[int, int] | None = None
        self._position = 0

    def take_in(self) -> list[Noted]:
        """Return what was added since the last call; at the first one, and after a rotation, all that there is.

        Raises OSError.
        """
        fd = self._open()
        try:
            return self._read(fd)
        finally:
            os.close(fd)

    def add(self, events: Iterable[ConfigEvent]) -> None:
        """Write some lines, right after `take_in`; the next one returns none of them. Raises OSError."""
        data = b"".join(event.line() + b"\n" for event in events)
        fd = self._open()
        try:
            if (
                os.fstat(fd).st_size > self._position
            ):  # a line was cut short, by a full disk or by the end of its process
                data = b"\n" + data
            while data:
                if not (written := os.write(fd, data)):
                    raise OSError(errno.EIO, "nothing was written", str(self.path))
                data = data[written:]
            self._position = os.fstat(fd).st_size
        finally:
            os.close(fd)

    def _open(self) -> int:
        fd = open_for_folder(self.path, os.O_RDWR | os.O_APPEND | os.O_NONBLOCK)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "is not a regular file", str(self.path))
        file = status.st_dev, status.st_ino
        if file != self._file or status.st_size < self._position:
            self._file, self._position = file, 0
        return fd

    def _read(self, fd: int) -> list[Noted]:
        size = os.fstat(fd).st_size
        self._position = max(self._position, size - _MOST_READ)
        data = bytearray()
        while block := os.pread(fd, min(_BLOCK, size - self._position - len(data)), self._position + len(data)):
            data += block
        end = data.rfind(b"\n") + 1
        self._position += end
        return [noted for line in bytes(data[:end]).split(b"\n") if (noted := read_line(line))]
