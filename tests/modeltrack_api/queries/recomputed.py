"""Work out the API's sums from the log in plain Python; the answers of `queries` must be equal."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from modeltrack_api.utc import Window, micros
from tests.modeltrack_api.queries.log import (
    BILLED,
    Event,
    Log,
    by_day,
    costs,
    each,
    groups,
    is_unpriced,
    left_out,
    mean,
    savings,
    spent,
    tokens_by_kind,
    unpriced,
)


def overview(log: Log) -> Any:
    today = log.now.date()
    monday = today - timedelta(days=today.weekday())
    recent = [e for e in log.matching if e["event_type"] == "llm_api"]
    spans: dict[str, Callable[[date], bool]] = {
        "today": lambda day: day == today,
        "this_week": lambda day: monday <= day < monday + timedelta(days=7),
        "this_month": lambda day: (day.year, day.month) == (today.year, today.month),
    }
    within = {
        name: log.calls if log.has_window else [e for e in recent if is_in(e["at"].date())]
        for name, is_in in spans.items()
    }
    saved_by_cache, unpriced_hits = savings(e for e in log.calls if e["cache_hit"])
    saved_by_routing, unpriced_routed = savings(e for e in log.calls if not e["cache_hit"] and "routed_to" in e)
    return {
        **{f"spend_{name}": spent(events) for name, events in within.items()},
        **{f"unpriced_requests_{name}": sum(map(is_unpriced, events)) for name, events in within.items()},
        "total_requests": len(log.calls),
        "top_model": _top(log, "model"),
        "top_team": _top(log, "team"),
        "spend_trend": _spend_trend(log, recent, today),
        "saved_by_cache": saved_by_cache,
        "saved_by_routing": saved_by_routing,
        "unpriced_hits": unpriced_hits,
        "unpriced_routed": unpriced_routed,
        "blocked_requests": sum("blocked_by" in e for e in log.calls),
        **left_out(log.calls),
    }


def _top(log: Log, label: str) -> Any:
    name, events = next(iter(groups(log.calls, label)), (None, []))
    return {label: name, "spend": spent(events), **left_out(events)} if events else None


def _spend_trend(log: Log, recent: list[Event], today: date) -> list[Any]:
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
    rows: dict[str, list[Event]] = {(first + timedelta(days=n)).isoformat(): [] for n in range((last - first).days + 1)}
    rows |= dict(by_day(events))
    return [
        {"day": day, "spend": spent(found), "requests": len(found), **left_out(found)} for day, found in rows.items()
    ]


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
            "total_spend": spent(events),
            "request_count": len(events),
            **tokens_by_kind(events),
            **left_out(events),
        }
        for period, events in sorted(found.items())
    ]


def spend_summary(log: Log) -> Any:
    return {
        "total_spend": spent(log.calls),
        "total_requests": len(log.calls),
        **left_out(log.calls),
        "by_team": costs(log.calls, "team"),
        "by_model": costs(log.calls, "model"),
        "by_app": costs(log.calls, "app_id"),
        "by_user": costs(log.calls, "user"),
        "by_key": costs(log.calls, "key_id"),
        "unpriced_requests_by_team": unpriced(log.calls, "team"),
        "unpriced_requests_by_model": unpriced(log.calls, "model"),
        "unpriced_requests_by_app": unpriced(log.calls, "app_id"),
        "unpriced_requests_by_user": unpriced(log.calls, "user"),
        "unpriced_requests_by_key": unpriced(log.calls, "key_id"),
    }


def models(log: Log) -> Any:
    return [
        {
            "model": model,
            "provider": provider,
            "total_spend": spent(events),
            **tokens_by_kind(events),
            "avg_cost_per_request": each(events),
            "request_count": len(events),
            **left_out(events),
        }
        for (model, provider), events in groups(log.calls, "model", "provider")
    ]


def teams(log: Log) -> Any:
    calls, infra, free = dict(groups(log.calls, "team")), costs(log.machines, "team"), unpriced(log.machines, "team")
    return [
        {
            "team": team,
            "total_spend": spent(calls.get(team, ())),
            "request_count": len(calls.get(team, ())),
            **left_out(calls.get(team, ())),
            "by_model": costs(calls.get(team, ()), "model"),
            "by_app": costs(calls.get(team, ()), "app_id"),
            "unpriced_requests_by_model": unpriced(calls.get(team, ()), "model"),
            "unpriced_requests_by_app": unpriced(calls.get(team, ()), "app_id"),
            "infra_cost": infra.get(team, Decimal(0)),
            "infra_unpriced_events": free.get(team, 0),
        }
        for team in [*calls, *(team for team in infra if team not in calls)]
    ]


def features(log: Log) -> Any:
    return _with_primaries(log, "feature", {"primary_model": "model", "primary_team": "team"})


def users(log: Log) -> Any:
    return _with_primaries(log, "user", {"primary_model": "model", "primary_team": "team", "primary_key": "key_id"})


def keys(log: Log) -> Any:
    return _with_primaries(log, "key_id", {"primary_model": "model", "primary_team": "team", "primary_user": "user"})


def _with_primaries(log: Log, label: str, primaries: dict[str, str]) -> Any:
    return [
        {
            label: name,
            "total_cost": spent(events),
            "request_count": len(events),
            "avg_cost_per_request": each(events),
            **tokens_by_kind(events),
            **left_out(events),
            **{key: groups(events, other)[0][0] for key, other in primaries.items()},
        }
        for name, events in groups(log.calls, label)
    ]


def feature(log: Log, name: str) -> Any:
    events = [e for e in log.calls if e.get("feature", "") == name]
    return {
        "feature": name,
        "cost_over_time": [
            {"day": day, "daily_cost": spent(found), "daily_requests": len(found), **left_out(found)}
            for day, found in by_day(events)
        ],
        "by_model": [
            {
                "model": model,
                "total_cost": spent(found),
                "request_count": len(found),
                **tokens_by_kind(found),
                **left_out(found),
            }
            for model, found in groups(events, "model")
        ],
        "by_team": [
            {"team": team, "total_cost": spent(found), "request_count": len(found), **left_out(found)}
            for team, found in groups(events, "team")
        ],
        "avg_tokens": {f"avg_{kind}": mean(e[kind] for e in events if not e["cache_hit"]) for kind in BILLED},
    }


def segments(log: Log) -> Any:
    return [
        {
            "customer_tier": tier,
            "total_cost": spent(events),
            "request_count": len(events),
            "avg_cost_per_request": each(events),
            **left_out(events),
            "by_model": [
                {"model": model, "spend": spent(found), "request_count": len(found), **left_out(found)}
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
            **_saved(e for e in events if e["cache_hit"]),
            "hit_tokens": tokens_by_kind(events)["total_hit_tokens"],
        }

    by_team = [{"team": team, **row(events)} for team, events in groups(log.calls, "team")]
    counts = Counter(e.get("team", "") for e in log.calls)
    by_team.sort(key=lambda r: (-(r["saved_usd"] or 0), -counts[r["team"]], r["team"].encode()))
    return {**row(log.calls), "by_team": by_team}


def _saved(events: Iterable[Event]) -> dict[str, Any]:
    amount, unknown = savings(events)
    return {"saved_usd": amount, "unpriced_requests": unknown}


def routing(log: Log) -> Any:
    routed = [e for e in log.calls if "routed_to" in e]
    blocked = [e for e in log.calls if e.get("blocked_by") == "rule"]

    def worth(events: Iterable[Event]) -> dict[str, Any]:
        return _saved(e for e in events if not e["cache_hit"])

    rules = {e.get("routing_rule", "") for e in routed + blocked}
    pairs = {(e["routed_from"], e["routed_to"]) for e in routed}
    by_rule = [
        {
            "rule": rule,
            "routed": sum(e.get("routing_rule", "") == rule for e in routed),
            "blocked": sum(e.get("routing_rule", "") == rule for e in blocked),
            **worth(e for e in routed if e.get("routing_rule", "") == rule),
        }
        for rule in rules
    ]
    by_pair = [
        {"from": before, "to": after, "count": len(found), **worth(found)}
        for before, after in pairs
        if (found := [e for e in routed if (e["routed_from"], e["routed_to"]) == (before, after)])
    ]
    return {
        "routed": len(routed),
        "blocked": len(blocked),
        **worth(routed),
        "by_rule": sorted(by_rule, key=lambda r: (-(r["saved_usd"] or 0), r["rule"])),
        "by_pair": sorted(by_pair, key=lambda r: (-(r["saved_usd"] or 0), r["from"], r["to"])),
    }
