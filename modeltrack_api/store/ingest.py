"""Read the event log into the database as it grows: every event exactly once, whatever is restarted, killed or rotated.

An event and how far its file has been read are committed together, and an event's id is unique in the database. So a
file that is read again, because it was copied or put back, adds nothing.
"""

import logging
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from addons.ledger.log_files import LogFiles
from addons.ledger.log_reader import read_lines
from addons.ledger.private_files import is_link, no_link, open_to_read
from modeltrack_api.store.connections import Store
from modeltrack_api.store.event_rows import INSERT_EVENT, EventRows
from modeltrack_api.store.schema import ROLL_UPS

logger = logging.getLogger(__name__)

_BATCH_LINES = 20_000
"""The ids of events are random, so each batch touches most pages of their index: few large batches are faster."""
_BATCH_BYTES = 64 * 2**20
_HEAD_BYTES = 128
"""A file is known again by its first bytes: they hold its first event's id and time."""
_ROTATION_SECONDS = 5
"""For this long after a rotation a proxy may still write to the file that was renamed."""

Progress = Callable[[int, int, int], None]
"""Is called after each batch with the lines read, the bytes read and the bytes in all."""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    size: int
    device: int
    inode: int
    changed: int
    """The file's mtime, in nanoseconds."""


_NEVER = _File(Path(), -1, -1, -1, -1)


class Ingest:
    """Reads the log into the database. `catch_up` may be called from any thread; one at a time reads."""

    def __init__(self, store: Store, log: Path) -> None:
        self.lock = threading.RLock()
        """Whoever writes to the database holds it."""
        self.skipped = 0
        """The number of lines since the start that were no event."""
        self.position = 0
        """The number of bytes of the log that are in the database."""
        self._store = store
        self._log = log
        self._parts = LogFiles(log)
        self._rows = EventRows()
        self._seen: _File | None = _NEVER  # the log as it was when it was last read in full
        self._look_around_until = 0.0

    def behind(self) -> bool:
        """Tell by one system call whether the log may have something that the database has not."""
        return _stat(self._log) != self._seen or time.monotonic() < self._look_around_until

    def behind_bytes(self) -> int:
        """Return how many bytes of the log, without its rotated parts, are not in the database."""
        log = _stat(self._log)
        return max(0, log.size - self.position) if log else 0

    def catch_up(self, until: float | None = None, progress: Progress | None = None) -> bool:
        """Read what was in the log when this was called. Return False if time ran out first.

        `until` is in seconds of the monotonic clock, which is looked at between batches. Raises OSError, sqlite3.Error.
        """
        if not self.behind():
            return True
        if not self.lock.acquire(timeout=-1 if until is None else max(0, until - time.monotonic())):
            return False
        try:
            return self._read_all(until, progress)
        finally:
            self.lock.release()

    def _read_all(self, until: float | None, progress: Progress | None) -> bool:
        log = _stat(self._log)
        if log is None and is_link(self._log):
            raise no_link(self._log)
        files = self._files(log)
        looks_around = self._look_around_until
        total = sum(file.size for file in files)
        lines = before = 0
        for file in files:
            for read, offset in self._read(file):
                lines += read
                if file is log:
                    self.position = offset
                if progress:
                    progress(lines, before + offset, total)
                if until is not None and time.monotonic() > until and offset < file.size:
                    return False
            before += file.size
        # The state before the reading: what came since is read by the next call.
        self._seen = log
        return looks_around == self._look_around_until or self._read_all(until, progress)

    def _files(self, log: _File | None) -> list[_File]:
        """Return the log's parts, the log itself last; the log alone once it has been the same file for a while."""
        if self._identity(log) != self._identity(self._seen):
            self._look_around_until = time.monotonic() + _ROTATION_SECONDS
        elif time.monotonic() > self._look_around_until:
            return [log] if log else []
        parts = map(_stat, self._parts.rotated())
        rotated = [part for part in parts if part and (log is None or part.inode != log.inode)]
        return [*sorted(rotated, key=lambda part: part.changed), *([log] if log else [])]

    @staticmethod
    def _identity(file: _File | None) -> tuple[int, int] | None:
        return (file.device, file.inode) if file else None

    def _read(self, file: _File) -> Iterator[tuple[int, int]]:
        """Commit batch after batch; after each, yield the number of its lines and the offset in the file."""
        with open_to_read(file.path) as opened:
            while True:
                try:
                    with self._store.writing() as db:
                        head, start = self._position(db, file, opened)
                        lines, end = _batch(opened, start, file.size)
                        if lines:
                            self._add(db, lines)
                            position = (file.device, file.inode, head, end)
                            db.execute("INSERT OR REPLACE INTO log_files VALUES (?, ?, ?, ?)", position)
                except BaseException:
                    self._rows.forget()
                    raise
                yield len(lines), end
                if not lines or end >= file.size:
                    return

    def _position(self, db: sqlite3.Connection, file: _File, opened: BinaryIO) -> tuple[bytes, int]:
        opened.seek(0)
        head = opened.read(_HEAD_BYTES)
        row = db.execute(
            "SELECT head, offset FROM log_files WHERE device = ? AND inode = ?", (file.device, file.inode)
        ).fetchone()
        if row is None:
            return head, 0
        known, offset = row
        if offset > file.size or not head.startswith(known):
            logger.warning("%s is not the file that it was, and is read from its beginning", file.path.name)
            return head, 0
        return head, offset

    def _add(self, db: sqlite3.Connection, lines: list[bytes]) -> None:
        [before] = db.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
        found = [(line, self._rows.row(db, line)) for line in lines]
        self.skipped += sum(bool(line) and row is None for line, row in found)
        db.executemany(INSERT_EVENT, [row for _, row in found if row])
        for roll_up in ROLL_UPS:
            db.execute(roll_up, (before,))


def _stat(path: Path) -> _File | None:
    """Return what is known of the file; None when it is not there, or is not a regular file."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return _File(path, status.st_size, status.st_dev, status.st_ino, status.st_mtime_ns)


def _batch(file: BinaryIO, start: int, end: int) -> tuple[list[bytes], int]:
    """Read some of the complete lines that begin before `end`; return them and the offset after them."""
    lines: list[bytes] = []
    last = start + _BATCH_BYTES
    for line, offset in read_lines(file, start):
        lines.append(line)
        start = offset
        if len(lines) >= _BATCH_LINES or offset >= min(end, last):
            break
    return lines, start
