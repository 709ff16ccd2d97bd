"""The event log into the database, as it grows: every event exactly once, whatever is restarted, killed or rotated.

An event and how far its file has been read are committed together, and an event's id is unique in the database: so a
file that is read again, because it was copied or put back, adds nothing.
"""

import logging
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from addons.ledger.log_reader import event_time, parse_line, read_lines
from addons.ledger.money import NANOS_PER_USD, to_nanos
from modeltrack_api.store.connections import Store
from modeltrack_api.store.measures import COUNTS, EXTRA, FLAGS, LABELS, MONEY, OPTIONAL, TEXTS
from modeltrack_api.store.schema import ROLL_UPS

logger = logging.getLogger(__name__)

_BATCH_LINES = 20_000
"""A batch touches most pages of the index of ids, which are random: so the fewer, the faster a large log is read."""
_BATCH_BYTES = 64 * 2**20
_HEAD_BYTES = 128
"""Of a file, to know it again: they hold its first event's id."""
_MOST_SERIES = 100_000
_ROTATION_SECONDS = 5
"""So long after a rotation a proxy may still write to the file that was renamed."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MOST = 10**12
"""Of tokens and the like in one event, and in USD below: so that no sum of what a broken line says overflows."""
_MOST_USD = 10**7
_BLANK = ("",) * 20
_ZEROS = (0,) * 20
_STRINGS = frozenset([str])

_COLUMNS = ("event_id", "ts", "series", *MONEY.values(), *COUNTS, *FLAGS, *OPTIONAL, *TEXTS, "extra")
_INSERT = f"INSERT OR IGNORE INTO events ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_SERIES = f"INSERT OR IGNORE INTO series ({', '.join(LABELS)}) VALUES ({', '.join('?' * len(LABELS))})"
_SERIES_ID = f"SELECT id FROM series WHERE {' AND '.join(f'{name} = ?' for name in LABELS)}"

Progress = Callable[[int, int, int], None]
"""Called after each batch: lines read, bytes read, bytes in all."""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    size: int
    device: int
    inode: int
    changed: int
    """Its mtime, in nanoseconds."""


_NEVER = _File(Path(), -1, -1, -1, -1)


class Ingest:
    """`catch_up` may be called from any thread; one at a time reads."""

    def __init__(self, store: Store, log: Path) -> None:
        self.lock = threading.RLock()
        """Held by whoever writes to the database."""
        self.skipped = 0
        """Lines since the start that were no event."""
        self.position = 0
        """Bytes of the log that are in the database."""
        self._store = store
        self._log = log
        self._series: dict[tuple[str, ...], int] = {}
        self._seen: _File | None = _NEVER  # the log as it was when it was last read in full
        self._look_around_until = 0.0
        self._compressed: set[Path] = set()

    def behind(self) -> bool:
        """Whether the log may have something that the database has not; one system call."""
        return _stat(self._log) != self._seen or time.monotonic() < self._look_around_until

    def behind_bytes(self) -> int:
        """Of the log itself, without its rotated parts."""
        log = _stat(self._log)
        return max(0, log.size - self.position) if log else 0

    def catch_up(self, until: float | None = None, progress: Progress | None = None) -> bool:
        """Read what was in the log when this was called. False if time ran out first: `until` is in seconds,
        monotonic, and checked between batches. Raises OSError, sqlite3.Error.
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
        # As it was before reading: what came since is read by the next call.
        self._seen = log
        return looks_around == self._look_around_until or self._read_all(until, progress)

    def _files(self, log: _File | None) -> list[_File]:
        """The log's parts, the log itself last; nothing else once it has been the same file for a while."""
        if self._identity(log) != self._identity(self._seen):
            self._look_around_until = time.monotonic() + _ROTATION_SECONDS
        elif time.monotonic() > self._look_around_until:
            return [log] if log else []
        paths = self._log.parent.glob(self._log.name + "[.-]*")
        parts = [_stat(path) for path in paths if not self._is_compressed(path)]
        rotated = [part for part in parts if part and (log is None or part.inode != log.inode)]
        return [*sorted(rotated, key=lambda part: part.changed), *([log] if log else [])]

    def _is_compressed(self, path: Path) -> bool:
        if path.suffix not in (".gz", ".xz", ".bz2", ".zst"):
            return False
        if path not in self._compressed:
            self._compressed.add(path)
            logger.warning("%s is compressed and is not read", path.name)
        return True

    @staticmethod
    def _identity(file: _File | None) -> tuple[int, int] | None:
        return (file.device, file.inode) if file else None

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
        if event is None or moment is None or moment < _EPOCH or type(event.get("event_id")) is not str:
            self.skipped += bool(line)
            return None
        get = event.get
        labels = _texts(map(get, LABELS, _BLANK))
        return (
            _id(event["event_id"]),
            (moment - _EPOCH) // _MICROSECOND,
            self._series.get(labels) or self._new_series(db, labels),
            *[_nanos(get(name)) for name in MONEY],
            *_whole(map(get, COUNTS, _ZEROS), 0),
            *[get(name) is True for name in FLAGS],
            *_whole(map(get, OPTIONAL), None),
            *_texts(map(get, TEXTS, _BLANK)),
            None
            if labels[0] == "llm_api"
            else orjson.dumps({name: event[name] for name in EXTRA if name in event}).decode(),
        )

    def _new_series(self, db: sqlite3.Connection, labels: tuple[str, ...]) -> int:
        if len(self._series) >= _MOST_SERIES:
            self._series.clear()
        db.execute(_SERIES, labels)
        [number] = db.execute(_SERIES_ID, labels).fetchone()
        self._series[labels] = number
        return int(number)


def _stat(path: Path) -> _File | None:
    """None for what is not there, or is no file."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return _File(path, status.st_size, status.st_dev, status.st_ino, status.st_mtime_ns)


def _batch(file: BinaryIO, start: int, end: int) -> tuple[list[bytes], int]:
    """Some complete lines of those that begin before `end`, and the offset after them."""
    lines: list[bytes] = []
    last = start + _BATCH_BYTES
    for line, offset in read_lines(file, start):
        lines.append(line)
        start = offset
        if len(lines) >= _BATCH_LINES or offset >= min(end, last):
            break
    return lines, start


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    found = tuple(values)
    return found if _STRINGS.issuperset(map(type, found)) else tuple(v if type(v) is str else "" for v in found)


def _whole(values: Iterable[Any], default: int | None) -> list[int | None]:
    return [value if type(value) is int and -_MOST < value < _MOST else default for value in values]


def _id(text: str) -> bytes:
    """16 bytes of a UUID; of another id its text."""
    try:
        return bytes.fromhex(text.replace("-", "")) if len(text) == 36 else text.encode()
    except ValueError:
        return text.encode(errors="replace")


def _nanos(value: Any) -> int | None:
    if type(value) not in (int, float) or not -_MOST_USD < value < _MOST_USD:
        return None
    # Up to a million dollars the product of two floats is within half a nano-dollar of the decimal in the log.
    return round(value * NANOS_PER_USD) if -(10**6) < value < 10**6 else to_nanos(value)
