"""Sum cost events over any range of time, filtered and grouped, from the sums by day and hour.

Whole days of a range come from `daily`, whole hours at its ends from `hourly`, and the parts of hours at its very ends
from the events themselves. So the time that a question takes depends on its answer, not on the number of events.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from addons.ledger.events import LLM_CALL
from modeltrack_api.utc import DAY, HOUR, Window

LLM = LLM_CALL


class Filters(NamedTuple):
    """The labels asked for. None means any; "" means the events that have none."""

    team: str | None = None
    app_id: str | None = None
    model: str | None = None
    feature: str | None = None
    customer_tier: str | None = None
    provider: str | None = None


ANY = Filters()

Row = sqlite3.Row


def series_where(filters: Filters, event_type: str | None = LLM) -> tuple[str, list[str]]:
    """Return a condition on `series` and its parameters. None for `event_type` means all but calls to models."""
    wanted = {name: value for name, value in filters._asdict().items() if value is not None}
    kind = "event_type = ?" if event_type else "event_type != ?"
    return " AND ".join([kind, *(f"{name} = ?" for name in wanted)]), [event_type or LLM, *wanted.values()]


def totals(
    db: sqlite3.Connection,
    window: Window,
    filters: Filters = ANY,
    *,
    by: Sequence[str] = (),
    measures: Sequence[str] = ("cost_nanos", "requests"),
    bucket: int = 0,
    event_type: str | None = LLM,
    order: str = "",
) -> list[Row]:
    """Return one row for each combination of the labels in `by`, and of the bucket of time if there is one.

    `bucket` is HOUR or DAY; rows then begin with `start`, in microseconds. Without `by` and `bucket` there is one row,
    in which sums of nothing are None.
    """
    parts, parameters = _parts(window, finest=bucket == HOUR)
    columns = ", ".join(measures)
    union = " UNION ALL ".join(f"SELECT start, series, {columns} FROM {part}" for part in parts)
    sums = ", ".join(f"sum({name}) AS {name}" for name in measures)
    start = f"start / {bucket} * {bucket} AS start, " if bucket else ""
    where, wanted = series_where(filters, event_type)
    keys = [*(["start"] if bucket else []), *by]
    if by:
        # Summed by number first, so that the labels are looked up once for each series.
        inner = f"SELECT {start}series, {sums} FROM ({union}) GROUP BY {'1, ' if bucket else ''}series"
        sql = f"SELECT {', '.join([*keys, sums])} FROM ({inner}) JOIN series ON series.id = series WHERE {where}"
    else:
        sql = f"SELECT {start}{sums} FROM ({union}) WHERE series IN (SELECT id FROM series WHERE {where})"
    if keys:
        sql += f" GROUP BY {', '.join(map(str, range(1, len(keys) + 1)))} ORDER BY {order or ', '.join(keys)}"
    return db.execute(sql, [*parameters, *wanted]).fetchall()


def _parts(window: Window, finest: bool) -> tuple[list[str], list[int]]:
    """Return tables with their conditions, and the parameters. With `finest`, for sums by hour, leave out `daily`."""
    conditions: list[str] = []
    parameters: list[int] = []
    for table, start, end in _cover(window, finest):
        if start < end:
            conditions.append(f"{table} WHERE start >= ? AND start < ?")
            parameters += [start, end]
    return conditions or ["daily WHERE 0"], parameters


def _cover(window: Window, finest: bool) -> Iterator[tuple[str, int, int]]:
    start, end = window
    first_hour, last_hour = _up(start, HOUR), end // HOUR * HOUR
    if first_hour > last_hour:
        yield "facts", start, end
        return
    yield "facts", start, first_hour
    first_day, last_day = _up(start, DAY), end // DAY * DAY
    if finest or first_day > last_day:
        yield "hourly", first_hour, last_hour
    else:
        yield "hourly", first_hour, first_day
        yield "daily", first_day, last_day
        yield "hourly", last_day, last_hour
    yield "facts", last_hour, end


def _up(value: int, step: int) -> int:
    return -(-value // step) * step


def by_days(
    window: Window, table: str, source: str, keys: Sequence[str], measures: Sequence[str]
) -> tuple[str, list[int]]:
    """Return a SELECT of sums by day, keys and series, and its parameters.

    Whole days of the range come from `table`, and what is left at its ends from the events, by the view `source`.
    """
    start, end = window
    first, last = _up(start, DAY), end // DAY * DAY
    keyed, columns = ", ".join([*keys, "series"]), ", ".join(measures)
    sums = ", ".join(f"sum({name}) AS {name}" for name in measures)
    whole = f"SELECT start, {keyed}, {columns} FROM {table} WHERE start >= ? AND start < ?"
    rest = (
        f"SELECT start / {DAY} * {DAY} AS day, {keyed}, {sums} FROM {source} WHERE start >= ? AND start < ?"
        f" GROUP BY day, {keyed}"
    )
    if first > last:
        return f"SELECT day AS start, {keyed}, {columns} FROM ({rest})", [start, end]
    ends = [span for span in ((start, first), (last, end)) if span[0] < span[1]]
    parts = [whole, *[f"SELECT * FROM ({rest})"] * len(ends)]
    return " UNION ALL ".join(parts), [first, last, *(bound for span in ends for bound in span)]
