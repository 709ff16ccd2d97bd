"""Answer GET /api/overview, for the dashboard's first page."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

from modeltrack_api.amounts import usd
from modeltrack_api.queries.common import COST, dearest
from modeltrack_api.store.sums import Row, totals
from modeltrack_api.utc import DAY, Window, day_of, micros, month_start, next_month
from modeltrack_api.web.handler import Ask

TREND_DAYS = 30
"""The length of `spend_trend` without dates, including today."""

MOST_FILLED_DAYS = 366
"""A longer trend lists only the days with requests, since a range may cover thousands of years."""

_WHOLE = (*COST, "saved_by_cache", "saved_by_routing", "blocked")


def overview(ask: Ask) -> dict[str, Any]:
    """Return the sums, the top model and team, and the spend by day.

    With dates everything covers the range, and the three sums are the same. Without dates the sums are those of today,
    this week (from Monday) and this month in UTC, the trend has the last 30 days, and the rest covers all time. Days
    without requests are in the trend with 0.
    """
    [whole] = totals(ask.db, ask.window, ask.filters, measures=_WHOLE)
    models, teams = dearest(ask, "model"), dearest(ask, "team")
    return {
        **_spends(ask, whole),
        "total_requests": whole["requests"] or 0,
        "top_model": _top(models, "model"),
        "top_team": _top(teams, "team"),
        "spend_trend": list(_trend(ask)),
        "saved_by_cache": usd(whole["saved_by_cache"]),
        "saved_by_routing": usd(whole["saved_by_routing"]),
        "blocked_requests": whole["blocked"] or 0,
    }


def _spends(ask: Ask, whole: Row) -> dict[str, Any]:
    names = ("spend_today", "spend_this_week", "spend_this_month")
    if ask.has_window:
        return dict.fromkeys(names, usd(whole["cost_nanos"]))
    today = _today(ask)
    monday = today - ask.now.astimezone(UTC).weekday() * DAY
    first = month_start(ask.now)
    spans = (
        Window(today, today + DAY),
        Window(monday, monday + 7 * DAY),
        Window(micros(first), micros(next_month(first))),
    )
    days = _days(ask, Window(min(span.start for span in spans), max(span.end for span in spans)))
    return {
        name: usd(sum(row["cost_nanos"] for row in days if span.start <= row["start"] < span.end))
        for name, span in zip(names, spans, strict=True)
    }


def _trend(ask: Ask) -> Iterator[dict[str, Any]]:
    today = _today(ask)
    window = ask.window if ask.has_window else Window(today - (TREND_DAYS - 1) * DAY, today + DAY)
    rows = _days(ask, window)
    start, end = window.start // DAY * DAY, min(window.end, max(today, rows[-1]["start"] if rows else 0) + DAY)
    if end - start > MOST_FILLED_DAYS * DAY:
        filled: dict[int, tuple[int, int]] = {}
    else:
        filled = dict.fromkeys(range(start, end, DAY), (0, 0))
    filled |= {row["start"]: (row["cost_nanos"], row["requests"]) for row in rows}
    for day, (nanos, requests) in filled.items():
        yield {"day": day_of(day), "spend": usd(nanos), "requests": requests}


def _days(ask: Ask, window: Window) -> list[Row]:
    return totals(ask.db, window, ask.filters, bucket=DAY)


def _top(rows: Sequence[Row], label: str) -> dict[str, Any] | None:
    return {label: rows[0][label], "spend": usd(rows[0]["cost_nanos"])} if rows else None


def _today(ask: Ask) -> int:
    return micros(ask.now) // DAY * DAY
