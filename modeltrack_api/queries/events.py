"""Answer GET /api/events: single cost events, newest first, page by page."""

import re
import sqlite3
from typing import Any, NamedTuple

from modeltrack_api.queries.rows import COLUMNS, JOINED, cost_event
from modeltrack_api.store.sums import Filters, caller_where, wanted_labels
from modeltrack_api.utc import DAY, HOUR
from modeltrack_api.web.handler import ApiError, Ask

_CURSOR = re.compile(r"(-?\d{1,18})\.(\d{1,18})", re.ASCII)
_HOURS_LOOKED_AT = 2 * DAY
_INDEXES = {
    (False, False): "events_by_time",
    (True, False): "events_by_series",
    (False, True): "events_by_caller",
}
"""The index to read events by, by whether there are conditions on their series, and on their callers."""


def events(ask: Ask) -> dict[str, Any]:
    """Return a page of events. The collector's events are included, unless a filter leaves them out.

    `next_cursor` is null on the last page. It holds the time and id of the page's last event, not a count of events. So
    no event is skipped or shown twice when events are added meanwhile. Raises ApiError for a malformed cursor.
    """
    limit = ask.args["limit"]
    before, number = _position(ask.args["cursor"]) or (ask.window.end, 0)
    before = min(before, ask.window.end)
    since, asked = ask.window.start, _conditions(ask.filters)
    if asked.both.where:
        since = max(since, _since(ask.db, asked, before, limit + 1))
    index = _index(ask.db, asked, since, before)
    where, wanted = asked.both
    rows = ask.db.execute(
        f"SELECT {COLUMNS} FROM ("
        f" SELECT id FROM events INDEXED BY {index} WHERE ts >= ? AND ts <= ? AND (ts, id) < (?, ?){where}"
        f" ORDER BY ts DESC, id DESC LIMIT ?"
        f") JOIN events e USING (id) {JOINED} ORDER BY e.ts DESC, e.id DESC",
        [since, before, before, number, *wanted, limit + 1],
    ).fetchall()
    page = rows[:limit]
    return {
        "events": [cost_event(row) for row in page],
        "next_cursor": f"{page[-1]['ts']}.{page[-1]['id']}" if len(rows) > limit else None,
    }


def _position(cursor: str | None) -> tuple[int, int] | None:
    if cursor is None:
        return None
    found = _CURSOR.fullmatch(cursor)
    if not found:
        raise ApiError(400, "cursor: must be the next_cursor of the page before")
    return int(found[1]), int(found[2])


class _Condition(NamedTuple):
    where: str
    """A condition after an AND; "" where anything will do."""
    wanted: list[str]
    """Its parameters."""


class _Conditions(NamedTuple):
    series: _Condition
    caller: _Condition

    @property
    def both(self) -> _Condition:
        return _Condition(self.series.where + self.caller.where, [*self.series.wanted, *self.caller.wanted])


def _conditions(filters: Filters) -> _Conditions:
    labels = wanted_labels(filters, of_caller=False)
    caller, names = caller_where(filters)
    series = f" AND series IN (SELECT id FROM series WHERE {' AND '.join(f'{name} = ?' for name in labels)})"
    return _Conditions(
        _Condition(series if labels else "", list(labels.values())),
        _Condition(f" AND {caller}" if caller else "", names),
    )


def _index(db: sqlite3.Connection, asked: _Conditions, since: int, before: int) -> str:
    """Return the index to read events by: where both could serve, that by which fewer events have to be read."""
    if index := _INDEXES.get((bool(asked.series.where), bool(asked.caller.where))):
        return index
    counts = [
        db.execute(
            f"SELECT sum(requests) FROM {table} WHERE start >= ? AND start <= ?{condition.where}",
            [since // DAY * DAY, before, *condition.wanted],
        ).fetchone()[0]
        or 0
        for table, condition in (("daily", asked.series), ("callers_daily", asked.caller))
    ]
    return "events_by_series" if counts[0] < counts[1] else "events_by_caller"


def _since(db: sqlite3.Connection, asked: _Conditions, before: int, count: int) -> int:
    """Return a time from which there are at least `count` such events up to `before`, and not many more.

    Returns 0 if there are fewer in all. It uses the sums by hour and day. Without it, a filter that few events pass
    would make the database read all other events too.
    """
    where, wanted = asked.both
    hour, day = before // HOUR * HOUR, (before - _HOURS_LOOKED_AT) // DAY * DAY
    tables = [("hourly", day, hour), ("daily", 0, day)]
    if asked.caller.where:
        tables = [("callers_daily", 0, before // DAY * DAY)]
    found = 0
    for table, start, end in tables:
        sums = db.execute(
            f"SELECT start, sum(requests) FROM {table} WHERE start >= ? AND start < ?{where}"
            " GROUP BY start ORDER BY start DESC",
            [start, end, *wanted],
        )
        for bucket, requests in sums:
            found += requests
            if found >= count:
                return int(bucket)
    return 0
