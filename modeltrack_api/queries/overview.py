"""Answer GET /api/overview, for the dashboard's first page."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

from modeltrack_api.amounts import known, usd_or_null
from modeltrack_api.queries.common import NOTHING, Sum, added, dearest, left_out, spent
from modeltrack_api.store.measures import COST
from modeltrack_api.store.sums import Row, totals
from modeltrack_api.utc import DAY, Window, day_of, micros, month_start, next_month
from modeltrack_api.web.handler import Ask

TREND_DAYS = 30
"""The length of `spend_trend` without dates, including today."""

MOST_FILLED_DAYS = 366
"""A longer trend lists only the days with requests, since a range may cover thousands of years."""

_WHOLE = (*COST, "saved_by_cache", "saved_by_routing", "unsaved_hits", "unsaved_routed", "blocked")


def overview(ask: Ask) -> dict[str, Any]:
    """Return the sums, the top model and team, and the spend by day.

    With dates everything covers the range, and the three sums are the same. Without dates the sums are those of today,
    this week (from Monday) and this month in UTC, the trend has the last 30 days, and the rest covers all time. Days
    without requests are in the trend with 0. Beside each sum of money stands how many calls are not in it.
    """
    [whole] = totals(ask.db, ask.window, ask.filters, measures=_WHOLE)
    models, teams = dearest(ask, "model"), dearest(ask, "team")
    return {
        **_spends(ask, whole),
        "total_requests": whole["requests"] or 0,
        "top_model": _top(models, "model"),
        "top_team": _top(teams, "team"),
        "spend_trend": list(_trend(ask)),
        "saved_by_cache": usd_or_null(known(whole["saved_by_cache"], whole["unsaved_hits"])),
        "saved_by_routing": usd_or_null(known(whole["saved_by_routing"], whole["unsaved_routed"])),
        "unpriced_hits": whole["unsaved_hits"] or 0,
        "unpriced_routed": whole["unsaved_routed"] or 0,
        "blocked_requests": whole["blocked"] or 0,
        **left_out(whole),
    }


def _spends(ask: Ask, whole: Sum) -> dict[str, Any]:
    spans = _spans(ask)
    if ask.has_window:
        sums: dict[str, Sum] = dict.fromkeys(spans, whole)
    else:
        days = _days(ask, Window(min(span.start for span in spans.values()), max(span.end for span in spans.values())))
        sums = {
            name: added(day for day in days if span.start <= day["start"] < span.end) for name, span in spans.items()
        }
    money = {f"spend_{name}": spent(row) for name, row in sums.items()}
    return money | {f"unpriced_requests_{name}": row["unpriced"] or 0 for name, row in sums.items()}


def _spans(ask: Ask) -> dict[str, Window]:
    today, first = _today(ask), month_start(ask.now)
    monday = today - ask.now.astimezone(UTC).weekday() * DAY
    return {
        "today": Window(today, today + DAY),
        "this_week": Window(monday, monday + 7 * DAY),
        "this_month": Window(micros(first), micros(next_month(first))),
    }


def _trend(ask: Ask) -> Iterator[dict[str, Any]]:
    today = _today(ask)
    window = ask.window if ask.has_window else Window(today - (TREND_DAYS - 1) * DAY, today + DAY)
    rows = _days(ask, window)
    start, end = window.start // DAY * DAY, min(window.end, max(today, rows[-1]["start"] if rows else 0) + DAY)
    days: dict[int, Sum] = {}
    if end - start <= MOST_FILLED_DAYS * DAY:
        days = dict.fromkeys(range(start, end, DAY), NOTHING)
    days |= {row["start"]: row for row in rows}
    for day, row in days.items():
        yield {"day": day_of(day), "spend": spent(row), "requests": row["requests"], **left_out(row)}


def _days(ask: Ask, window: Window) -> list[Row]:
    return totals(ask.db, window, ask.filters, bucket=DAY, measures=COST)


def _top(rows: Sequence[Row], label: str) -> dict[str, Any] | None:
    return {label: rows[0][label], "spend": spent(rows[0]), **left_out(rows[0])} if rows else None


def _today(ask: Ask) -> int:
    return micros(ask.now) // DAY * DAY
