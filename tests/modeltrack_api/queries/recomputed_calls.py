"""Work out sessions, events and prompts from the log in plain Python; the answers of `queries` must be equal."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from modeltrack_api.store.sums import Filters
from modeltrack_api.utc import micros
from tests.modeltrack_api.queries.log import Event, Log, cost, each, is_unpriced, left_out, mean, names, spent


def sessions(log: Log, filters: Filters, trace_id: str | None, limit: int) -> Any:
    by_id = defaultdict(list)
    for e in log.all:
        if e["event_type"] == "llm_api" and e.get("session_id"):
            by_id[e["session_id"]].append(e)
    matching = {e["session_id"] for e in log.matching if e.get("session_id")}
    found = [
        session_summary(name, events)
        for name, events in by_id.items()
        if name in matching
        and log.window.start <= micros(max(e["at"] for e in events))
        and micros(min(e["at"] for e in events)) < log.window.end
        and (trace_id is None or any(e.get("trace_id") == trace_id for e in events))
    ]
    return sorted(found, key=lambda s: (s["last_seen"], s["session_id"].encode()), reverse=True)[:limit]


def session_summary(name: str, events: list[Event]) -> dict[str, Any]:
    first, last = min(e["at"] for e in events), max(e["at"] for e in events)
    return {
        "session_id": name,
        "total_cost": spent(events),
        "request_count": len(events),
        **left_out(events),
        "models": names(events, "model"),
        "duration_seconds": round((last - first) / timedelta(seconds=1), 3),
        "team": names(events, "team"),
        "app_id": names(events, "app_id"),
        "user": names(events, "user"),
        "first_seen": rfc3339(first),
        "last_seen": rfc3339(last),
    }


def rfc3339(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def as_logged(event: Event) -> Event:
    """Return a line's members, with its time in UTC to the microsecond."""
    members = {name: value for name, value in event.items() if name != "at"}
    return members | {"timestamp": rfc3339(event["at"])}


def events(log: Log) -> list[Event]:
    """Return the events newest first; of those with the same time, the one that came later in the log is first."""
    return [as_logged(e) for e in sorted(log.events, key=lambda e: e["at"])][::-1]


def prompts_of(log: Log) -> dict[str, list[Event]]:
    found = defaultdict(list)
    for e in log.calls:
        if prompt := e.get("prompt_template_id") or e.get("prompt_hash"):
            found[prompt].append(e)
    return found


ORDERS: dict[str, Callable[[list[Event]], Fraction | int]] = {
    "total_cost": lambda events: Fraction(cost(events)),
    "request_count": len,
    "avg_cost": lambda events: Fraction(cost(events)) / max(sum(not is_unpriced(e) for e in events), 1),
    "avg_system_tokens": lambda events: Fraction(sum(e["system_prompt_tokens"] for e in events), len(events)),
    "most_repeated": lambda events: ORDERS["avg_system_tokens"](events) * (len(events) - 1),
}


def first_prompts(log: Log, order: str) -> list[tuple[str, list[Event]]]:
    return sorted(prompts_of(log).items(), key=lambda item: (-ORDERS[order](item[1]), item[0]))


def prompts(log: Log, sort_by: str) -> Any:
    return [
        {
            "prompt_id": prompt,
            "request_count": len(found),
            "total_cost": spent(found),
            "avg_cost_per_request": each(found),
            **left_out(found),
            "avg_system_tokens": mean(e["system_prompt_tokens"] for e in found),
            "avg_user_tokens": mean(e["user_prompt_tokens"] for e in found),
            "avg_output_tokens": mean(e["output_tokens"] for e in found),
            "models_used": names(found, "model"),
            "features": names(found, "feature"),
            "teams": names(found, "team"),
        }
        for prompt, found in first_prompts(log, sort_by)
    ]


def prompts_summary(log: Log) -> Any:
    def first(
        order: str,
        name: str,
        value: Callable[[list[Event]], Any],
        more: Callable[[list[Event]], dict[str, int]] = lambda _: {},
    ) -> dict[str, Any] | None:
        prompts = first_prompts(log, order)
        return {"id": prompts[0][0], name: value(prompts[0][1]), **more(prompts[0][1])} if prompts else None

    return {
        "total_unique_prompts": len(prompts_of(log)),
        "most_expensive_prompt": first("total_cost", "total_cost", spent, left_out),
        "longest_system_prompt": first(
            "avg_system_tokens", "avg_system_tokens", lambda events: mean(e["system_prompt_tokens"] for e in events)
        ),
        "most_cacheable": first("most_repeated", "request_count", len),
        **left_out(e for events in prompts_of(log).values() for e in events),
    }
