"""Sum cost events over any range of time, filtered and grouped, from the sums by day and hour.

Whole days of a range come from `daily`, whole hours at its ends from `hourly`, and the parts of hours at its very ends
from the events themselves. So the time that a question takes depends on its answer, not on the number of events.

Users and keys are callers. A question about them goes to `callers_daily` instead, and to the events for all parts of
days. So the many callers that there may be are in the way of no other question.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import orjson

from addons.ledger.events import LLM_CALL
from modeltrack_api.store.measures import CALLER
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
    user: str | None = None
    key_id: str | None = None


ANY = Filters()


class Among(NamedTuple):
    """Names of a label of callers, out of which a sum is asked for."""

    label: str
    names: Sequence[str]


Row = sqlite3.Row


def wanted_labels(filters: Filters, *, of_caller: bool) -> dict[str, str]:
    """Return the labels asked for: those of the caller, or those of the series."""
    asked = filters._asdict().items()
    return {name: value for name, value in asked if value is not None and (name in CALLER) == of_caller}


def series_where(filters: Filters, event_type: str | None = LLM) -> tuple[str, list[str]]:
    """Return a condition on `series` and its parameters. None for `event_type` means all but calls to models."""
    wanted = wanted_labels(filters, of_caller=False)
    kind = "event_type = ?" if event_type else "event_type != ?"
    return " AND ".join([kind, *(f"{name} = ?" for name in wanted)]), [event_type or LLM, *wanted.values()]


def caller_where(filters: Filters, among: Among | None = None) -> tuple[str, list[str]]:
    """Return a condition on the column `caller` and its parameters; "" where any caller will do."""
    wanted = {f"{name} = ?": value for name, value in wanted_labels(filters, of_caller=True).items()}
    if among:
        wanted[f"{among.label} IN (SELECT value FROM json_each(?))"] = orjson.dumps(among.names).decode()
    where = f"caller IN (SELECT id FROM callers WHERE {' AND '.join(wanted)})" if wanted else ""
    return where, list(wanted.values())


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
    among: Among | None = None,
) -> list[Row]:
    """Return one row for each combination of the labels in `by`, and of the bucket of time if there is one.

    `bucket` is HOUR or DAY; rows then begin with `start`, in microseconds. Without `by` and `bucket` there is one row,
    in which sums of nothing are None.
    """
    caller, names = caller_where(filters, among)
    by_caller = not set(CALLER).isdisjoint(by)
    by_series = not set(CALLER).issuperset(by)
    parts, parameters = _parts(_cover(window, bucket == HOUR, by_caller or bool(caller)), caller, names)
    columns = ", ".join([*(["caller"] if by_caller else []), *measures])
    union = " UNION ALL ".join(f"SELECT start, series, {columns} FROM {part}" for part in parts)
    sums = ", ".join(f"sum({name}) AS {name}" for name in measures)
    start = f"start / {bucket} * {bucket} AS start, " if bucket else ""
    where, wanted = series_where(filters, event_type)
    of_series = f"series IN (SELECT id FROM series WHERE {where})"
    keys = [*(["start"] if bucket else []), *by]
    if by:
        # Summed by number first, so that the labels are looked up once for each caller and series.
        numbers = ", ".join([*(["caller"] if by_caller else []), *(["series"] if by_series else [])])
        inner = f"SELECT {start}{numbers}, {sums} FROM ({union}){'' if by_series else f' WHERE {of_series}'}"
        inner += f" GROUP BY {'1, ' if bucket else ''}{numbers}"
        sql = f"SELECT {', '.join([*keys, sums])} FROM ({inner}) AS sums"
        sql += " JOIN callers ON callers.id = caller" if by_caller else ""
        sql += f" JOIN series ON series.id = series WHERE {where}" if by_series else ""
    else:
        sql = f"SELECT {start}{sums} FROM ({union}) WHERE {of_series}"
    if keys:
        sql += f" GROUP BY {', '.join(map(str, range(1, len(keys) + 1)))} ORDER BY {order or ', '.join(keys)}"
    return db.execute(sql, [*parameters, *wanted]).fetchall()


def _parts(
    cover: Iterable[tuple[str, int, int]], caller: str, names: Sequence[str]
) -> tuple[list[str], list[str | int]]:
    """Return tables with their conditions, and the parameters."""
    conditions: list[str] = []
    parameters: list[str | int] = []
    more = f" AND {caller}" if caller else ""
    for table, start, end in cover:
        if start < end:
            conditions.append(f"{table} WHERE start >= ? AND start < ?{more}")
            parameters += [start, end, *names]
    return conditions or ["facts WHERE 0"], parameters


def _cover(window: Window, finest: bool, by_caller: bool) -> Iterator[tuple[str, int, int]]:
    """Yield tables and the times that they cover. With `finest`, for sums by hour, leave out sums by day."""
    start, end = window
    if by_caller:
        yield from _cover_days("callers_daily", "facts", start, end, finest)
        return
    first_hour, last_hour = _up(start, HOUR), end // HOUR * HOUR
    if first_hour > last_hour:
        yield "facts", start, end
        return
    yield "facts", start, first_hour
    yield from _cover_days("daily", "hourly", first_hour, last_hour, finest)
    yield "facts", last_hour, end


def _cover_days(daily: str, rest: str, start: int, end: int, finest: bool) -> Iterator[tuple[str, int, int]]:
    first, last = _up(start, DAY), end // DAY * DAY
    if finest or first > last:
        yield rest, start, end
        return
    yield rest, start, first
    yield daily, first, last
    yield rest, last, end


def _up(value: int, step: int) -> int:
    return -(-value // step) * step


def by_days(
    window: Window, table: str, source: str, keys: Sequence[str], measures: Sequence[str], filters: Filters = ANY
) -> tuple[str, list[str | int]]:
    """Return a SELECT of sums by day, keys and series, and its parameters. Of the filters it knows those of callers.

    Whole days of the range come from `table`, and what is left at its ends from the events, by the view `source`. Of
    certain callers everything comes from their events.
    """
    start, end = window
    first, last = _up(start, DAY), end // DAY * DAY
    keyed, columns = ", ".join([*keys, "series"]), ", ".join(measures)
    sums = ", ".join(f"sum({name}) AS {name}" for name in measures)
    caller, names = caller_where(filters)
    whole = f"SELECT start, {keyed}, {columns} FROM {table} WHERE start >= ? AND start < ?"
    rest = (
        f"SELECT start / {DAY} * {DAY} AS day, {keyed}, {sums} FROM {source} WHERE start >= ? AND start < ?"
        f"{f' AND {caller}' if caller else ''} GROUP BY day, {keyed}"
    )
    if first > last or caller:
        return f"SELECT day AS start, {keyed}, {columns} FROM ({rest})", [start, end, *names]
    ends = [span for span in ((start, first), (last, end)) if span[0] < span[1]]
    parts = [whole, *[f"SELECT * FROM ({rest})"] * len(ends)]
    return " UNION ALL ".join(parts), [first, last, *(bound for span in ends for bound in span)]
