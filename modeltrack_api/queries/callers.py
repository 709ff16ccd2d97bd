"""Answer GET /api/users and /api/keys: sums by who called, dearest first."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from modeltrack_api.queries.common import (
    COST_AND_TOKENS,
    dearest,
    left_out,
    spent,
    spent_each,
    summed_by,
    tokens_by_kind,
)
from modeltrack_api.store.measures import CALLER, COST
from modeltrack_api.store.sums import Among, Row, totals
from modeltrack_api.web.handler import Ask

MOST_CALLERS = 1000
"""Only so many users and keys are listed, the most expensive ones: there may be as many as people."""


def users(ask: Ask) -> list[dict[str, Any]]:
    """Return the sums of each user, with the model, team and key on which, and by which, most was spent."""
    return _sums(ask, "user", "primary_key", "key_id")


def keys(ask: Ask) -> list[dict[str, Any]]:
    """Return the sums of each key, with the model, team and user on which, and by which, most was spent."""
    return _sums(ask, "key_id", "primary_user", "user")


def by_caller(ask: Ask) -> list[list[dict[str, Any]]]:
    """Return the sums by user and those by key, dearest first, from one question."""
    callers = dearest(ask, *CALLER)
    return [summed_by(callers, label) for label in CALLER]


def _sums(ask: Ask, label: str, primary: str, other: str) -> list[dict[str, Any]]:
    found = dearest(ask, label, measures=COST_AND_TOKENS)
    rows = found[:MOST_CALLERS]
    # Where these are all, to look each of their callers up would take several times as long.
    among = Among(label, [row[label] for row in rows]) if len(found) > MOST_CALLERS else None
    # Asked for apart: what they are together may be as many as all calls.
    calls, callers = (
        totals(ask.db, ask.window, ask.filters, by=by, measures=COST, among=among)
        for by in ((label, "model", "team"), CALLER)
    )
    primaries = {
        "primary_model": _primary(calls, label, "model"),
        "primary_team": _primary(calls, label, "team"),
        primary: _primary(callers, label, other),
    }
    return [
        {
            label: row[label],
            "total_cost": spent(row),
            "request_count": row["requests"],
            "avg_cost_per_request": spent_each(row),
            **tokens_by_kind(row),
            **left_out(row),
            **{name: values[row[label]] for name, values in primaries.items()},
        }
        for row in rows
    ]


def _primary(rows: Iterable[Row], label: str, other: str) -> dict[str, str]:
    """Return for each value of the label the value of the other that is first in the order of `dearest`."""
    sums: defaultdict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in rows:
        key = row[label], row[other]
        nanos, requests = sums[key]
        sums[key] = nanos - row["cost_nanos"], requests - row["requests"]
    # The last one of a label wins in the dict.
    return {name: value for _, (name, value) in sorted(zip(sums.values(), sums, strict=True), reverse=True)}
