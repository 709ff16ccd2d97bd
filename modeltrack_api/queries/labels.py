"""Answer GET /api/models, /api/teams and /api/segments: sums by one label, dearest first."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from modeltrack_api.amounts import usd, usd_each
from modeltrack_api.queries.common import COST_AND_TOKENS, dearest, spend_by, spend_within
from modeltrack_api.web.handler import Ask


def models(ask: Ask) -> list[dict[str, Any]]:
    """Return the sums by model and provider. A model that two providers serve is listed twice."""
    return [
        {
            "model": row["model"],
            "provider": row["provider"],
            "total_spend": usd(row["cost_nanos"]),
            "total_input_tokens": row["input_tokens"],
            "total_output_tokens": row["output_tokens"],
            "total_tokens": row["input_tokens"] + row["output_tokens"],
            "avg_cost_per_request": usd_each(row["cost_nanos"], row["requests"]),
            "request_count": row["requests"],
        }
        for row in dearest(ask, "model", "provider", measures=COST_AND_TOKENS)
    ]


def teams(ask: Ask) -> list[dict[str, Any]]:
    """Return the sums by team. `total_spend` is the spend on models.

    Teams that have only infrastructure costs come last, with 0 requests.
    """
    rows = {row["team"]: row for row in dearest(ask, "team")}
    by_model = spend_within(dearest(ask, "team", "model"), "team", "model")
    by_app = spend_within(dearest(ask, "team", "app_id"), "team", "app_id")
    infra = spend_by(dearest(ask, "team", event_type=None), "team")
    return [
        {
            "team": team,
            "total_spend": usd(rows[team]["cost_nanos"] if team in rows else 0),
            "request_count": rows[team]["requests"] if team in rows else 0,
            "by_model": by_model.get(team, {}),
            "by_app": by_app.get(team, {}),
            "infra_cost": infra.get(team, Decimal(0)),
        }
        for team in rows | infra
    ]


def segments(ask: Ask) -> list[dict[str, Any]]:
    """Return the sums by customer tier. Calls without a customer tier are under ""."""
    by_model: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in dearest(ask, "customer_tier", "model"):
        model = {"model": row["model"], "spend": usd(row["cost_nanos"]), "request_count": row["requests"]}
        by_model[row["customer_tier"]].append(model)
    return [
        {
            "customer_tier": row["customer_tier"],
            "total_cost": usd(row["cost_nanos"]),
            "request_count": row["requests"],
            "avg_cost_per_request": usd_each(row["cost_nanos"], row["requests"]),
            "by_model": by_model[row["customer_tier"]],
        }
        for row in dearest(ask, "customer_tier")
    ]
