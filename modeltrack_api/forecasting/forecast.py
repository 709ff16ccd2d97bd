"""GET /api/forecast: what will be spent, by the trend of the days before (see `modeltrack_api.forecasting.trend`)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count, groupby, takewhile
from statistics import fmean
from typing import Any

from addons.ledger.money import NANOS_PER_USD
from modeltrack_api.amounts import about, usd
from modeltrack_api.forecasting.trend import INTERVAL, LEAST_FOR_A_LINE, Range, Trend
from modeltrack_api.prices.cheaper_models import ASSUMING, NOT_COMPARED, switches
from modeltrack_api.queries.common import COST_AND_TOKENS, dearest
from modeltrack_api.queries.spend import PERIODS
from modeltrack_api.store.sums import totals
from modeltrack_api.utc import DAY, Window, micros
from modeltrack_api.web.handler import Ask

MONTH, QUARTER = 30, 90
"""Days."""

SHOWN_DAYS = 365
"""Days of history, which begins with the whole period that the first of them is in."""

TREND_DAYS = 91
"""The trend is that of thirteen whole weeks: older days say little about those to come."""

_RUN_RATE_DAYS = 7
_HIGH, _HIGH_DAYS, _LOW = 0.2, 28, 0.5
"""Bounds of the confidence: how far the next month may be off, as a part of it, and days of history."""

Period = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class _History:
    """Nano-USD by day, from the first one with calls on; days without any are there, with 0."""

    today: int
    """The start of today, in microseconds."""
    days: Sequence[int]
    """Amounts up to yesterday's."""
    spent_today: int
    calls: int
    unpriced: int
    """Calls without a known price, which are not in the sums."""

    @property
    def whole(self) -> Sequence[int]:
        """Return the amounts of the days to go by: today, which is not over, only if there is no other."""
        return self.days or ([self.spent_today] if self.calls else [])

    def all(self) -> Iterator[tuple[int, int]]:
        """Yield starts of days and their amounts, today included."""
        if self.calls:
            amounts = [*self.days, self.spent_today]
            yield from zip(range(self.today - len(self.days) * DAY, self.today + DAY, DAY), amounts, strict=True)


def forecast(ask: Ask) -> dict[str, Any]:
    """Return the spend by period up to today, whose point `is_partial`, and that to be expected. The trend leaves today
    out.

    The forecast begins tomorrow and has `horizon_days` days; by week or month it has the whole of each period that they
    touch, with what has been spent in the current one. `low` and `high` enclose what comes in 4 of 5 cases. A month is
    30 days and a quarter 90, both from tomorrow on; `current_monthly_run_rate` is 30 days at the mean of the last 7.
    `growth_rate_pct` is what the trend adds to a day's spend in 30 days. `savings` is an amount of a month.
    """
    period = PERIODS[ask.args["granularity"]]
    history = _history(ask, period)
    trend = Trend.of([nanos / NANOS_PER_USD for nanos in history.whole[-TREND_DAYS:]])
    month, quarter = (_ahead(trend, range(1, days + 1)) for days in (MONTH, QUARTER))
    confidence, reason = _confidence(history, trend, month)
    return {
        "historical": list(_historical(history, period)),
        "forecast": list(_points(history, trend, ask.args["horizon_days"], period)),
        "summary": {
            "current_monthly_run_rate": _usd(fmean(history.whole[-_RUN_RATE_DAYS:] or [0]) * MONTH / NANOS_PER_USD),
            "projected_next_month": _usd(month.expected),
            "projected_next_quarter": _usd(quarter.expected),
            "growth_rate_pct": _growth(trend),
            "confidence": confidence,
            "confidence_reason": reason,
            "interval_pct": round(INTERVAL * 100),
        },
        "scenarios": {
            "current_trend": {"monthly": _usd(month.expected), "quarterly": _usd(quarter.expected)},
            "if_traffic_doubles": {"monthly": _usd(2 * month.expected), "quarterly": _usd(2 * quarter.expected)},
            "if_switch_to_cheaper_model": _cheaper(ask, history.today, month.expected, quarter.expected),
        },
    }


def _history(ask: Ask, period: Period) -> _History:
    today = micros(ask.now) // DAY * DAY
    oldest = micros(datetime.fromisoformat(period(today - SHOWN_DAYS * DAY)).replace(tzinfo=UTC))
    rows = totals(
        ask.db,
        Window(oldest, today + DAY),
        ask.filters,
        measures=("cost_nanos", "requests", "unpriced"),
        bucket=DAY,
    )
    by_day = {row["start"]: row["cost_nanos"] for row in rows}
    return _History(
        today,
        [by_day.get(day, 0) for day in range(min(by_day, default=today), today, DAY)],
        by_day.get(today, 0),
        calls=sum(row["requests"] for row in rows),
        unpriced=sum(row["unpriced"] for row in rows),
    )


def _historical(history: _History, period: Period) -> Iterator[dict[str, Any]]:
    for date, days in groupby(history.all(), lambda day: period(day[0])):
        spent = usd(sum(nanos for _, nanos in days))
        yield {"date": date, "spend": spent, "is_partial": date == period(history.today)}


def _ahead(trend: Trend, days: Sequence[int]) -> Range:
    """Return the range of these days together, counted from today, which is 0."""
    return trend.total([trend.days + day for day in days])


def _points(history: _History, trend: Trend, horizon: int, period: Period) -> Iterator[dict[str, Any]]:
    def name(day: int) -> str:
        return period(history.today + day * DAY)

    last = name(horizon)
    for date, group in groupby(takewhile(lambda day: day <= horizon or name(day) == last, count(1)), name):
        days, spent, least = list(group), 0.0, 0.0
        if date == name(0):
            days.insert(0, 0)
            before = sum(nanos for start, nanos in history.all() if period(start) == date and start < history.today)
            least = (before + history.spent_today) / NANOS_PER_USD
            spent = max(before / NANOS_PER_USD, least - max(trend.day(trend.days), 0.0))
        expected, low, high = (max(spent + amount, least) for amount in _ahead(trend, days))
        yield {"date": date, "predicted": _usd(expected), "low": _usd(low), "high": _usd(high)}


def _growth(trend: Trend) -> float:
    level = trend.level()
    if level <= 0:
        return -100.0 if trend.slope < 0 else 0.0
    return round(max(trend.slope * MONTH * 100 / level, -100.0), 2)


def _confidence(history: _History, trend: Trend, month: Range) -> tuple[str, str]:
    if not history.calls:
        return "low", "there have been no calls yet"
    days = len(history.days)
    more = f"; {history.unpriced} calls without a known price are not in it" if history.unpriced else ""
    if days < LEAST_FOR_A_LINE:
        seen = f"{days} whole {'day' if days == 1 else 'days'} of history"
        return "low", f"{seen}: a trend needs {LEAST_FOR_A_LINE}, so this is their mean{more}"
    if not month.expected:
        return "low", f"{trend.days} days of history, by whose trend nothing more would be spent{more}"
    off = (month.high - month.expected) / month.expected
    level = "low" if off > _LOW else "high" if off <= _HIGH and days >= _HIGH_DAYS else "medium"
    return level, (
        f"by {trend.days} days of history, the next {MONTH} days stay within {off * 100:.0f}% of the projection"
        f" in {INTERVAL * 10:.0f} of 10 cases{more}"
    )


def _cheaper(ask: Ask, today: int, monthly: float, quarterly: float) -> dict[str, Any]:
    """Return the one change of models that saves most, by the calls of the last 30 days and today."""
    recent = replace(ask, window=Window(today - MONTH * DAY, today + DAY))
    used = [dict(row) for row in dearest(recent, "provider", "model", measures=COST_AND_TOKENS)]
    best = next(iter(switches(ask, used)), None)
    part = best.saved_nanos / sum(row["cost_nanos"] for row in used) if best else 0.0
    return {
        "monthly": _usd(monthly * (1 - part)),
        "quarterly": _usd(quarterly * (1 - part)),
        "savings": _usd(monthly) - _usd(monthly * (1 - part)),
        "description": (
            f"{best.change}, the cheapest comparable model: {ASSUMING} the last {MONTH} days would have cost"
            f" {about(best.cost_nanos - best.saved_nanos)} instead of {about(best.cost_nanos)}; {NOT_COMPARED}"
            if best
            else "no model of the last 30 days has a comparable one that is clearly cheaper"
        ),
    }


def _usd(amount: float) -> Decimal:
    return usd(round(amount * NANOS_PER_USD))
