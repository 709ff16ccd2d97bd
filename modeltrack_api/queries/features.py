"""Answer GET /api/features and /api/features/{name}."""

from dataclasses import replace
from typing import Any

from modeltrack_api.amounts import average
from modeltrack_api.queries.common import COST_AND_TOKENS, added, dearest, left_out, spent, spent_each, tokens_by_kind
from modeltrack_api.store.measures import BILLED, COST
from modeltrack_api.store.sums import LLM, totals
from modeltrack_api.utc import DAY, day_of
from modeltrack_api.web.handler import ApiError, Ask


def features(ask: Ask) -> list[dict[str, Any]]:
    """Return the sums of each feature. Its primary model and team are the ones with the most spend."""
    models, teams = (_primary(ask, label) for label in ("model", "team"))
    return [
        {
            "feature": row["feature"],
            "total_cost": spent(row),
            "request_count": row["requests"],
            "avg_cost_per_request": spent_each(row),
            **tokens_by_kind(row),
            **left_out(row),
            "primary_model": models[row["feature"]],
            "primary_team": teams[row["feature"]],
        }
        for row in dearest(ask, "feature", measures=COST_AND_TOKENS)
    ]


def _primary(ask: Ask, label: str) -> dict[str, str]:
    # Reversed, since the last row of a feature wins in the dict, and the dearest row comes first.
    return {row["feature"]: row[label] for row in reversed(dearest(ask, "feature", label))}


def feature(ask: Ask) -> dict[str, Any]:
    """Return one feature's spend by day, model and team. Days without calls are left out.

    A feature without calls in the range has empty lists. One that no call ever had is answered with 404. The averages
    of tokens are those of the calls that ModelTrack's cache did not answer.
    """
    name = ask.args["name"]
    known = "SELECT 1 FROM series WHERE feature = ? AND event_type = ? LIMIT 1"
    if not ask.db.execute(known, (name, LLM)).fetchone():
        raise ApiError(404, f"no calls of a feature {name[:80]!r}")
    ask = replace(ask, filters=ask.filters._replace(feature=name))
    measures = (*COST_AND_TOKENS, "cache_hits")
    models = dearest(ask, "model", measures=measures)
    whole = added(models, measures)
    days = totals(ask.db, ask.window, ask.filters, measures=COST, bucket=DAY)
    return {
        "feature": name,
        "cost_over_time": [
            {
                "day": day_of(row["start"]),
                "daily_cost": spent(row),
                "daily_requests": row["requests"],
                **left_out(row),
            }
            for row in days
        ],
        "by_model": [
            {
                "model": row["model"],
                "total_cost": spent(row),
                "request_count": row["requests"],
                **tokens_by_kind(row),
                **left_out(row),
            }
            for row in models
        ],
        "by_team": [
            {"team": row["team"], "total_cost": spent(row), "request_count": row["requests"], **left_out(row)}
            for row in dearest(ask, "team")
        ],
        "avg_tokens": {f"avg_{kind}": average(whole[kind], whole["requests"] - whole["cache_hits"]) for kind in BILLED},
    }
