"""Answer GET /api/reports/executive, which compares a period with the one before it, and its /export as a file."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from modeltrack_api.amounts import percent
from modeltrack_api.queries.callers import by_caller
from modeltrack_api.queries.common import (
    COST_AND_TOKENS,
    NOTHING,
    added,
    left_out,
    priced,
    spent,
    spent_each,
    spent_nanos,
    summed_by,
)
from modeltrack_api.reports.advice import Sum, Sums, actions, recommendations
from modeltrack_api.reports.spreadsheet import as_csv
from modeltrack_api.store.measures import COST
from modeltrack_api.store.sums import totals
from modeltrack_api.utc import DAY, Window, day_of, micros, moment
from modeltrack_api.web.handler import Ask, Reply, dumps

_MOST_CALLERS = 50

PERIODS = {"weekly": 7, "monthly": 30, "quarterly": 90}
"""Days in each period. The last day is that of `end_date`, by default today."""

_SAVED = ("saved_by_cache", "saved_by_routing", "unsaved_hits", "unsaved_routed")
MEASURES = (*COST_AND_TOKENS, "cache_hits", "cache_misses", *_SAVED, "blocked")

_FIRST_DAY = micros(datetime(1, 1, 1, tzinfo=UTC))


def executive(ask: Ask) -> dict[str, Any]:
    """Return the report for a period.

    Changes are in percent of the period before, which is as long; null if nothing happened in it. If the period is not
    over, it is compared with an equally long part of the one before. `cost_efficiency_change_pct` is above 0 if a call
    costs less on average than before. `cache_hit_rate` is from 0 to 1. Calls without a team or feature are listed
    under "", which does not count as a team or feature. The 50 dearest users and keys are listed, where any call has
    one. Savings are what the changes would have saved in the period. Averages are those of calls with a known price.
    What follows from a spend of which nothing is known is null.
    """
    period = ask.args["period"]
    window, before = _windows(ask, PERIODS[period])
    ask = replace(ask, window=window)
    sums = summed(ask, before)
    asked = sums.all["cache_misses"] + sums.all["cache_hits"]
    first, last = (moment(day).date() for day in (window.start, window.end - 1))
    possible = actions(ask, sums)
    users, keys = by_caller(ask)
    return {
        "period": {"start": first.isoformat(), "end": last.isoformat(), "label": _label(period, first, last)},
        "summary": {
            "total_spend": spent(sums.all),
            "total_requests": sums.all["requests"],
            **left_out(sums.all),
            "unique_models": _names(sums.models, "model"),
            "unique_teams": _names(sums.teams, "team"),
            "unique_features": _names(sums.features, "feature"),
            "unique_users": _names(users, "user"),
            "unique_keys": _names(keys, "key_id"),
            "avg_cost_per_request": spent_each(sums.all),
            "cache_hit_rate": round(sums.all["cache_hits"] / asked, 4) if asked else 0.0,
        },
        "trends": _trends(sums.all, sums.before),
        "spend_by_team": list(_shares(sums.teams, "team", sums.all)),
        "spend_by_model": list(_shares(sums.models, "model", sums.all)),
        "spend_by_feature": [
            {
                "feature": row["feature"],
                "spend": spent(row),
                "requests": row["requests"],
                "avg_cost": spent_each(row),
                **left_out(row),
            }
            for row in sums.features
        ],
        "spend_by_user": _named_shares(users, "user", sums.all),
        "spend_by_key": _named_shares(keys, "key_id", sums.all),
        "daily_spend": list(_daily(ask)),
        "optimization_actions": possible,
        "recommendations": list(recommendations(sums, possible)),
    }


def executive_export(ask: Ask) -> Reply:
    """Return the report as a file: JSON without the envelope, or CSV (see `as_csv`)."""
    kind = ask.args["format"]
    report = executive(ask)
    name = f"modeltrack-{ask.args['period']}-report-{report['period']['end']}.{kind}"
    content, content_type = (
        (as_csv(report), "text/csv; charset=utf-8") if kind == "csv" else (dumps(report), "application/json")
    )
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Reply(content, content_type=content_type, headers=headers)


def _windows(ask: Ask, days: int) -> tuple[Window, Window]:
    """Return the period, and the time that it is compared with."""
    now = micros(ask.now)
    end = ask.window.end if ask.has_window else now // DAY * DAY + DAY
    start = max((end - 1) // DAY * DAY - (days - 1) * DAY, _FIRST_DAY)
    seen = now if start <= now < end else end
    return Window(start, end), Window(start - days * DAY, seen - days * DAY)


def summed(ask: Ask, before: Window) -> Sums:
    """Return the sums of the range asked for, and of the one before it.

    One question asks for all labels, since a question for each label would read the same rows again.
    """
    labels = ("provider", "model", "team", "feature")
    rows = totals(ask.db, ask.window, ask.filters, by=labels, measures=MEASURES)
    teams_before = totals(ask.db, before, ask.filters, by=("team",), measures=COST)
    return Sums(
        all=added(rows, MEASURES),
        teams=summed_by(rows, "team", measures=MEASURES),
        models=summed_by(rows, "model", measures=MEASURES),
        features=summed_by(rows, "feature", measures=MEASURES),
        models_of_providers=summed_by(rows, "provider", "model", measures=MEASURES),
        before=added(teams_before),
        teams_before={row["team"]: row["cost_nanos"] for row in teams_before},
    )


def _names(rows: Sequence[Sum], label: str) -> int:
    return sum(1 for row in rows if row[label])


def _trends(now: Sum, before: Sum) -> dict[str, float | None]:
    spent_now, spent_before = spent_nanos(now), spent_nanos(before)
    requests = {"request_change_pct": _change(now["requests"], before["requests"])}
    if spent_now is None or spent_before is None:
        return {"spend_change_pct": None, **requests, "cost_efficiency_change_pct": None}
    # Averages are compared as cross products, so that nothing is rounded before the end.
    worth, worth_before = spent_now * priced(before), spent_before * priced(now)
    return {
        "spend_change_pct": _change(spent_now, spent_before),
        **requests,
        "cost_efficiency_change_pct": percent(worth_before - worth, worth_before) if worth_before else None,
    }


def _change(now: int, before: int) -> float | None:
    return percent(now - before, before) if before else None if now else 0.0


def _shares(rows: Sequence[Sum], label: str, whole: Sum) -> Iterator[dict[str, Any]]:
    for row in rows:
        nanos = spent_nanos(row)
        yield {
            label: row[label],
            "spend": spent(row),
            "requests": row["requests"],
            "pct_of_total": None if nanos is None else percent(nanos, whole["cost_nanos"]),
            **left_out(row),
        }


def _named_shares(rows: Sequence[Sum], label: str, whole: Sum) -> list[dict[str, Any]]:
    return list(_shares(rows[:_MOST_CALLERS], label, whole)) if _names(rows, label) else []


def _daily(ask: Ask) -> Iterator[dict[str, Any]]:
    """Yield every day of the period, also days without calls, but no days in the future."""
    rows = {row["start"]: row for row in totals(ask.db, ask.window, ask.filters, bucket=DAY, measures=COST)}
    last = max(micros(ask.now) // DAY * DAY, *rows, ask.window.start - DAY)
    for day in range(ask.window.start, min(ask.window.end, last + DAY), DAY):
        row = rows.get(day, NOTHING)
        yield {"date": day_of(day), "spend": spent(row), "requests": row["requests"], **left_out(row)}


def _label(period: str, first: date, last: date) -> str:
    """Return a title such as "Weekly: Mar 28 to Apr 3, 2026"."""
    year = f", {first.year}" if first.year != last.year else ""
    return f"{period.capitalize()}: {first:%b} {first.day}{year} to {last:%b} {last.day}, {last.year}"
