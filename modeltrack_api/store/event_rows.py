"""Turn lines of the event log into rows of the tables `events`, `series` and `callers`."""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from addons.ledger.events import LLM_CALL
from addons.ledger.log_reader import event_time, event_type, parse_line, text
from addons.ledger.money import logged_nanos
from modeltrack_api.store.measures import CALLER, COUNTS, EXTRA, FLAGS, LABELS, LISTS, MONEY, OPTIONAL, PARTS, TEXTS
from modeltrack_api.utc import micros

_PER_ROW = 160  # so that at most 100,000 are remembered, however short
_MOST_CHARACTERS = 16 * 2**20  # in the labels that are remembered; not their number, since labels may be long
"""This many series, and this many callers, are kept in memory with their numbers."""
_MOST = 10**12
"""More tokens or milliseconds than this in one event are a broken line. The limit keeps their sums within 64 bits."""
_BLANK = ("",) * 20
_ZEROS = (0,) * 20
_STRINGS = frozenset([str])

_MOST_ITEMS, _LONGEST_ITEM = 100, 256
"""A list keeps so many texts of so many characters."""
_NUMBERS = (*COUNTS, *PARTS)

_COLUMNS = (
    "event_id",
    "ts",
    "series",
    "caller",
    *MONEY.values(),
    *_NUMBERS,
    *FLAGS,
    *OPTIONAL,
    *TEXTS,
    *LISTS,
    "extra",
)
INSERT_EVENT = f"INSERT OR IGNORE INTO events ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"


class _Numbers:
    """Finds the number of a row in a table that has each combination of labels once, and adds the row if it is new."""

    def __init__(self, table: str, labels: Sequence[str]) -> None:
        self._insert = f"INSERT OR IGNORE INTO {table} ({', '.join(labels)}) VALUES ({', '.join('?' * len(labels))})"
        self._select = f"SELECT id FROM {table} WHERE {' AND '.join(f'{name} = ?' for name in labels)}"
        self._known: dict[tuple[str, ...], int] = {}
        self._characters = 0
        self.get = self._known.get

    def forget(self) -> None:
        self._known.clear()
        self._characters = 0

    def find(self, db: sqlite3.Connection, labels: tuple[str, ...]) -> int:
        """Return the number of labels that `get` does not know."""
        self._characters += sum(map(len, labels)) + _PER_ROW
        if self._characters > _MOST_CHARACTERS:
            self.forget()
            self._characters = sum(map(len, labels)) + _PER_ROW
        db.execute(self._insert, labels)
        [number] = db.execute(self._select, labels).fetchone()
        self._known[labels] = number
        return int(number)


class EventRows:
    """Makes rows of events, and remembers the numbers of their series and callers."""

    def __init__(self) -> None:
        self._series, self._callers = _Numbers("series", LABELS), _Numbers("callers", CALLER)

    def forget(self) -> None:
        """Forget the numbers, because a transaction that may have added some was undone."""
        self._series.forget()
        self._callers.forget()

    def row(self, db: sqlite3.Connection, line: bytes) -> tuple[Any, ...] | None:
        """Return the values for INSERT_EVENT, or None for a line that is no event.

        The series and the caller are added if they are new.
        """
        event = parse_line(line)
        moment = event_time(event) if event else None
        if event is None or moment is None or (at := micros(moment)) < 0:
            return None
        event_id = _event_id(event, line)
        if event_id is None:
            return None
        event["event_type"] = kind = event_type(event)
        get = event.get
        labels, caller = _texts(map(get, LABELS, _BLANK)), _texts(map(get, CALLER, _BLANK))
        return (
            event_id,
            at,
            self._series.get(labels) or self._series.find(db, labels),
            self._callers.get(caller) or self._callers.find(db, caller),
            *[logged_nanos(get(name)) for name in MONEY],
            *_whole(map(get, _NUMBERS, _ZEROS), 0),
            *[get(name) is True for name in FLAGS],
            *_whole(map(get, OPTIONAL), None),
            *_texts(map(get, TEXTS, _BLANK)),
            *[_array(get(name)) for name in LISTS],
            None if kind == LLM_CALL else orjson.dumps({name: event[name] for name in EXTRA if name in event}).decode(),
        )


def _event_id(event: Mapping[str, Any], line: bytes) -> bytes | None:
    """Return what the event is known by: the 16 bytes of a UUID, the text of another id, 16 bytes of the line's hash.

    The hash serves an event that has a cost but no id. So a line that is read again, from a copy of its file or after a
    rotation, still counts once. A line with neither id nor cost is no event.
    """
    name = text(event, "event_id")
    if name:
        return _id_bytes(name)
    return hashlib.sha256(line).digest()[:16] if "cost_usd" in event else None


def _id_bytes(name: str) -> bytes:
    try:
        return bytes.fromhex(name.replace("-", "")) if len(name) == 36 else name.encode()
    except ValueError:
        return name.encode(errors="replace")


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    found = tuple(values)
    return found if _STRINGS.issuperset(map(type, found)) else tuple(v if type(v) is str else "" for v in found)


def _array(value: Any) -> str:
    """Return the texts of a list as a JSON array; "" where there are none."""
    if not value or type(value) is not list:
        return ""
    texts = [item[:_LONGEST_ITEM] for item in value if type(item) is str]
    return orjson.dumps(texts[:_MOST_ITEMS]).decode() if texts else ""


def _whole(values: Iterable[Any], default: int | None) -> list[int | None]:
    """Return the values as whole numbers; `default` for those that are no numbers, or too large."""
    return [value if type(value) is int and -_MOST < value < _MOST else _rounded(value, default) for value in values]


def _rounded(value: Any, default: int | None) -> int | None:
    return round(value) if type(value) is float and -_MOST < value < _MOST else default
