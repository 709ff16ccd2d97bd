"""Turn rows of the database into cost events with the same members as the lines of the event log."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import orjson

from addons.ledger.events import rfc3339
from addons.llm.usage import Usage
from modeltrack_api.amounts import usd_or_null
from modeltrack_api.store.measures import CALLER, COUNTS, FLAGS, LABELS, LISTS, OPTIONAL, PARTS, TEXTS
from modeltrack_api.store.sums import LLM, Row
from modeltrack_api.utc import moment

COLUMNS = ", ".join(
    [
        *(f"e.{name}" for name in ("id", "event_id", "ts", "cost_nanos", "saved_nanos", "extra")),
        *(f"e.{name}" for name in (*COUNTS, *PARTS, *FLAGS, *OPTIONAL, *TEXTS, *LISTS)),
        *(f"s.{name}" for name in LABELS),
        *(f"c.{name}" for name in CALLER),
    ]
)
"""The columns that `cost_event` needs, from `events e` and JOINED."""

JOINED = "JOIN series s ON s.id = e.series JOIN callers c ON c.id = e.caller"

_ALWAYS_THERE_IN_CALLS = {*COUNTS, "is_streaming", "cache_hit", "model", "provider"}


def cost_event(row: Row) -> dict[str, Any]:
    """Return the event as in the log.

    `event_id` is a UUID, money is in USD, `cost_usd` is null without a known price, and empty members are left out.
    """
    return dict(_members(row))


def _members(row: Row) -> Iterator[tuple[str, Any]]:
    is_call = row["event_type"] == LLM
    kept: Sequence[str] | set[str] = _ALWAYS_THERE_IN_CALLS if is_call else ()
    yield "event_id", _id_text(row["event_id"])
    yield "timestamp", rfc3339(moment(row["ts"]))
    yield "cost_usd", usd_or_null(row["cost_nanos"])
    if row["saved_nanos"] is not None:
        yield "saved_usd", usd_or_null(row["saved_nanos"])
    for name in (*LABELS, *CALLER, *TEXTS, *COUNTS, *PARTS):
        if row[name] or name in kept:
            yield name, row[name]
    for name in FLAGS:
        if row[name] or name in kept:
            yield name, bool(row[name])
    for name in OPTIONAL:
        if row[name] is not None:
            yield name, row[name]
    for name in LISTS:
        if row[name]:
            yield name, orjson.loads(row[name])
    if is_call:
        usage = {name: row[name] for name in COUNTS if name.endswith("_tokens")}
        yield "token_summary", Usage(**usage).summary()
    if row["extra"]:
        yield from orjson.loads(row["extra"]).items()


def _id_text(value: bytes) -> str:
    return str(UUID(bytes=value)) if len(value) == 16 else value.decode(errors="replace")
