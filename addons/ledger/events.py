"""Cost events: the one schema that proxy and collector write and the API reads, one JSON object a line."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from operator import attrgetter
from random import Random
from typing import Any, NamedTuple

import orjson

from addons.ledger.money import to_decimal_text

LOG_NAME = "cost_events.jsonl"

LLM_CALL = "llm_api"
"""The type of an event that is a call to a model."""

# The ids of all events that this process writes end in these 12 digits. By them it knows its own events in the log
# without keeping a list. The other 74 bits of an id are random.
_PROCESS = secrets.token_hex(6)

# An id need not be secret, and uuid4 would ask the system for each; this generator asks once, for its seed.
_random = Random()


def new_event_id() -> str:
    """Make a UUID (version 4)."""
    bits = _random.getrandbits(74)
    digits = f"{bits >> 2:018x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-{'89ab'[bits & 3]}{digits[15:]}-{_PROCESS}"


def is_of_this_process(line: bytes) -> bool:
    """Tell from its id, which comes first in the line, whether this process wrote the event."""
    return _PROCESS.encode() in line[:64]


@dataclass(slots=True, kw_only=True)  # frozen, it would take 5 us more to make
class CostEvent:
    """One call to a model.

    Its money is in nano-USD here and in USD (exact decimals) on the line. Empty fields are left out of the line.
    """

    event_id: str = field(default_factory=new_event_id)
    timestamp: datetime
    """The time at which the event was written. It decides the month that the money counts for."""
    event_type: str = LLM_CALL
    provider: str
    model: str
    """The model as billed."""
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int | None = None
    """The part of `cache_write_tokens` that is kept for an hour; None for 0, as the counts below."""
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    image_input_tokens: int | None = None
    image_output_tokens: int | None = None
    reasoning_tokens: int | None = None
    """The part of `output_tokens` that the model spent on thinking."""
    unpriced_usage: tuple[str, ...] = ()
    """The paths of what the provider reported and has no known price, so that the cost leaves it out."""
    cost_nanos: int | None
    """The cost in nano-USD; None if the price is not known."""
    latency_ms: int
    ttft_ms: int | None = None
    status_code: int
    is_streaming: bool
    app_id: str = ""
    team: str = ""
    feature: str = ""
    customer_tier: str = ""
    user: str = ""
    """Who used the app, as far as it says so."""
    key_id: str = ""
    """The id of the caller's key, never the key."""
    session_id: str = ""
    trace_id: str = ""
    cache_hit: bool = False
    saved_nanos: int | None = None
    routed_from: str = ""
    routed_to: str = ""
    routing_rule: str = ""
    blocked_by: str = ""
    """One of budget, rule, unknown_model and unmetered."""
    usage_estimated: bool = False
    error: str = ""
    """A category, such as the provider's error type; never a message."""
    unmetered: bool = False
    """Whether it is a request that may cost money, which the proxy cannot tell: see `addons/llm/paths/`."""
    prewarm: bool = False
    """Whether the provider was only to read the prompt."""
    replayed: bool = False
    """Whether it is a recorded call that was sent again."""
    answered_locally: bool = False
    """Whether another addon of the proxy answered, and the provider was not asked."""
    prompt_hash: str = ""
    system_prompt_tokens: int = 0
    user_prompt_tokens: int = 0
    prompt_template_id: str = ""
    token_summary: str = ""

    def line(self) -> bytes:
        """Return the event as a JSON object, without a newline."""
        return _line(self, *_CALL_FIELDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class InfraEvent:
    """Says what a resource cost over a window of time, or how much it was used. The collector writes it.

    Money and empty fields are as in CostEvent. The event may be written days after its timestamp.
    """

    event_id: str
    """It is the same each time that this window of this resource is collected."""
    timestamp: datetime
    """The start of the window, so that sums by hour and day count the event where it belongs."""
    event_type: str
    """One of aws_infrastructure and gpu_compute."""
    provider: str
    cost_nanos: int | None
    """The cost in nano-USD; None if it is not known."""
    team: str = ""
    usage_estimated: bool = False
    """True while the bill may still say otherwise."""
    service: str = ""
    resource_id: str = ""
    region: str = ""
    instance_type: str = ""
    gpu_type: str = ""
    gpu_count: int | None = None
    gpu_utilization_pct: float | None = None
    """The average, from 0 to 100."""
    namespace: str = ""
    pod_name: str = ""
    job_name: str = ""

    def line(self) -> bytes:
        """Return the event as a JSON object, without a newline."""
        return _line(self, *_INFRA_FIELDS)


class _Fields(NamedTuple):
    names: tuple[str, ...]
    """The names on the line."""
    values: Callable[[Any], tuple[Any, ...]]
    """Returns the values of all these fields of an event at once."""


_MONEY = {"cost_nanos": "cost_usd", "saved_nanos": "saved_usd"}
_ALWAYS_THERE = {"event_id", "timestamp", "event_type", "provider", "model", "input_tokens", "output_tokens"} | {
    *("cache_read_tokens", "cache_write_tokens", "cost_nanos", "latency_ms", "status_code", "is_streaming", "cache_hit")
}
_NUMBERS = frozenset({int, float})


def _fields(kind: type[CostEvent] | type[InfraEvent], are_always_there: bool) -> _Fields:
    names = [item.name for item in fields(kind) if (item.name in _ALWAYS_THERE) == are_always_there]
    return _Fields(tuple(_MONEY.get(name, name) for name in names), attrgetter(*names))


_CALL_FIELDS, _INFRA_FIELDS = ((_fields(kind, True), _fields(kind, False)) for kind in (CostEvent, InfraEvent))


def _line(event: CostEvent | InfraEvent, always: _Fields, others: _Fields) -> bytes:
    members: dict[str, Any] = dict(zip(always.names, always.values(event), strict=True))
    values = zip(others.names, others.values(event), strict=True)
    members |= {name: value for name, value in values if value or type(value) in _NUMBERS}
    members["timestamp"] = rfc3339(event.timestamp)
    for written in _MONEY.values():
        if (nanos := members.get(written)) is not None:
            members[written] = orjson.Fragment(to_decimal_text(nanos))
    return orjson.dumps(members)


def rfc3339(moment: datetime) -> str:
    """Format a time in UTC, to the microsecond, ending in Z."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[:-6] + "Z"
