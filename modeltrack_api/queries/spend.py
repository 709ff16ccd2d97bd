"""Answer GET /api/spend and /api/spend/summary."""

from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from modeltrack_api.queries.callers import MOST_CALLERS, by_caller
from modeltrack_api.queries.common import (
    COST_AND_TOKENS,
    Sum,
    added,
    dearest,
    left_out,
    spend_by,
    spent,
    tokens_by_kind,
    unpriced_by,
)
from modeltrack_api.store.sums import totals
from modeltrack_api.utc import DAY, FOREVER, HOUR, Window, day_of, micros, moment, month_start
from modeltrack_api.web.handler import Ask

HOURS_SHOWN = 7 * DAY
"""How far back hours are listed if no start date is given, in microseconds."""


def _hour(start: int) -> str:
    return moment(start).replace(tzinfo=None).isoformat() + "Z"


def _week(start: int) -> str:
    day = moment(start).date()
    return (day - timedelta(days=min(day.weekday(), day.toordinal() - 1))).isoformat()


PERIODS: dict[str, Callable[[int], str]] = {
    "hour": _hour,
    "day": day_of,
    "week": _week,
    "month": lambda start: month_start(moment(start)).date().isoformat(),
}
"""How each granularity names the period of a moment: by the period's first hour or day (UTC). Weeks begin on Monday."""


def spend(ask: Ask) -> list[dict[str, Any]]:
    """Return the periods with requests, oldest first. A period that the range cuts counts only what is in the range.

    `period` is the day on which the period begins, or an hour's first moment. Without a start date, hours go back
    7 days from the range's end, or from now.
    """
    granularity = ask.args["granularity"]
    is_hourly = granularity == "hour"
    window = _recent(ask) if is_hourly else ask.window
    rows = totals(ask.db, window, ask.filters, measures=COST_AND_TOKENS, bucket=HOUR if is_hourly else DAY)
    name = PERIODS[granularity]
    periods: defaultdict[str, list[Sum]] = defaultdict(list)
    for row in rows:
        periods[name(row["start"])].append(row)
    sums = {period: added(group, COST_AND_TOKENS) for period, group in periods.items()}
    return [
        {
            "period": period,
            "total_spend": spent(row),
            "request_count": row["requests"],
            **tokens_by_kind(row),
            **left_out(row),
        }
        for period, row in sums.items()
    ]


def _recent(ask: Ask) -> Window:
    start, end = ask.window
    if start == 0:
        last = end if end < FOREVER else micros(ask.now)
        start = max(0, (last - HOURS_SHOWN) // HOUR * HOUR)
    return Window(start, end)


def spend_summary(ask: Ask) -> dict[str, Any]:
    """Return the sums in all and by label. The maps of calls without a known price leave out those that have none.

    Of users and keys the 1000 dearest are listed.
    """
    teams, models, apps = (dearest(ask, label) for label in ("team", "model", "app_id"))
    users, keys = (rows[:MOST_CALLERS] for rows in by_caller(ask))
    whole = added(teams)
    return {
        "total_spend": spent(whole),
        "total_requests": whole["requests"],
        **left_out(whole),
        "by_team": spend_by(teams, "team"),
        "by_model": spend_by(models, "model"),
        "by_app": spend_by(apps, "app_id"),
        "by_user": spend_by(users, "user"),
        "by_key": spend_by(keys, "key_id"),
        "unpriced_requests_by_team": unpriced_by(teams, "team"),
        "unpriced_requests_by_model": unpriced_by(models, "model"),
        "unpriced_requests_by_app": unpriced_by(apps, "app_id"),
        "unpriced_requests_by_user": unpriced_by(users, "user"),
        "unpriced_requests_by_key": unpriced_by(keys, "key_id"),
    }
