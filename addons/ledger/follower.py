"""Follow the event log as it grows: this month's spend at the start, and then what other processes add.

Several proxies on one DATA_DIR append to one log and so share budgets: each counts its own events as it writes them,
and the others' as they appear here.
"""

import logging
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from addons.ledger.events import is_of_this_process
from addons.ledger.log_reader import parse_line, read_lines, start_of
from addons.ledger.spend import Month, Spend, fold

logger = logging.getLogger(__name__)


_MOST_BYTES = 2**20
"""Read at a time; some milliseconds' work."""


class LogFollower:
    """For one thread at a time. Its methods raise OSError for a log that cannot be read; they go on there later."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._offset = 0
        self._own = (0, 0)

    def spend_since(self, month: Month) -> Spend:
        """What was spent in this month and later ones, by all processes. Time goes with that part of the log."""
        start = datetime(*month, 1, tzinfo=UTC)
        spend = Spend()
        for rotated in rotated_since(self._path, start):
            spend.include(fold(_parsed(line for line, _ in read_lines(rotated, start_of(rotated, start)))))
        if self._open():
            self._offset = start_of(self._file, start) if self._file else 0
        spend.include(fold(_parsed(self._new_lines())))
        spend.forget_before(month)
        return spend

    def has_news(self, own: tuple[int, int] = (0, 0)) -> bool:
        """Whether something was appended since the last read; one system call. Does not notice a rotation.

        `own` is EventLog.written: what this process has appended itself is no news, and not read.
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
        """What other processes have written since the last call, or the first few thousand events of that."""
        self._own = own  # before the read: what is written meanwhile is read twice rather than never
        return fold(_parsed(line for line in self._new_lines(_MOST_BYTES) if not is_of_this_process(line)))

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def _new_lines(self, most_bytes: int | None = None) -> Iterator[bytes]:
        """To the end of the log; through a file that was renamed by outside tools, and on in the one after it."""
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
            # It has another name by now, and nobody appends to it but one who has not noticed yet.
            self.close()

    def _open(self) -> bool:
        if not self._file:
            with suppress(FileNotFoundError, NotADirectoryError):
                self._file = self._path.open("rb")
                self._offset = 0
        return self._file is not None

    def _is_current(self) -> bool:
        """Whether the open file is the log; also while there is none, which is so for a moment in a rotation."""
        assert self._file
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._file.fileno()))
        except OSError:
            return True


# Behind the log's name: a number or a date. A copy such as `.bak` holds the same events again.
_ROTATED = re.compile(r"[.-]\d[\d.:T_-]*?(\.(?:gz|xz|bz2|zst))?")


def rotated_since(log: Path, start: datetime) -> list[Path]:
    """Older parts of the log, as logrotate names them, that were written to since then. Raises OSError."""
    found = []
    for path in sorted(log.parent.glob(log.name + "[.-]*")):
        if not path.is_file() or path.stat().st_mtime < start.timestamp():
            continue
        name = _ROTATED.fullmatch(path.name.removeprefix(log.name))
        if name and not name[1]:
            found.append(path)
        else:
            what = "compressed" if name else "not named as logrotate does"
            logger.warning("%s is %s and is not read: its events count as not there", path.name, what)
    return found


def _parsed(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    return (event for line in lines if (event := parse_line(line)))
