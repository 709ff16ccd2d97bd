"""Work out the API's sums from the log in plain Python; the answers of `queries` must be equal."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from modeltrack_api.utc import Window, micros
from tests.modeltrack_api.queries.log import (
    Event,
    Log,
    by_day,
    cost,
    costs,
    each,
    groups,
    mean,
    saved,
    tokens_in,
    tokens_out,
)


def overview(log: Log) -> Any:
    today = log.now.date()
    monday = today - timedelta(days=today.weekday())
    recent = [e for e in log.matching if e["event_type"] == "llm_api"]
    spends = [
        cost(e for e in recent if is_in(e["at"].date()))
        for is_in in (
            lambda day: day == today,
            lambda day: monday <= day < monday + timedelta(days=7),
            lambda day: (day.year, day.month) == (today.year, today.month),
        )
    ]
    if log.has_window:
        spends = [cost(log.calls)] * 3
    first = next(iter(groups(log.calls, "model")), None)
    team = next(iter(groups(log.calls, "team")), None)
    return {
        "spend_today": spends[0],
        "spend_this_week": spends[1],
        "spend_this_month": spends[2],
        "total_requests": len(log.calls),
        "top_model": {"model": first[0], "spend": cost(first[1])} if first else None,
        "top_team": {"team": team[0], "spend": cost(team[1])} if team else None,
        "spend_trend": _trend(log, recent, today),
        "saved_by_cache": saved(e for e in log.calls if e["cache_hit"]),
        "saved_by_routing": saved(e for e in log.calls if not e["cache_hit"]),
        "blocked_requests": sum("blocked_by" in e for e in log.calls),
    }


def _trend(log: Log, recent: list[Event], today: date) -> list[Any]:
    events, last = log.calls, today
    if log.has_window:
        days = [e["at"].date() for e in events]
        first = (datetime(1970, 1, 1) + timedelta(microseconds=log.window.start)).date()
        if days:
            last = max(last, *days)
        if log.window.end < Window().end:
            last = min(last, (datetime(1970, 1, 1) + timedelta(microseconds=log.window.end - 1)).date())
        if first.year == 1970:
            first = last + timedelta(days=1)  # days without requests are left out
    else:
        first = today - timedelta(days=29)
        events = [e for e in recent if first <= e["at"].date() <= today]
    rows = {(first + timedelta(days=n)).isoformat(): (Decimal(0), 0) for n in range((last - first).days + 1)}
    rows |= {day: (cost(found), len(found)) for day, found in by_day(events)}
    return [{"day": day, "spend": spend, "requests": count} for day, (spend, count) in rows.items()]


def spend(log: Log, granularity: str) -> Any:
    events = log.calls
    if granularity == "hour" and log.window.start == 0:
        end = log.window.end if log.window.end < Window().end else micros(log.now)
        week_ago = (end - 7 * 24 * 3600 * 10**6) // (3600 * 10**6) * (3600 * 10**6)
        events = [e for e in events if micros(e["at"]) >= week_ago]
    name: Callable[[datetime], str] = {
        "hour": lambda at: at.strftime("%Y-%m-%dT%H:00:00Z"),
        "day": lambda at: at.strftime("%Y-%m-%d"),
        "week": lambda at: (at - timedelta(days=at.weekday())).strftime("%Y-%m-%d"),
        "month": lambda at: at.strftime("%Y-%m-01"),
    }[granularity]
    found = defaultdict(list)
    for e in events:
        found[name(e["at"])].append(e)
    return [
        {
            "period": period,
            "total_spend": cost(events),
            "request_count": len(events),
            "total_tokens": tokens_in(events) + tokens_out(events),
        }
        for period, events in sorted(found.items())
    ]


def spend_summary(log: Log) -> Any:
    return {
        "total_spend": cost(log.calls),
        "total_requests": len(log.calls),
        "by_team": costs(log.calls, "team"),
        "by_model": costs(log.calls, "model"),
        "by_app": costs(log.calls, "app_id"),
    }


def models(log: Log) -> Any:
    return [
        {
            "model": model,
            "provider": provider,
            "total_spend": cost(events),
            "total_input_tokens": tokens_in(events),
            "total_output_tokens": tokens_out(events),
            "total_tokens": tokens_in(events) + tokens_out(events),
            "avg_cost_per_request": each(cost(events), len(events)),
            "request_count": len(events),
        }
        for (model, provider), events in groups(log.calls, "model", "provider")
    ]


def teams(log: Log) -> Any:
    calls, infra = dict(groups(log.calls, "team")), costs(log.machines, "team")
    return [
        {
            "team": team,
            "total_spend": cost(calls.get(team, ())),
            "request_count": len(calls.get(team, ())),
            "by_model": costs(calls.get(team, ()), "model"),
            "by_app": costs(calls.get(team, ()), "app_id"),
            "infra_cost": infra.get(team, Decimal(0)),
        }
        for team in [*calls, *(team for team in infra if team not in calls)]
    ]


def features(log: Log) -> Any:
    return [
        {
            "feature": feature,
            "total_cost": cost(events),
            "request_count": len(events),
            "avg_cost_per_request": each(cost(events), len(events)),
            "total_input_tokens": tokens_in(events),
            "total_output_tokens": tokens_out(events),
            "primary_model": groups(events, "model")[0][0],
            "primary_team": groups(events, "team")[0][0],
        }
        for feature, events in groups(log.calls, "feature")
    ]


def feature(log: Log, name: str) -> Any:
    events = [e for e in log.calls if e.get("feature", "") == name]
    return {
        "feature": name,
        "cost_over_time": [
            {"day": day, "daily_cost": cost(found), "daily_requests": len(found)} for day, found in by_day(events)
        ],
        "by_model": [
            {
                "model": model,
                "total_cost": cost(found),
                "request_count": len(found),
                "total_input_tokens": tokens_in(found),
                "total_output_tokens": tokens_out(found),
            }
            for model, found in groups(events, "model")
        ],
        "by_team": [
            {"team": team, "total_cost": cost(found), "request_count": len(found)}
            for team, found in groups(events, "team")
        ],
        "avg_tokens": {
            "avg_input_tokens": mean(tokens_in([e]) for e in events),
            "avg_output_tokens": mean(tokens_out([e]) for e in events),
        },
    }


def segments(log: Log) -> Any:
    return [
        {
            "customer_tier": tier,
            "total_cost": cost(events),
            "request_count": len(events),
            "avg_cost_per_request": each(cost(events), len(events)),
            "by_model": [
                {"model": model, "spend": cost(found), "request_count": len(found)}
                for model, found in groups(events, "model")
            ],
        }
        for tier, events in groups(log.calls, "customer_tier")
    ]


def cache(log: Log) -> Any:
    def row(events: list[Event]) -> dict[str, Any]:
        hits = sum(e["cache_hit"] for e in events)
        misses = sum(not (e["cache_hit"] or e["is_streaming"] or "blocked_by" in e) for e in events)
        return {
            "hits": hits,
            "misses": misses,
            "hit_rate_percent": round(hits * 100 / (hits + misses), 2) if hits + misses else 0.0,
            "saved_usd": saved(e for e in events if e["cache_hit"]),
        }

    by_team = [{"team": team, **row(events)} for team, events in groups(log.calls, "team")]
    counts = Counter(e.get("team", "") for e in log.calls)
    by_team.sort(key=lambda r: (-r["saved_usd"], -counts[r["team"]], r["team"].encode()))
    return {**row(log.calls), "by_team": by_team}


def routing(log: Log) -> Any:
    routed = [e for e in log.calls if "routed_to" in e]
    blocked = [e for e in log.calls if e.get("blocked_by") == "rule"]

    def worth(events: Iterable[Event]) -> Decimal:
        return saved(e for e in events if not e["cache_hit"])

    rules = {e.get("routing_rule", "") for e in routed + blocked}
    pairs = {(e["routed_from"], e["routed_to"]) for e in routed}
    by_rule = [
        {
            "rule": rule,
            "routed": sum(e.get("routing_rule", "") == rule for e in routed),
            "blocked": sum(e.get("routing_rule", "") == rule for e in blocked),
            "saved_usd": worth(e for e in routed if e.get("routing_rule", "") == rule),
        }
        for rule in rules
    ]
    by_pair = [
        {"from": before, "to": after, "count": len(found), "saved_usd": worth(found)}
        for before, after in pairs
        if (found := [e for e in routed if (e["routed_from"], e["routed_to"]) == (before, after)])
    ]
    return {
        "routed": len(routed),
        "blocked": len(blocked),
        "saved_usd": worth(routed),
        "by_rule": sorted(by_rule, key=lambda r: (-r["saved_usd"], r["rule"])),
        "by_pair": sorted(by_pair, key=lambda r: (-r["saved_usd"], r["from"], r["to"])),
    }


def infrastructure(log: Log) -> Any:
    found = log.machines
    gpus = defaultdict(list)
    for e in found:
        if e.get("gpu_type") or "gpu_utilization_pct" in e:
            gpus[e.get("resource_id", ""), e.get("gpu_type", ""), e.get("team", "")].append(e)
    utilization = []
    for (resource, kind, team), events in gpus.items():
        percents = [Decimal(e["gpu_utilization_pct"]) for e in events if "gpu_utilization_pct" in e]
        row = {"resource_id": resource, "gpu_type": kind, "cost": cost(events), "team": team}
        average = round(int(sum(percents) * 10**6) / len(percents) / 10**6, 2) if percents else None
        utilization.append(row | {"avg_utilization": average})
    return {
        "total_infra_cost": cost(found),
        "by_service": [
            {"service": name, "cost": cost(events), "events": len(events)} for name, events in groups(found, "service")
        ],
        "by_team": [
            {"team": name, "cost": cost(events), "events": len(events)} for name, events in groups(found, "team")
        ],
        "gpu_utilization": sorted(
            utilization, key=lambda r: (-r["cost"], r["resource_id"], r["gpu_type"], r["team"].encode())
        ),
        "daily_trend": [{"date": day, "cost": cost(events)} for day, events in by_day(found)],
    }
