"""Write the answers of Bedrock's runtime API: `converse`, and `invoke` of Anthropic's models and of one other kind."""

import base64
import binascii
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from demo.fake_provider import anthropic
from demo.fake_provider.answers import Api, Final, Generated, Reply, pieces, text_of

_EVENT_STREAM = "application/vnd.amazon.eventstream"
_STRING = 7  # the type of a header whose value is a string
# The answer names the model without the rest of the id.
_ANTHROPIC_ID = re.compile(r"anthropic\.([a-z0-9-]+?)(?:-v\d+(?::\d+)?)?$")


def frame(payload: bytes, **headers: str) -> bytes:
    """Return one message of an AWS event stream: its lengths, their CRC, headers, payload, and the CRC of all."""
    packed = b""
    for name, value in headers.items():
        key, text = f":{name.replace('_', '-')}".encode(), value.encode()
        packed += bytes([len(key)]) + key + bytes([_STRING]) + struct.pack(">H", len(text)) + text
    prelude = struct.pack(">II", 12 + len(packed) + len(payload) + 4, len(packed))
    message = prelude + struct.pack(">I", binascii.crc32(prelude)) + packed + payload
    return message + struct.pack(">I", binascii.crc32(message))


def _event(kind: str, content: dict[str, Any]) -> bytes:
    headers = {"event_type": kind, "content_type": "application/json", "message_type": "event"}
    return frame(orjson.dumps(content), **headers)


def _invoke(model: str, reply: Reply) -> dict[str, Any]:
    if match := _ANTHROPIC_ID.search(model):
        return anthropic.message(match[1], reply)
    return {"generation": text_of(reply), "stop_reason": "stop"}


def _counts(reply: Reply) -> list[str]:
    counts = {"input": reply.input_tokens, "output": reply.output_tokens}
    return [f"x-amzn-bedrock-{side}-token-count: {n}" for side, n in counts.items() if reply.usage]


def _contents(model: str, reply: Reply, body: dict[str, Any]) -> Iterator[tuple[type[bytes], dict[str, Any]]]:
    """Yield what the frames of a stream of `invoke` hold, and what kind of event each is."""
    if not (match := _ANTHROPIC_ID.search(model)):
        yield from ((Generated, {"generation": text, "stop_reason": None}) for text in pieces(reply))
        yield Final, {"generation": "", "stop_reason": "stop"}
        return
    for event in anthropic.events(match[1], reply, body):
        content = orjson.loads(event.partition(b"data: ")[2])
        if content["type"] != "ping":
            yield type(event), _moved(content, reply) if reply.late and reply.usage else content


def _moved(content: dict[str, Any], reply: Reply) -> dict[str, Any]:
    """Return an event of a stream that reports the cache's tokens only where `Reply.late` says."""
    cache = {"cache_creation_input_tokens": reply.cache_write, "cache_read_input_tokens": reply.cache_read}
    if content["type"] == "message_start":
        message = content["message"]
        usage = {name: count for name, count in message["usage"].items() if not name.startswith("cache_")}
        return content | {"message": message | {"usage": usage}}
    if content["type"] == f"message_{reply.late}":
        return content | {"usage": content.get("usage", {}) | cache}
    return content


def _invoke_events(model: str, reply: Reply, body: dict[str, Any]) -> Iterator[bytes]:
    for kind, content in _contents(model, reply, body):
        if (content.get("type") == "message_stop" or content.get("stop_reason")) and reply.usage:
            content["amazon-bedrock-invocationMetrics"] = {
                "inputTokenCount": reply.input_tokens,
                "outputTokenCount": reply.output_tokens,
                "cacheReadInputTokenCount": reply.cache_read,
                "cacheWriteInputTokenCount": reply.cache_write,
            }
        yield kind(_event("chunk", {"bytes": base64.b64encode(orjson.dumps(content)).decode()}))


def _converse_usage(reply: Reply) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "inputTokens": reply.input_tokens,
        "outputTokens": reply.output_tokens,
        "totalTokens": reply.input_tokens + reply.output_tokens + reply.cache_read + reply.cache_write,
        "cacheReadInputTokens": reply.cache_read,
        "cacheWriteInputTokens": reply.cache_write,
    }
    written = {"1h": reply.cache_write_1h, "5m": reply.cache_write - reply.cache_write_1h}
    if details := [{"ttl": ttl, "inputTokens": count} for ttl, count in written.items() if count]:
        usage["cacheDetails"] = details
    return usage


def _converse(model: str, reply: Reply) -> dict[str, Any]:
    text = text_of(reply)
    called = {"toolUse": {"toolUseId": "tooluse_fake", "name": "fake", "input": {"text": text}}}
    answer = {
        "output": {"message": {"role": "assistant", "content": [called if reply.tool else {"text": text}]}},
        "stopReason": "tool_use" if reply.tool else "end_turn",
        "metrics": {"latencyMs": 1},
    }
    return answer | ({"usage": _converse_usage(reply)} if reply.usage else {})


def _converse_events(model: str, reply: Reply, body: dict[str, Any]) -> Iterator[bytes]:
    yield _event("messageStart", {"role": "assistant"})
    for text in pieces(reply):
        delta = {"toolUse": {"input": text}} if reply.tool else {"text": text}
        yield Generated(_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": delta}))
    yield _event("contentBlockStop", {"contentBlockIndex": 0})
    yield Final(_event("messageStop", {"stopReason": "tool_use" if reply.tool else "end_turn"}))
    if reply.usage:
        yield _event("metadata", {"usage": _converse_usage(reply), "metrics": {"latencyMs": 1}})


def _failing(events: Callable[[str, Reply, dict[str, Any]], Iterator[bytes]]) -> Api:
    """Return an API with these streams, which end with an exception where `Reply.fail` says so."""

    def answer(model: str, reply: Reply, body: dict[str, Any]) -> Iterator[bytes]:
        for number, event in enumerate(events(model, reply, body), 1):
            yield event
            if number == reply.fail:
                content = orjson.dumps({"message": "Too many requests."})
                yield frame(content, exception_type="throttlingException", message_type="exception")
                return

    return Api(_converse, answer, _EVENT_STREAM, always_streams=True)


INVOKE = Api(_invoke, headers=_counts)
INVOKE_STREAM = _failing(_invoke_events)
CONVERSE = Api(_converse)
CONVERSE_STREAM = _failing(_converse_events)
