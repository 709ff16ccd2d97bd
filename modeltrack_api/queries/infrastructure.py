"""Answer GET /api/infrastructure: the costs and GPU usage that the collector found."""

from typing import Any

from modeltrack_api.amounts import known, usd_or_null
from modeltrack_api.queries.common import Sum, added, dearest, spent
from modeltrack_api.store.measures import COST, GPU_MEASURES
from modeltrack_api.store.sums import by_days, series_where, totals
from modeltrack_api.utc import DAY, day_of
from modeltrack_api.web.handler import Ask

MOST_GPUS = 1000
"""Only so many GPU machines are listed, the most expensive ones."""


def infrastructure(ask: Ask) -> dict[str, Any]:
    """Return the sums of all events that are not calls of models; `daily_trend` has the days with costs.

    `gpu_utilization` lists the machines with GPUs, dearest first. The average is that of the percents of all their
    events, or null if no event has one. An event that tells how busy a GPU was may have no cost, because the machine's
    cost is in another event. It counts in `unpriced_events`, like all that have none.
    """
    by_service, by_team = (dearest(ask, label, event_type=None) for label in ("service", "team"))
    days = totals(ask.db, ask.window, ask.filters, bucket=DAY, measures=COST, event_type=None)
    whole = added(by_team)
    return {
        "total_infra_cost": spent(whole),
        "unpriced_events": whole["unpriced"],
        "by_service": [{"service": row["service"], **_costs(row), "events": row["requests"]} for row in by_service],
        "by_team": [{"team": row["team"], **_costs(row), "events": row["requests"]} for row in by_team],
        "gpu_utilization": _gpus(ask),
        "daily_trend": [{"date": day_of(row["start"]), **_costs(row)} for row in days],
    }


def _costs(row: Sum) -> dict[str, Any]:
    return {"cost": usd_or_null(known(row["cost_nanos"], row["unpriced"])), "unpriced_events": row["unpriced"]}


def _gpus(ask: Ask) -> list[dict[str, Any]]:
    union, parameters = by_days(ask.window, "gpus_daily", "gpu_facts", ("resource_id", "gpu_type"), tuple(GPU_MEASURES))
    where, wanted = series_where(ask.filters, None)
    sums = ", ".join(f"sum({name}) AS {name}" for name in GPU_MEASURES)
    rows = ask.db.execute(
        f"SELECT resource_id, gpu_type, team, {sums} FROM ({union}) JOIN series ON series.id = series WHERE {where}"
        f" GROUP BY 1, 2, 3 ORDER BY cost_nanos DESC, 1, 2, 3 LIMIT {MOST_GPUS}",
        [*parameters, *wanted],
    )
    return [
        {
            "resource_id": row["resource_id"],
            "gpu_type": row["gpu_type"],
            "avg_utilization": round(row["millionths"] / row["measured"] / 10**6, 2) if row["measured"] else None,
            **_costs(row),
            "team": row["team"],
        }
        for row in rows
    ]
