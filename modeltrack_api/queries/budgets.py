"""Answer GET /api/budgets: the budgets of budgets.json, what is spent of each, and a projection."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from addons.ledger.budgets import Budget
from addons.ledger.names import Account, accounts_of
from modeltrack_api.amounts import percent, usd
from modeltrack_api.queries.common import added, left_out, spent_nanos
from modeltrack_api.store.measures import COST
from modeltrack_api.store.sums import Row, totals
from modeltrack_api.utc import DAY, Window, day_of, micros, month_start, next_month
from modeltrack_api.web.handler import Ask

_Days = Mapping[int, int]
"""Nano-USD by the day's first moment (microseconds since 1970)."""

_FOLLOWS = ("spend", "percent", "remaining", "projected_month_end", "exhausted_on")
"""The members that say how the budget stands."""


def budgets(ask: Ask) -> list[dict[str, Any]]:
    """Return the budgets in the file's order.

    `spend` is that of this calendar month (UTC). A budget without an app counts the spend of all the team's apps. The
    projection is linear: the month's spend so far, divided by the part of the month that is gone. `exhausted_on` is the
    day on which the budget ran out, or the day of this month on which it will at that rate, or null. Where none of the
    spend is known, all that follows from it is null.
    """
    first = month_start(ask.now)
    month = Window(micros(first), micros(next_month(first)))
    found: defaultdict[Account, list[Row]] = defaultdict(list)
    for row in totals(ask.db, month, by=("team", "app_id"), measures=COST, bucket=DAY):
        for account in accounts_of(row["team"], row["app_id"]):
            found[account].append(row)
    return [
        _standing(budget, found.get(budget.account, ()), month, ask.now) for budget in ask.app.budgets.value.budgets
    ]


def _standing(budget: Budget, rows: Sequence[Row], month: Window, now: datetime) -> dict[str, Any]:
    sums = added(rows)
    head = {"team": budget.team, "app": budget.app, "monthly_limit": usd(budget.limit_nanos), "action": budget.action}
    spent = spent_nanos(sums)
    if spent is None:
        return head | dict.fromkeys(_FOLLOWS) | left_out(sums)
    days: defaultdict[int, int] = defaultdict(int)
    for row in rows:
        days[row["start"]] += row["cost_nanos"]
    # At the month's first moment there is no rate yet: the spend so far is taken as that of the whole month.
    gone = Fraction(micros(now.astimezone(UTC)) - month.start, month.end - month.start) or Fraction(1)
    follows = (
        usd(spent),
        percent(spent, budget.limit_nanos),
        usd(max(budget.limit_nanos - spent, 0)),
        usd(round(spent / gone)),
        _exhausted_on(budget.limit_nanos, days, month, gone),
    )
    return head | dict(zip(_FOLLOWS, follows, strict=True)) | left_out(sums)


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
