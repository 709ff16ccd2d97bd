"""Read a log's events and sum them up in plain Python, for `recomputed`."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from modeltrack_api.store.sums import Filters
from modeltrack_api.utc import ALWAYS, Window, micros

Event = dict[str, Any]
NANO = Decimal("1e-9")


class Log:
    """The events of a log, each once, within a window and filters."""

    def __init__(self, lines: Iterable[bytes], window: Window | None, filters: Filters, now: datetime) -> None:
        self.now = now
        self.has_window = window is not None
        self.window = window or ALWAYS
        seen: dict[str, Event] = {}
        for line in lines:
            try:
                event = json.loads(line, parse_float=Decimal)
                event["at"] = datetime.fromisoformat(event["timestamp"]).astimezone(UTC)
                seen.setdefault(event["event_id"], event)
            except (ValueError, TypeError, KeyError):
                continue
        self.all = list(seen.values())
        wanted = {name: value for name, value in filters._asdict().items() if value is not None}
        self.matching = [e for e in self.all if all(e.get(name, "") == value for name, value in wanted.items())]
        self.events = [e for e in self.matching if self.window.start <= micros(e["at"]) < self.window.end]
        self.calls = [e for e in self.events if e["event_type"] == "llm_api"]
        self.machines = [e for e in self.events if e["event_type"] != "llm_api"]


def cost(events: Iterable[Event]) -> Decimal:
    return sum((Decimal(e["cost_usd"] or 0) for e in events), Decimal(0))


def saved(events: Iterable[Event]) -> Decimal:
    return sum((Decimal(e.get("saved_usd", 0)) for e in events), Decimal(0))


def tokens_in(events: Iterable[Event]) -> int:
    return sum(e["input_tokens"] + e["cache_read_tokens"] + e["cache_write_tokens"] for e in events)


def tokens_out(events: Iterable[Event]) -> int:
    return sum(e["output_tokens"] for e in events)


def each(total: Decimal, count: int) -> Decimal:
    return (total / count).quantize(NANO, ROUND_HALF_EVEN)


def mean(numbers: Iterable[int]) -> float:
    values = list(numbers)
    return round(sum(values) / len(values), 2) if values else 0.0


def groups(events: Iterable[Event], *labels: str) -> list[tuple[Any, list[Event]]]:
    """Group the events by one label (a text) or several (a tuple), in order of cost, number of events, and name."""
    found = defaultdict(list)
    for e in events:
        key = tuple(e.get(label, "") for label in labels)
        found[key if len(labels) > 1 else key[0]].append(e)
    return sorted(found.items(), key=lambda item: (-cost(item[1]), -len(item[1]), _bytes(item[0])))


def _bytes(key: Any) -> Any:
    return tuple(part.encode() for part in key) if isinstance(key, tuple) else key.encode()


def costs(events: Iterable[Event], label: str) -> dict[str, Decimal]:
    return {name: cost(found) for name, found in groups(events, label)}


def by_day(events: Iterable[Event]) -> list[tuple[str, list[Event]]]:
    found = defaultdict(list)
    for e in events:
        found[e["at"].date().isoformat()].append(e)
    return sorted(found.items())


def names(events: Iterable[Event], label: str) -> str:
    return ",".join(sorted({e[label] for e in events if e.get(label)}))
