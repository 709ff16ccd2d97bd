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
    """Return what is known of the cost."""
    return sum((Decimal(e["cost_usd"] or 0) for e in events), Decimal(0))


def is_unpriced(event: Event) -> bool:
    return event["cost_usd"] is None


def is_in_part(event: Event) -> bool:
    """Tell whether a part of a call has no known price. What a hit repeats was paid for by another call."""
    return bool(event.get("unpriced_usage")) and not event.get("cache_hit")


def or_none(amount: Decimal, unknown: int) -> Decimal | None:
    return None if unknown and not amount else amount


def spent(events: Iterable[Event]) -> Decimal | None:
    """Return the cost as it is answered: None where nothing of it is known."""
    events = list(events)
    return or_none(cost(events), sum(is_unpriced(e) or is_in_part(e) for e in events))


def left_out(events: Iterable[Event]) -> dict[str, int]:
    events = list(events)
    unpriced, parts = (sum(map(test, events)) for test in (is_unpriced, is_in_part))
    return {"unpriced_requests": unpriced, "unpriced_usage_requests": parts}


def saved(events: Iterable[Event]) -> Decimal:
    return sum((Decimal(e.get("saved_usd", 0)) for e in events), Decimal(0))


def savings(events: Iterable[Event]) -> tuple[Decimal | None, int]:
    """Return what the calls saved, and of how many nobody knows it."""
    events = list(events)
    unknown = sum("saved_usd" not in e for e in events)
    return or_none(saved(events), unknown), unknown


BILLED = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
PARTS = (
    *("cache_write_1h_tokens", "reasoning_tokens"),
    *("audio_input_tokens", "audio_output_tokens", "image_input_tokens", "image_output_tokens"),
)


def tokens(events: Iterable[Event], *kinds: str) -> int:
    return sum(e.get(kind, 0) for e in events for kind in kinds)


def tokens_by_kind(events: Iterable[Event]) -> dict[str, int]:
    events = list(events)
    paid, hits = ([e for e in events if bool(e.get("cache_hit")) == is_hit] for is_hit in (False, True))
    return {
        **{f"total_{kind}": tokens(paid, kind) for kind in (*BILLED, *PARTS)},
        "total_tokens": tokens(paid, *BILLED),
        "total_hit_tokens": tokens(hits, *BILLED),
    }


def each(events: Iterable[Event]) -> Decimal | None:
    """Return the average of the calls that have a known price."""
    events = list(events)
    if (total := spent(events)) is None:
        return None
    return (total / sum(not is_unpriced(e) for e in events)).quantize(NANO, ROUND_HALF_EVEN)


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


def costs(events: Iterable[Event], label: str) -> dict[str, Decimal | None]:
    return {name: spent(found) for name, found in groups(events, label)}


def unpriced(events: Iterable[Event], label: str) -> dict[str, int]:
    counts = {name: sum(map(is_unpriced, found)) for name, found in groups(events, label)}
    return {name: count for name, count in counts.items() if count}


def by_day(events: Iterable[Event]) -> list[tuple[str, list[Event]]]:
    found = defaultdict(list)
    for e in events:
        found[e["at"].date().isoformat()].append(e)
    return sorted(found.items())


def names(events: Iterable[Event], label: str) -> str:
    return ",".join(sorted({e[label] for e in events if e.get(label)}))
