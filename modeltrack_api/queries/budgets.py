"""Answer GET /api/budgets: the budgets of budgets.json, what is spent of each, and a projection."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from addons.ledger.budgets import Budget
from addons.ledger.spend import accounts_of
from modeltrack_api.amounts import percent, usd
from modeltrack_api.store.sums import totals
from modeltrack_api.utc import DAY, Window, day_of, micros, month_start, next_month
from modeltrack_api.web.handler import Ask

_Days = Mapping[int, int]
"""Nano-USD by the day's first moment (microseconds since 1970)."""


def budgets(ask: Ask) -> list[dict[str, Any]]:
    """Return the budgets in the file's order.

    `spend` is that of this calendar month (UTC). A budget without an app counts the spend of all the team's apps. The
    projection is linear: the month's spend so far, divided by the part of the month that is gone. `exhausted_on` is the
    day on which the budget ran out, or the day of this month on which it will at that rate, or null.
    """
    first = month_start(ask.now)
    month = Window(micros(first), micros(next_month(first)))
    days: defaultdict[tuple[str, str], defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for row in totals(ask.db, month, by=("team", "app_id"), measures=("cost_nanos",), bucket=DAY):
        for account in accounts_of(row["team"], row["app_id"]):
            days[account][row["start"]] += row["cost_nanos"]
    return [
        _standing(budget, days.get((budget.team, budget.app), {}), month, ask.now)
        for budget in ask.app.budgets.value.budgets
    ]


def _standing(budget: Budget, days: _Days, month: Window, now: datetime) -> dict[str, Any]:
    spent, limit = sum(days.values()), budget.limit_nanos
    # At the month's first moment there is no rate yet: the spend so far is taken as that of the whole month.
    gone = Fraction(micros(now.astimezone(UTC)) - month.start, month.end - month.start) or Fraction(1)
    return {
        "team": budget.team,
        "app": budget.app,
        "monthly_limit": usd(limit),
        "action": budget.action,
        "spend": usd(spent),
        "percent": percent(spent, limit),
        "remaining": usd(max(limit - spent, 0)),
        "projected_month_end": usd(round(spent / gone)),
        "exhausted_on": _exhausted_on(limit, days, month, gone),
    }


def _exhausted_on(limit: int, days: _Days, month: Window, gone: Fraction) -> str | None:
    spent = 0
    for day in sorted(days):
        spent += days[day]
        if spent >= limit:
            return day_of(day)
    if spent <= 0:
        return None
    moment = month.start + int((month.end - month.start) * gone * limit / spent)
    return day_of(moment) if moment < month.end else None
