"""The cost event: the one schema that the proxy writes and the API reads, one JSON object a line."""

import secrets
import uuid
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

import orjson

from addons.ledger.money import to_decimal_text

LOG_NAME = "cost_events.jsonl"


# The last 12 digits of the ids of all events that this process writes: so it knows them from those of others in the log
# without keeping a list. The rest stays random, 74 bits of it.
_PROCESS = secrets.token_hex(6)


def new_event_id() -> str:
    return str(uuid.uuid4())[:-12] + _PROCESS


def is_of_this_process(line: bytes) -> bool:
    """Told from the id, which comes first in the line."""
    return _PROCESS.encode() in line[:64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostEvent:
    """One call. Money in nano-USD here, in USD (exact decimals) on the line. Empty fields are left out of the line."""

    event_id: str = field(default_factory=new_event_id)
    timestamp: datetime
    """When the event was written; decides the month that the money counts for."""
    event_type: str = "llm_api"
    provider: str
    model: str
    """As billed."""
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_nanos: int | None
    """None: the price is not known."""
    latency_ms: int
    ttft_ms: int | None = None
    status_code: int
    is_streaming: bool
    app_id: str = ""
    team: str = ""
    feature: str = ""
    customer_tier: str = ""
    session_id: str = ""
    trace_id: str = ""
    cache_hit: bool = False
    saved_nanos: int | None = None
    routed_from: str = ""
    routed_to: str = ""
    routing_rule: str = ""
    blocked_by: str = ""
    """budget, rule or unknown_model."""
    usage_estimated: bool = False
    error: str = ""
    """A category, such as the provider's error type; never a message."""
    prompt_hash: str = ""
    system_prompt_tokens: int = 0
    user_prompt_tokens: int = 0
    prompt_template_id: str = ""
    token_summary: str = ""

    def line(self) -> bytes:
        """The JSON object, without a newline."""
        return orjson.dumps(dict(self._members()))

    def _members(self) -> Any:
        for name, is_kept in _FIELDS:
            value = getattr(self, name)
            if name in _MONEY:
                name = _MONEY[name]
                value = None if value is None else orjson.Fragment(to_decimal_text(value))
            elif name == "timestamp":
                value = rfc3339(value)
            if is_kept or (value is not None and value != "" and value is not False):
                yield name, value


_MONEY = {"cost_nanos": "cost_usd", "saved_nanos": "saved_usd"}
_ALWAYS_THERE = {"event_id", "timestamp", "event_type", "provider", "model", "input_tokens", "output_tokens"} | {
    *("cache_read_tokens", "cache_write_tokens", "cost_nanos", "latency_ms", "status_code", "is_streaming", "cache_hit")
}
_FIELDS = tuple((item.name, item.name in _ALWAYS_THERE) for item in fields(CostEvent))


def rfc3339(moment: datetime) -> str:
    """UTC, to the microsecond, ending in Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
