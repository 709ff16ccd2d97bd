"""Answer GET /api/events: single cost events, newest first, page by page."""

import re
import sqlite3
from typing import Any

from modeltrack_api.queries.rows import COLUMNS, cost_event
from modeltrack_api.store.sums import ANY, Filters
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
    wanted: list[str] = []
    since, where = ask.window.start, ""
    index = "events_by_time"
    if ask.filters != ANY:
        series, wanted = _series(ask.filters)
        since = max(since, _since(ask.db, series, wanted, before, limit + 1))
        where, index = f" AND {series}", "events_by_series"
    rows = ask.db.execute(
        f"SELECT {COLUMNS} FROM ("
        f" SELECT id FROM events INDEXED BY {index} WHERE ts >= ? AND ts <= ? AND (ts, id) < (?, ?){where}"
        f" ORDER BY ts DESC, id DESC LIMIT ?"
        f") JOIN events e USING (id) JOIN series s ON s.id = e.series ORDER BY e.ts DESC, e.id DESC",
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


def _series(filters: Filters) -> tuple[str, list[str]]:
    wanted = {name: value for name, value in filters._asdict().items() if value is not None}
    conditions = " AND ".join(f"{name} = ?" for name in wanted)
    return f"series IN (SELECT id FROM series WHERE {conditions})", list(wanted.values())


def _since(db: sqlite3.Connection, series: str, wanted: list[str], before: int, count: int) -> int:
    """Return a time from which there are at least `count` such events up to `before`, and not many more.

    Returns 0 if there are fewer in all. It uses the sums by hour and day. Without it, a filter that few events pass
    would make the database read all other events too.
    """
    hour, day = before // HOUR * HOUR, (before - _HOURS_LOOKED_AT) // DAY * DAY
    found = 0
    for table, start, end in (("hourly", day, hour), ("daily", 0, day)):
        sums = db.execute(
            f"SELECT start, sum(requests) FROM {table} WHERE start >= ? AND start < ? AND {series}"
            " GROUP BY start ORDER BY start DESC",
            [start, end, *wanted],
        )
        for bucket, requests in sums:
            found += requests
            if found >= count:
                return int(bucket)
    return 0
