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


def events(ask: Ask) -> dict[str, Any]:
    """Return a page of events. The collector's events are included, unless a filter leaves them out.

    `next_cursor` is null on the last page. It holds the time and id of the page's last event, not a count of events. So
    no event is skipped or shown twice when events are added meanwhile. Raises ApiError for a malformed cursor.
    """
    limit = ask.args["limit"]
    before, number = _position(ask.args["cursor"]) or (ask.window.end, 0)
    before = min(before, ask.window.end)
    since, asked = ask.window.start, _conditions(ask.filters)
    if asked.where:
        since = max(since, _since(ask.db, asked, before, limit + 1))
    rows = ask.db.execute(
        f"SELECT {COLUMNS} FROM ("
        f" SELECT id FROM events INDEXED BY {asked.index} WHERE ts >= ? AND ts <= ? AND (ts, id) < (?, ?){asked.where}"
        f" ORDER BY ts DESC, id DESC LIMIT ?"
        f") JOIN events e USING (id) {JOINED} ORDER BY e.ts DESC, e.id DESC",
        [since, before, before, number, *asked.wanted, limit + 1],
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


class _Conditions(NamedTuple):
    where: str
    """Conditions on `series` and `caller`, each after an AND; "" where all events will do."""
    wanted: list[str]
    """The parameters."""
    index: str
    """The index to read events by."""
    of_callers: bool


def _conditions(filters: Filters) -> _Conditions:
    labels = wanted_labels(filters, of_caller=False)
    caller, names = caller_where(filters)
    series = f"series IN (SELECT id FROM series WHERE {' AND '.join(f'{name} = ?' for name in labels)})"
    where = "".join(f" AND {condition}" for condition in (series if labels else "", caller) if condition)
    # Calls without a user or key may be most of all.
    index = "caller" if any(names) or not labels else "series"
    return _Conditions(where, [*labels.values(), *names], f"events_by_{index if where else 'time'}", bool(caller))


def _since(db: sqlite3.Connection, asked: _Conditions, before: int, count: int) -> int:
    """Return a time from which there are at least `count` such events up to `before`, and not many more.

    Returns 0 if there are fewer in all. It uses the sums by hour and day. Without it, a filter that few events pass
    would make the database read all other events too.
    """
    hour, day = before // HOUR * HOUR, (before - _HOURS_LOOKED_AT) // DAY * DAY
    tables = [("hourly", day, hour), ("daily", 0, day)]
    if asked.of_callers:
        tables = [("callers_daily", 0, before // DAY * DAY)]
    found = 0
    for table, start, end in tables:
        sums = db.execute(
            f"SELECT start, sum(requests) FROM {table} WHERE start >= ? AND start < ?{asked.where}"
            " GROUP BY start ORDER BY start DESC",
            [start, end, *asked.wanted],
        )
        for bucket, requests in sums:
            found += requests
            if found >= count:
                return int(bucket)
    return 0
