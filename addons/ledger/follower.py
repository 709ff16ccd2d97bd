"""Follow the event log as it grows: read this month's spend at the start, and then what other processes add.

Several proxies on one DATA_DIR append to one log and so share budgets: each counts its own events as it writes them,
and the others' as they appear here.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from addons.ledger.events import is_of_this_process
from addons.ledger.log_files import LogFiles
from addons.ledger.log_reader import parse_line, read_lines, start_of
from addons.ledger.private_files import open_to_read
from addons.ledger.spend import Month, Spend, fold

_MOST_BYTES = 2**20
"""How much of the log is read at a time: the work of some milliseconds."""


class LogFollower:
    """Reads what a log gains. For one thread at a time.

    Its methods raise OSError for a log that cannot be read; the next call goes on at the same place.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = LogFiles(path)
        self._file: BinaryIO | None = None
        self._offset = 0
        self._own = (0, 0)

    def spend_since(self, month: Month) -> Spend:
        """Return what all processes spent in this month and later ones. It reads that part of the log."""
        start = datetime(*month, 1, tzinfo=UTC)
        spend = Spend()
        for rotated in self._files.rotated(since=start):
            spend.include(fold(_parsed(line for line, _ in read_lines(rotated, start_of(rotated, start)))))
        if self._open():
            self._offset = start_of(self._file, start) if self._file else 0
        spend.include(fold(_parsed(self._new_lines())))
        spend.forget_before(month)
        return spend

    def has_news(self, own: tuple[int, int] = (0, 0)) -> bool:
        """Tell whether something was appended since the last read, by one system call. It does not notice a rotation.

        `own` is EventLog.written: what this process has appended itself is no news, and is not read.
        """
        if self._file is None:
            return True
        opened, written = self._own
        new = own[1] - written if own[0] == opened else 0
        size = os.fstat(self._file.fileno()).st_size
        if size != self._offset + new:
            return True
        self._offset, self._own = size, own
        return False

    def others_spend(self, own: tuple[int, int] = (0, 0)) -> Spend:
        """Return what other processes have spent since the last call, or in the first few thousand events of that."""
        self._own = own  # before the read: what is written meanwhile is read twice rather than never
        return fold(_parsed(line for line in self._new_lines(_MOST_BYTES) if not is_of_this_process(line)))

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def _new_lines(self, most_bytes: int | None = None) -> Iterator[bytes]:
        """Yield the lines to the end of the log: those of a file that was renamed, then those of its successor."""
        while self._open() and self._file:
            begin = self._offset
            if os.fstat(self._file.fileno()).st_size < self._offset:
                self._offset = 0  # truncated: what is there now is new
            for line, offset in read_lines(self._file, self._offset):
                self._offset = offset
                yield line
                if most_bytes and offset - begin >= most_bytes:
                    return
            if self._is_current():
                return
            # The file has another name by now. Only a process that has not noticed may still append to it.
            self.close()

    def _open(self) -> bool:
        if not self._file:
            with suppress(FileNotFoundError, NotADirectoryError):
                self._file = open_to_read(self._path)
                self._offset = 0
        return self._file is not None

    def _is_current(self) -> bool:
        """Tell whether the open file is the log. In a rotation there is none for a moment; it is the log until then."""
        assert self._file
        try:
            return os.path.samestat(os.lstat(self._path), os.fstat(self._file.fileno()))
        except OSError:
            return True


def _parsed(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    return (event for line in lines if (event := parse_line(line)))
