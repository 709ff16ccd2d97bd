"""Find what deserves an alert, from the database alone. Nothing here writes, sends or keeps state.

An alert's `once` says what it is about, and the database takes only one alert with the same `once`. So it does no harm
to find the same thing again and again.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from addons.ledger.budgets import BudgetsFile
from addons.ledger.money import format_usd
from addons.ledger.names import Account, compared
from addons.ledger.spend import WARN_PERCENT
from modeltrack_api.amounts import about
from modeltrack_api.slack.messages import short
from modeltrack_api.slack.outbox import once
from modeltrack_api.store.measures import COST
from modeltrack_api.store.sums import LLM, Row, totals
from modeltrack_api.utc import HOUR, Window, day_start, micros, moment, month_start, next_month

TRAILING_HOURS = 7 * 24
"""An hour is compared with the hours in this time before it in which the team spent anything."""
LEAST_HOURS = 6
"""With fewer hours to compare with, nobody can say what is usual."""
TIMES = 2
"""An hour is an anomaly when it cost more than this many times the mean."""
LEAST_NANOS = 10**9
"""Nano-USD. An hour that cost less than this (a dollar) is never an anomaly."""
LATE_HOURS = 24
"""Hours this old are still looked at, since the process may have been down, or events may have come late."""
_LATE = timedelta(hours=1)
"""A month or day that ended this recently is still looked at, because of events from its last moments."""
_LOOK_BACK_EVENTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Alert:
    once: str
    type: str
    message: str
    team: str = ""
    app_id: str = ""
    hour: int | None = None
    """The first moment of an anomaly's hour, in microseconds since 1970."""
    hourly_nanos: int | None = None
    """The cost of the anomaly's hour, in nano-USD."""
    avg_nanos: int | None = None
    """The mean that the hour is compared with, in nano-USD."""
    unpriced: int | None = None
    """Calls of the anomaly's hour that are not in its cost, or not in whole, for want of a price."""
    details: tuple[tuple[str, str], ...] = ()
    """Names and values that the Slack message shows."""


# Budgets


@dataclass(frozen=True, slots=True)
class Limit:
    """A spending limit of a team or of an app; "" as team or app means any."""

    key: tuple[str | int, ...]
    """The first parts of `once` for the alerts of this limit."""
    span: str
    """"monthly" or "daily", in UTC."""
    team: str
    app_id: str
    nanos: int
    blocks: bool = False
    """Whether the proxy refuses calls once the limit is reached."""

    @property
    def who(self) -> str:
        named = [f"team '{self.team}'"] * bool(self.team) + [f"app '{self.app_id}'"] * bool(self.app_id)
        text = ", ".join(named) or "all teams together"
        return text[0].upper() + text[1:]


def limits(budgets: BudgetsFile, db: sqlite3.Connection) -> Iterator[Limit]:
    """Yield the limits of budgets.json, and those that only alert.

    The amount is part of the key of the first kind: an alert for a limit that was changed is sent again.
    """
    for budget in budgets.budgets:
        nanos = budget.limit_nanos
        key = "budget", budget.team, budget.app, nanos
        yield Limit(key, "monthly", budget.team, budget.app, nanos, budget.action == "block")
    for row in db.execute("SELECT id, team, app_id, daily_nanos, monthly_nanos FROM alert_budgets ORDER BY id"):
        for span in ("daily", "monthly"):
            if nanos := row[f"{span}_nanos"]:
                yield Limit(("alert_budget", row["id"], span), span, row["team"], row["app_id"], nanos)


def budget_alerts(db: sqlite3.Connection, every: Iterable[Limit], now: datetime) -> Iterator[Alert]:
    """Yield an alert for each limit that is at 80% or at 100% in its month or day; past 100% only the second one."""
    by_span: defaultdict[str, list[Limit]] = defaultdict(list)
    for limit in every:
        by_span[limit.span].append(limit)
    for span, of_span in by_span.items():
        start_of = month_start if span == "monthly" else day_start
        for start in sorted({start_of(now - _LATE), start_of(now)}):
            end = next_month(start) if span == "monthly" else start + timedelta(days=1)
            spent = _spent(db, Window(micros(start), micros(end)))
            for limit in of_span:
                yield from _reached(limit, spent[compared(limit.team), compared(limit.app_id)], start, end)


class Spent(NamedTuple):
    nanos: int = 0
    unpriced: int = 0
    """Calls that are not in the amount, or not in whole, for want of a price."""

    def plus(self, row: Row) -> "Spent":
        return Spent(self.nanos + row["cost_nanos"], self.unpriced + row["unpriced"] + row["unpriced_usage"])

    @property
    def note(self) -> str:
        """Return what to add to a text that names the amount."""
        calls = "1 call is" if self.unpriced == 1 else f"{self.unpriced:,} calls are"
        return f"; {calls} not in it for want of a price" if self.unpriced else ""


def _spent(db: sqlite3.Connection, window: Window) -> defaultdict[Account, Spent]:
    """Return what was spent by team and app, where "" stands for any."""
    spent: defaultdict[Account, Spent] = defaultdict(Spent)
    for row in totals(db, window, by=("team", "app_id"), measures=COST):
        team, app_id = compared(row["team"]), compared(row["app_id"])
        for account in {("", ""), (team, ""), ("", app_id), (team, app_id)}:
            spent[account] = spent[account].plus(row)
    return spent


def _reached(limit: Limit, sums: Spent, start: datetime, end: datetime) -> Iterator[Alert]:
    spent = sums.nanos
    if spent <= 0 or spent * 100 < limit.nanos * WARN_PERCENT:
        return
    is_over = spent >= limit.nanos
    threshold = 100 if is_over else WARN_PERCENT
    is_monthly = limit.span == "monthly"
    when = f"{start:%B %Y}" if is_monthly else f"{start:%Y-%m-%d}"
    percent = f"{spent * 100 // max(limit.nanos, 1)}%"
    amounts = f"{format_usd(spent)} of {format_usd(limit.nanos)}"
    tail = f"; its calls are refused until {end:%Y-%m-%d}" if is_over and limit.blocks else ""
    yield Alert(
        once(*limit.key, threshold, f"{start:%Y-%m}" if is_monthly else when),
        "budget_exceeded" if is_over else "budget_warning",
        f"{limit.who} {'has reached' if is_over else 'is at'} {percent} of its {limit.span} budget"
        f" ({amounts}) {'in' if is_monthly else 'on'} {when}{sums.note}{tail}",
        limit.team,
        limit.app_id,
        details=(("Spent", format_usd(spent)), ("Budget", f"{format_usd(limit.nanos)}, {limit.span}")),
    )


# Anomalies


def anomalies(db: sqlite3.Connection, now: datetime) -> Iterator[Alert]:
    """Yield an alert for each hour in which a team spent more than twice the mean of the seven days before it.

    Only hours with spend count for the mean. The current hour is reported as soon as it is above.
    """
    end = micros(now) // HOUR * HOUR + HOUR
    first = end - (LATE_HOURS + 1) * HOUR
    if not any(max(hours.values()).nanos >= LEAST_NANOS for hours in _by_hour(db, Window(first, end)).values()):
        return  # usual in a small company; this way it takes a few rows only
    for team, hours in _by_hour(db, Window(first - TRAILING_HOURS * HOUR, end)).items():
        for start, spent in hours.items():
            if start >= first and spent.nanos >= LEAST_NANOS:
                before = [one.nanos for hour, one in hours.items() if start - TRAILING_HOURS * HOUR <= hour < start]
                if len(before) >= LEAST_HOURS and spent.nanos * len(before) > TIMES * sum(before):
                    yield _anomaly(team, start, spent, sum(before) // len(before))


def _by_hour(db: sqlite3.Connection, window: Window) -> Mapping[str, Mapping[int, Spent]]:
    """Return what was spent by team and by the hour's first moment, for the hours with spend."""
    found: defaultdict[str, dict[int, Spent]] = defaultdict(dict)
    for row in totals(db, window, by=("team",), measures=COST, bucket=HOUR):
        if row["cost_nanos"] > 0:
            found[row["team"]][row["start"]] = Spent().plus(row)
    return found


def _anomaly(team: str, start: int, sums: Spent, mean: int) -> Alert:
    spent = sums.nanos
    who = f"Team '{short(team)}'" if team else "Calls without a team"
    return Alert(
        once("anomaly", team, start),
        "anomaly",
        f"{who} spent {about(spent)} in the hour from {moment(start):%Y-%m-%d %H:%M} UTC,"
        f" {spent / max(mean, 1):.1f} times its usual {about(mean)}{sums.note}",
        team,
        hour=start,
        hourly_nanos=spent,
        avg_nanos=mean,
        unpriced=sums.unpriced,
        details=(("Spent", about(spent)), ("Hourly mean of 7 days", about(mean))),
    )


# Models without a price


def newest_event(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0])


def unpriced_models(db: sqlite3.Connection, after: int | None) -> Iterator[Alert]:
    """Yield an alert for each model without a known price in the events after that id; None: in the last million."""
    start = newest_event(db) - _LOOK_BACK_EVENTS if after is None else after
    rows = db.execute(
        "SELECT provider, model, min(team) AS team, count(DISTINCT team) AS teams FROM series"
        " WHERE id IN (SELECT series FROM events WHERE id > ? AND (cost_nanos IS NULL AND error != 'metering_failed'"
        " OR blocked_by = 'unknown_model')) AND event_type = ? AND model != ''"
        " GROUP BY provider, model ORDER BY min(id)",
        (start, LLM),
    )
    for row in rows:
        provider, model = row["provider"], row["model"]
        yield Alert(
            once("unknown_model", provider, model),
            "unknown_model",
            f"Model '{short(model)}' of {short(provider) or 'an unknown provider'} has no known price, so its calls are"
            " not counted as spend, or with UNKNOWN_MODEL_PRICE=block refused; data/pricing.json can give it one",
            row["team"] if row["teams"] == 1 else "",
            details=(("Model", model), ("Provider", provider)),
        )
