"""The event log into the database, as it grows: every event exactly once, whatever is restarted, killed or rotated.

An event and how far its file has been read are committed together, and an event's id is unique in the database: so a
file that is read again, because it was copied or put back, adds nothing.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from addons.ledger.log_reader import event_time, parse_line, read_lines
from addons.ledger.money import NANOS_PER_USD, to_nanos
from modeltrack_api.store import COUNTS, EXTRA, FLAGS, LABELS, MONEY, OPTIONAL, ROLL_UPS, TEXTS, Store

logger = logging.getLogger(__name__)

_BATCH_LINES = 5000
_HEAD_BYTES = 128
"""Of a file, to know it again: they hold its first event's id."""
_MOST_SERIES = 100_000
_ROTATION_SECONDS = 5
"""So long after a rotation a proxy may still write to the file that was renamed."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INT64 = 2**63

_COLUMNS = ("event_id", "ts", "series", *MONEY.values(), *COUNTS, *FLAGS, *OPTIONAL, *TEXTS, "extra")
_INSERT = f"INSERT OR IGNORE INTO events ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_SERIES = f"INSERT OR IGNORE INTO series ({', '.join(LABELS)}) VALUES ({', '.join('?' * len(LABELS))})"
_SERIES_ID = f"SELECT id FROM series WHERE {' AND '.join(f'{name} = ?' for name in LABELS)}"

Progress = Callable[[int, int, int], None]
"""Called after each batch: lines read, bytes read, bytes in all."""


@dataclass(slots=True)
class _File:
    path: Path
    size: int
    device: int
    inode: int


class Ingest:
    """`catch_up` may be called from any thread; one at a time reads."""

    def __init__(self, store: Store, log: Path) -> None:
        self.lock = threading.RLock()
        """Held by whoever writes to the database."""
        self.skipped = 0
        """Lines since the start that were no event."""
        self._store = store
        self._log = log
        self._series: dict[tuple[str, ...], int] = {}
        self._current: tuple[int, int] | None = None  # device and inode of the log when its folder was last looked at
        self._seen = -1  # size of the log that has been read in full
        self._look_around_until = 0.0

    def behind(self) -> bool:
        """Whether the log has something that the database has not; one system call."""
        try:
            status = os.stat(self._log)
        except OSError:
            return False
        is_known = self._current == (status.st_dev, status.st_ino) and self._seen == status.st_size
        return not is_known or time.monotonic() < self._look_around_until

    def catch_up(self, until: float | None = None, progress: Progress | None = None) -> bool:
        """Read what was in the log when this was called. False if time ran out first: `until` is in seconds,
        monotonic, and checked between batches. Raises OSError, sqlite3.Error.
        """
        if not self.behind():
            return True
        lines = done = 0
        with self.lock:
            files = self._files()
            total = sum(file.size for file in files)
            for file in files:
                before = done
                for read, offset in self._read(file):
                    lines += read
                    done = before + offset
                    if progress:
                        progress(lines, done, total)
                    if until is not None and time.monotonic() > until:
                        return False
                done = before + file.size
            if files:
                # The size from before reading: what came since is read by the next call.
                self._seen = files[-1].size
        return True

    def _files(self) -> list[_File]:
        """The log's parts, oldest first; only the log itself once it has been the same file for a while."""
        try:
            current = _stat(self._log)
        except FileNotFoundError:
            return []
        if self._current != (current.device, current.inode):
            self._current, self._seen = (current.device, current.inode), -1
            self._look_around_until = time.monotonic() + _ROTATION_SECONDS
        elif time.monotonic() > self._look_around_until:
            return [current]
        rotated = [
            _stat(path)
            for path in sorted(self._log.parent.glob(self._log.name + "[.-]*"), key=lambda p: p.stat().st_mtime)
            if path.is_file() and not _is_compressed(path)
        ]
        return [*(part for part in rotated if part.inode != current.inode), current]

    def _read(self, file: _File) -> Iterator[tuple[int, int]]:
        """Commit batch after batch; after each, the lines in it and the offset in the file."""
        with file.path.open("rb") as opened:
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
                    self._series.clear()  # what the transaction added is undone
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
            logger.warning("%s is another file than it was, and is read from its beginning", file.path.name)
            return head, 0
        return head, offset

    def _add(self, db: sqlite3.Connection, lines: list[bytes]) -> None:
        [before] = db.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
        db.executemany(_INSERT, [row for line in lines if (row := self._row(db, line))])
        for roll_up in ROLL_UPS:
            db.execute(roll_up, (before,))

    def _row(self, db: sqlite3.Connection, line: bytes) -> tuple[Any, ...] | None:
        event = parse_line(line)
        moment = event_time(event) if event else None
        if event is None or moment is None or not isinstance(event.get("event_id"), str):
            self.skipped += bool(line)
            return None
        get = event.get
        labels = tuple([value if type(value := get(name)) is str else "" for name in LABELS])
        is_call = labels[0] == "llm_api"
        return (
            _id(event["event_id"]),
            (moment - _EPOCH) // _MICROSECOND,
            self._series.get(labels) or self._new_series(db, labels),
            *[_nanos(get(name)) for name in MONEY],
            *[value if type(value := get(name)) is int and abs(value) < _INT64 else 0 for name in COUNTS],
            *[get(name) is True for name in FLAGS],
            *[value if type(value := get(name)) is int and abs(value) < _INT64 else None for name in OPTIONAL],
            *[value if type(value := get(name)) is str else "" for name in TEXTS],
            None if is_call else orjson.dumps({name: event[name] for name in EXTRA if name in event}).decode(),
        )

    def _new_series(self, db: sqlite3.Connection, labels: tuple[str, ...]) -> int:
        if len(self._series) >= _MOST_SERIES:
            self._series.clear()
        db.execute(_SERIES, labels)
        [number] = db.execute(_SERIES_ID, labels).fetchone()
        self._series[labels] = number
        return int(number)


def _stat(path: Path) -> _File:
    status = path.stat()
    return _File(path, status.st_size, status.st_dev, status.st_ino)


def _is_compressed(path: Path) -> bool:
    if path.suffix not in (".gz", ".xz", ".bz2", ".zst"):
        return False
    logger.warning("%s is compressed and is not read", path.name)
    return True


def _batch(file: BinaryIO, start: int, end: int) -> tuple[list[bytes], int]:
    """Some complete lines of those that begin before `end`, and the offset after them."""
    lines: list[bytes] = []
    for line, offset in read_lines(file, start):
        lines.append(line)
        start = offset
        if len(lines) >= _BATCH_LINES or offset >= end:
            break
    return lines, start


def _id(text: str) -> bytes:
    """16 bytes of a UUID; of another id its text."""
    try:
        return bytes.fromhex(text.replace("-", "")) if len(text) == 36 else text.encode()
    except ValueError:
        return text.encode(errors="replace")


def _nanos(value: Any) -> int | None:
    if type(value) not in (int, float) or not abs(value) < 10**9:
        return None
    # Up to a million dollars the product of two floats is within half a nano-dollar of the decimal in the log.
    return round(value * NANOS_PER_USD) if abs(value) < 10**6 else to_nanos(value)
