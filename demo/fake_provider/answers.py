"""Define the settings of the fake provider's answers, and write Anthropic's answers, errors and other answers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import orjson

_TEXT = "Hello! This is the fake provider, and these words are what every question gets."


@dataclass(frozen=True)
class Reply:
    """Hold the settings that say how to answer. Times are in seconds."""

    input_tokens: int = 1000
    """Input that is neither read from the cache nor written to it."""
    output_tokens: int = 200
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    """The part of `cache_write` that lasts an hour."""
    delay: float = 0.0
    """The time before the answer begins."""
    gap: float = 0.0
    """The time between two events of a stream."""
    chunks: int = 5
    """The number of pieces in which a stream brings the text."""
    status: int = 200
    """The HTTP status; any other than 200 makes the answer an error."""
    gzip: int = 0
    """1: the answer is compressed, whatever the client accepts."""
    hangup: int = -1
    """Abort the connection after this many events of a stream, or in the middle of another body.

    0: before any byte; -1: never.
    """
    hold: int = 0
    """Wait for `release` after this many events of a stream, or before an answer that is no stream; 0: do not wait."""
    usage: int = 1
    """0: the answer reports no usage."""
    garbage: int = 0
    """1: the body is not JSON."""
    corrupt: int = 0
    """The number of the event in a stream whose last byte is changed; 0: none."""
    fail: int = 0
    """End a stream of Bedrock with an exception after this many events; 0: do not."""
    model: str = ""
    """The model that the answer names; "": the model that was asked for."""
    text: str = _TEXT
    service_tier: str = ""
    speed: str = ""
    web_searches: int = 0
    compaction: int = 0
    """Input tokens of a compaction pass, which Anthropic's totals leave out; 0: there was no such pass."""
    strict: int = 0
    """1: refuse with 400 what the real models refuse, as `refusals.py` says."""
    absent: str = ""
    """The name of a model that gets a 404, as if there were none."""
    outcome: str = "completed"
    """The status of a response in the Responses API: `completed`, `incomplete` or `failed`."""

    def changed(self, settings: dict[str, str]) -> "Reply":
        """Return a copy with these settings. Raises ValueError for an unknown name or a value of the wrong type."""
        types = {item.name: type(getattr(self, item.name)) for item in fields(self)}
        if unknown := set(settings) - set(types):
            raise ValueError(f"unknown setting {unknown.pop()!r}: the settings are {', '.join(types)}")
        return replace(self, **{name: types[name](value) for name, value in settings.items()})

    def told(self, text: str) -> "Reply":
        """Return a copy with the settings in a text such as `output_tokens=7,delay=0.5`. Raises ValueError."""
        return self.changed(dict(pair.split("=", 1) for pair in text.split(",") if pair)) if text else self


class Api(NamedTuple):
    """Hold the functions that write the answers of one API."""

    answer: Callable[[str, Reply], dict[str, Any]]
    """Writes a whole answer, from the model and the settings."""
    events: Callable[[str, Reply, dict[str, Any]], Iterator[bytes]] | None = None
    """Writes the events of a stream, from the model, the settings and the request's body; None: it has no streams."""
    content_type: str = "text/event-stream; charset=utf-8"
    """The Content-Type of a stream."""
    always_streams: bool = False
    headers: Callable[[Reply], list[str]] = lambda reply: []
    """Writes further headers of an answer that is no stream."""


def _anthropic_usage(reply: Reply) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "input_tokens": reply.input_tokens,
        "cache_creation_input_tokens": reply.cache_write,
        "cache_read_input_tokens": reply.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": reply.cache_write - reply.cache_write_1h,
            "ephemeral_1h_input_tokens": reply.cache_write_1h,
        },
        "output_tokens": reply.output_tokens,
        "service_tier": reply.service_tier or "standard",
    }
    usage |= {"speed": reply.speed} if reply.speed else {}
    usage |= {"server_tool_use": {"web_search_requests": reply.web_searches}} if reply.web_searches else {}
    if reply.compaction:
        cache = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
        counts = [("compaction", reply.compaction, 0), ("message", reply.input_tokens, reply.output_tokens)]
        usage["iterations"] = [{"type": t, "input_tokens": i, "output_tokens": o, **cache} for t, i, o in counts]
    return usage


def pieces(reply: Reply) -> list[str]:
    size = -(-len(reply.text) // max(reply.chunks, 1)) or 1
    return [reply.text[at : at + size] for at in range(0, len(reply.text), size)]


def anthropic_message(model: str, reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {
        "id": "msg_fake",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": reply.text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
    }
    return message | ({"usage": _anthropic_usage(reply)} if reply.usage else {})


def anthropic_events(model: str, reply: Reply, body: dict[str, Any]) -> Iterator[bytes]:
    def event(kind: str, **content: Any) -> bytes:
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **content}))

    start = anthropic_message(model, reply) | {"content": [], "stop_reason": None}
    if reply.usage:
        start["usage"] |= {"output_tokens": min(reply.output_tokens, 1)}
    yield event("message_start", message=start)
    yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield event("ping")
    for piece in pieces(reply):
        yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    yield event("content_block_stop", index=0)
    usage = {"usage": {"output_tokens": reply.output_tokens}} if reply.usage else {}
    yield event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, **usage)
    yield event("message_stop")


def error(is_anthropic: bool, status: int, message: str) -> dict[str, Any]:
    kind = {529: "overloaded_error", 404: "not_found_error"}.get(status, "api_error")
    if is_anthropic:
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_fake"}
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def other(path: str, is_anthropic: bool, reply: Reply) -> tuple[int, dict[str, Any]]:
    """Return status and body for a path that is not metered, or does not exist."""
    if path.endswith("/count_tokens"):
        return 200, {"input_tokens": reply.input_tokens}
    if "/messages/batches" in path:
        return 200, {"id": "msgbatch_fake", "type": "message_batch", "processing_status": "in_progress"}
    if path.endswith("/count-tokens"):
        return 200, {"inputTokens": reply.input_tokens}
    if path.endswith("/async-invoke"):
        return 200, {
            "invocationArn": "arn:aws:bedrock:us-east-1:123456789012:async-invoke/fake",
            "asyncInvokeSummaries": [],
        }
    if path.endswith("/models"):
        return 200, {"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None}
    return 404, error(is_anthropic, 404, f"there is no path {path}")
