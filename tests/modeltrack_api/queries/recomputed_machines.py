"""Work out infrastructure costs from the log in plain Python; the answers of `queries` must be equal."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from tests.modeltrack_api.queries.log import Event, Log, by_day, groups, is_unpriced, spent


def infrastructure(log: Log) -> Any:
    found = log.machines
    gpus = defaultdict(list)
    for e in found:
        if e.get("gpu_type") or "gpu_utilization_pct" in e:
            gpus[e.get("resource_id", ""), e.get("gpu_type", ""), e.get("team", "")].append(e)
    utilization = []
    for (resource, kind, team), events in gpus.items():
        percents = [Decimal(e["gpu_utilization_pct"]) for e in events if "gpu_utilization_pct" in e]
        row = {"resource_id": resource, "gpu_type": kind, **_costs(events), "team": team}
        average = round(int(sum(percents) * 10**6) / len(percents) / 10**6, 2) if percents else None
        utilization.append(row | {"avg_utilization": average})
    return {
        **{name.replace("cost", "total_infra_cost"): value for name, value in _costs(found).items()},
        "by_service": [
            {"service": name, **_costs(events), "events": len(events)} for name, events in groups(found, "service")
        ],
        "by_team": [{"team": name, **_costs(events), "events": len(events)} for name, events in groups(found, "team")],
        "gpu_utilization": sorted(
            utilization, key=lambda r: (-(r["cost"] or 0), r["resource_id"], r["gpu_type"], r["team"].encode())
        ),
        "daily_trend": [{"date": day, **_costs(events)} for day, events in by_day(found)],
    }


def _costs(events: list[Event]) -> dict[str, Any]:
    return {"cost": spent(events), "unpriced_events": sum(map(is_unpriced, events))}
