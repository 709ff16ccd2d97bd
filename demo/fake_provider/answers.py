"""Define the settings of the fake provider's answers; write errors, and answers of paths that are not metered."""

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
    marker: str = ""
    """A word that the books repeat beside what the call cost."""
    pace: float = 0.0
    """The tokens that the output grows by in a second, hidden reasoning included; 0: it is there at once."""
    reasoning: int = 0
    """The part of the output that is hidden reasoning, and comes before the text."""
    tail: float = 0.0
    """The time between the event that says why a stream ends and the one that reports its usage."""
    characters: int = 0
    """The length of the text, which is then repeated or cut; 0: it is as it is."""
    tool: int = 0
    """1: the answer is a call of a tool, with the text among its arguments."""
    audio_input: int = 0
    """The part of `input_tokens` that is audio."""
    audio_output: int = 0
    """The part of `output_tokens` that is audio."""
    image_input: int = 0
    """The part of `input_tokens` that is images."""
    drawn: int = 0
    """The image tokens that a tool of the Responses API drew."""
    drawn_from: int = 0
    """The tokens of the text that the tool was given."""
    shown_searches: int = -1
    """The web searches that the output of a response lists, where it differs from `web_searches`; -1: all."""
    geo: str = ""
    """Where Anthropic ran the call: `us`, `global`; "": the answer does not say."""
    late: str = ""
    """Where alone a stream of `invoke` reports the cache's tokens: `delta`, `stop` or `metrics`; "": at its start."""
    refuses: str = ""
    """The field of the request's body that makes the answer a 400."""
    odd: str = ""
    """How the answer differs from a usual one: see `oddities.KINDS`."""

    def changed(self, settings: dict[str, str]) -> "Reply":
        """Return a copy with these settings. Raises ValueError for an unknown name or a value of the wrong type."""
        types = {item.name: type(getattr(self, item.name)) for item in fields(self)}
        if unknown := set(settings) - set(types):
            raise ValueError(f"unknown setting {unknown.pop()!r}: the settings are {', '.join(types)}")
        return replace(self, **{name: types[name](value) for name, value in settings.items()})

    def told(self, text: str) -> "Reply":
        """Return a copy with the settings in a text such as `output_tokens=7,delay=0.5`. Raises ValueError."""
        return self.changed(dict(pair.split("=", 1) for pair in text.split(",") if pair)) if text else self


class Generated(bytes):
    """An event of a stream that brings a piece of the answer: it is not sent before its tokens have been generated."""


class Final(bytes):
    """The event of a stream that says why it ends. What comes after it is only the usage."""


class Api(NamedTuple):
    """Hold the functions that write the answers of one API."""

    answer: Callable[[str, Reply], dict[str, Any]]
    """Writes a whole answer, from the model and the settings."""
    events: Callable[[str, Reply, dict[str, Any]], Iterator[bytes]] | None = None
    """Writes the events of a stream, from the model, the settings and the request's body; None: it has no streams."""
    content_type: str = "text/event-stream; charset=utf-8"
    """The Content-Type of a stream."""
    always_streams: bool = False
    has_output: bool = True
    headers: Callable[[Reply], list[str]] = lambda reply: []
    """Writes further headers of an answer that is no stream."""


def text_of(reply: Reply) -> str:
    """Return the answer's text, at the length that the settings ask for."""
    wanted = reply.characters
    return (f"{reply.text} " * (wanted // (len(reply.text) + 1) + 1))[:wanted] if wanted else reply.text


def pieces(reply: Reply) -> list[str]:
    """Return the parts in which a stream brings the text, or the arguments of the tool that it calls."""
    text = arguments(reply) if reply.tool else text_of(reply)
    size = -(-len(text) // max(reply.chunks, 1)) or 1
    return [text[at : at + size] for at in range(0, len(text), size)]


def arguments(reply: Reply) -> str:
    """Return the arguments of the call of a tool, which are JSON."""
    return orjson.dumps({"text": text_of(reply)}).decode()


def error(is_anthropic: bool, status: int, message: str) -> dict[str, Any]:
    kind = {401: "authentication_error", 529: "overloaded_error", 404: "not_found_error"}.get(status, "api_error")
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
    if path.endswith("/images/generations"):
        return 200, {"created": 1, "data": []}
    if path.endswith("/moderations"):
        return 200, {"id": "modr_fake", "model": "omni-moderation-latest", "results": []}
    if path.endswith("/complete"):
        return 200, {
            "type": "completion",
            "model": "claude-2.1",
            "completion": reply.text,
            "stop_reason": "stop_sequence",
        }
    if path.endswith("/models"):
        return 200, {"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None}
    return 404, error(is_anthropic, 404, f"there is no path {path}")
