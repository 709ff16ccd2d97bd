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
from modeltrack_api.queries.common import COST_AND_TOKENS, NOTHING, Sum, added, dearest, left_out, spent, spent_nanos
from modeltrack_api.queries.spend import PERIODS
from modeltrack_api.store.measures import COST
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

NO_PRICE = "no call that it would go by has a known price"

Period = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class _History:
    """Holds the sums by day, from the first one with calls on; days without any are there, with nothing."""

    today: int
    """The start of today, in microseconds."""
    days: Sequence[Sum]
    """The sums of the days up to yesterday."""
    of_today: Sum
    whole: Sum
    """The sums of all days together, today included."""

    @property
    def calls(self) -> int:
        return int(self.whole["requests"])

    @property
    def recent(self) -> Sequence[Sum]:
        """Return the days to go by, the last thirteen weeks: today, which is not over, only if there is no other."""
        return (self.days or ([self.of_today] if self.calls else []))[-TREND_DAYS:]

    @property
    def is_unknown(self) -> bool:
        """Tell whether nothing is known of the spend of the days to go by, though there were calls."""
        return spent_nanos(added(self.recent)) is None

    def all(self) -> Iterator[tuple[int, Sum]]:
        """Yield starts of days and their sums, today included."""
        if self.calls:
            starts = range(self.today - len(self.days) * DAY, self.today + DAY, DAY)
            yield from zip(starts, [*self.days, self.of_today], strict=True)


def forecast(ask: Ask) -> dict[str, Any]:
    """Return the spend by period up to today, whose point `is_partial`, and that to be expected. The trend leaves today
    out.

    The forecast begins tomorrow and has `horizon_days` days; by week or month it has the whole of each period that they
    touch, with what has been spent in the current one. `low` and `high` enclose what comes in 4 of 5 cases. A month is
    30 days and a quarter 90, both from tomorrow on; `current_monthly_run_rate` is 30 days at the mean of the last 7.
    `growth_rate_pct` is what the trend adds to a day's spend in 30 days. `savings` is an amount of a month. Days
    of which no price is known are left out of the trend; where there are no others, what follows from it is null.
    """
    period = PERIODS[ask.args["granularity"]]
    history = _history(ask, period)
    if history.is_unknown:
        return _unknown(ask, history, period)
    trend = Trend.of([_amount(day) for day in history.recent])
    month, quarter = (_ahead(trend, range(1, days + 1)) for days in (MONTH, QUARTER))
    confidence, reason = _confidence(history, trend, month)
    return {
        "historical": list(_historical(history, period)),
        "forecast": list(_points(history, trend, ask.args["horizon_days"], period)),
        "summary": {
            "current_monthly_run_rate": _run_rate(history.recent[-_RUN_RATE_DAYS:]),
            "projected_next_month": _usd(month.expected),
            "projected_next_quarter": _usd(quarter.expected),
            "growth_rate_pct": _growth(trend),
            "confidence": confidence,
            "confidence_reason": reason,
            "interval_pct": round(INTERVAL * 100),
            **left_out(history.whole),
        },
        "scenarios": {
            "current_trend": {"monthly": _usd(month.expected), "quarterly": _usd(quarter.expected)},
            "if_traffic_doubles": {"monthly": _usd(2 * month.expected), "quarterly": _usd(2 * quarter.expected)},
            "if_switch_to_cheaper_model": _cheaper(ask, history.today, month.expected, quarter.expected),
        },
    }


def _unknown(ask: Ask, history: _History, period: Period) -> dict[str, Any]:
    """Return the answer where no price of the days to go by is known."""
    dates = (date for date, _ in _periods(history, ask.args["horizon_days"], period))
    money = ("current_monthly_run_rate", "projected_next_month", "projected_next_quarter", "growth_rate_pct")
    nothing = {"monthly": None, "quarterly": None}
    return {
        "historical": list(_historical(history, period)),
        "forecast": [{"date": date, "predicted": None, "low": None, "high": None} for date in dates],
        "summary": {
            **dict.fromkeys(money),
            "confidence": "low",
            "confidence_reason": NO_PRICE,
            "interval_pct": round(INTERVAL * 100),
            **left_out(history.whole),
        },
        "scenarios": {
            "current_trend": nothing,
            "if_traffic_doubles": nothing,
            "if_switch_to_cheaper_model": {**nothing, "savings": None, "description": NO_PRICE},
        },
    }


def _history(ask: Ask, period: Period) -> _History:
    today = micros(ask.now) // DAY * DAY
    oldest = micros(datetime.fromisoformat(period(today - SHOWN_DAYS * DAY)).replace(tzinfo=UTC))
    rows = totals(ask.db, Window(oldest, today + DAY), ask.filters, measures=COST, bucket=DAY)
    by_day: dict[int, Sum] = {row["start"]: row for row in rows}
    return _History(
        today,
        [by_day.get(day, NOTHING) for day in range(min(by_day, default=today), today, DAY)],
        by_day.get(today, NOTHING),
        added(rows),
    )


def _historical(history: _History, period: Period) -> Iterator[dict[str, Any]]:
    for date, days in groupby(history.all(), lambda day: period(day[0])):
        sums = added(day for _, day in days)
        yield {"date": date, "spend": spent(sums), "is_partial": date == period(history.today), **left_out(sums)}


def _amount(day: Sum) -> float | None:
    nanos = spent_nanos(day)
    return None if nanos is None else nanos / NANOS_PER_USD


def _run_rate(days: Sequence[Sum]) -> Decimal | None:
    known = [amount for day in days if (amount := _amount(day)) is not None]
    return None if spent_nanos(added(days)) is None else _usd(fmean(known or [0]) * MONTH)


def _ahead(trend: Trend, days: Sequence[int]) -> Range:
    """Return the range of these days together, counted from today, which is 0."""
    return trend.total([trend.days + day for day in days])


def _periods(history: _History, horizon: int, period: Period) -> Iterator[tuple[str, list[int]]]:
    """Yield the periods to come, each with its days to come; tomorrow is 1."""

    def name(day: int) -> str:
        return period(history.today + day * DAY)

    last = name(horizon)
    for date, days in groupby(takewhile(lambda day: day <= horizon or name(day) == last, count(1)), name):
        yield date, list(days)


def _points(history: _History, trend: Trend, horizon: int, period: Period) -> Iterator[dict[str, Any]]:
    for date, days in _periods(history, horizon, period):
        already, least = 0.0, 0.0
        if date == period(history.today):
            days.insert(0, 0)
            before = sum(
                day["cost_nanos"] for start, day in history.all() if period(start) == date and start < history.today
            )
            least = (before + history.of_today["cost_nanos"]) / NANOS_PER_USD
            already = max(before / NANOS_PER_USD, least - max(trend.day(trend.days), 0.0))
        expected, low, high = (max(already + amount, least) for amount in _ahead(trend, days))
        yield {"date": date, "predicted": _usd(expected), "low": _usd(low), "high": _usd(high)}


def _growth(trend: Trend) -> float:
    level = trend.level()
    if level <= 0:
        return -100.0 if trend.slope < 0 else 0.0
    return round(max(trend.slope * MONTH * 100 / level, -100.0), 2)


def _confidence(history: _History, trend: Trend, month: Range) -> tuple[str, str]:
    if not history.calls:
        return "low", "there have been no calls yet"
    days = sum(spent_nanos(day) is not None for day in history.days)
    unpriced = history.whole["unpriced"]
    more = f"; {unpriced} calls without a known price are not in it" if unpriced else ""
    if days < LEAST_FOR_A_LINE:
        whole = f"{days} whole {'day' if days == 1 else 'days'} of history"
        return "low", f"{whole}: a trend needs {LEAST_FOR_A_LINE}, so this is their mean{more}"
    seen = sum(spent_nanos(day) is not None for day in history.recent)
    if not month.expected:
        return "low", f"{seen} days of history, by whose trend nothing more would be spent{more}"
    off = (month.high - month.expected) / month.expected
    level = "low" if off > _LOW else "high" if off <= _HIGH and days >= _HIGH_DAYS else "medium"
    return level, (
        f"by {seen} days of history, the next {MONTH} days stay within {off * 100:.0f}% of the projection"
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
