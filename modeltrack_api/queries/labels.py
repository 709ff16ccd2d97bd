"""Answer GET /api/models, /api/teams and /api/segments: sums by one label, dearest first."""

from collections.abc import Iterable
from typing import Any

from modeltrack_api.queries.common import (
    COST_AND_TOKENS,
    NOTHING,
    Sum,
    dearest,
    groups,
    left_out,
    spend_by,
    spent,
    spent_each,
    tokens_by_kind,
    unpriced_by,
)
from modeltrack_api.store.sums import LLM, Row
from modeltrack_api.web.handler import Ask


def models(ask: Ask) -> list[dict[str, Any]]:
    """Return the sums by model and provider. A model that two providers serve is listed twice."""
    return [
        {
            "model": row["model"],
            "provider": row["provider"],
            "total_spend": spent(row),
            **tokens_by_kind(row),
            "avg_cost_per_request": spent_each(row),
            "request_count": row["requests"],
            **left_out(row),
        }
        for row in dearest(ask, "model", "provider", measures=COST_AND_TOKENS)
    ]


def teams(ask: Ask) -> list[dict[str, Any]]:
    """Return the sums by team. `total_spend` is the spend on models.

    Teams that have only infrastructure costs come last, with 0 requests. The maps of calls without a known price leave
    out those that have none.
    """
    calls, infra = (_by_team(dearest(ask, "team", event_type=kind)) for kind in (LLM, None))
    by_model, by_app = (groups(dearest(ask, "team", label), "team") for label in ("model", "app_id"))
    return [
        {
            "team": team,
            "total_spend": spent(calls.get(team, NOTHING)),
            "request_count": calls.get(team, NOTHING)["requests"],
            **left_out(calls.get(team, NOTHING)),
            "by_model": spend_by(by_model.get(team, ()), "model"),
            "by_app": spend_by(by_app.get(team, ()), "app_id"),
            "unpriced_requests_by_model": unpriced_by(by_model.get(team, ()), "model"),
            "unpriced_requests_by_app": unpriced_by(by_app.get(team, ()), "app_id"),
            "infra_cost": spent(infra.get(team, NOTHING)),
            "infra_unpriced_events": infra.get(team, NOTHING)["unpriced"],
        }
        for team in calls | infra
    ]


def _by_team(rows: Iterable[Row]) -> dict[str, Sum]:
    return {row["team"]: row for row in rows}


def segments(ask: Ask) -> list[dict[str, Any]]:
    """Return the sums by customer tier. Calls without a customer tier are under ""."""
    by_model = groups(dearest(ask, "customer_tier", "model"), "customer_tier")
    return [
        {
            "customer_tier": row["customer_tier"],
            "total_cost": spent(row),
            "request_count": row["requests"],
            "avg_cost_per_request": spent_each(row),
            **left_out(row),
            "by_model": [
                {"model": part["model"], "spend": spent(part), "request_count": part["requests"], **left_out(part)}
                for part in by_model[row["customer_tier"]]
            ],
        }
        for row in dearest(ask, "customer_tier")
    ]
