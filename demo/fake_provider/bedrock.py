"""Write the answers of Bedrock's runtime API: `converse`, and `invoke` of Anthropic's models and of one other kind."""

import base64
import binascii
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from demo.fake_provider.answers import Api, Reply, anthropic_events, anthropic_message, pieces

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
        return anthropic_message(match[1], reply)
    return {"generation": reply.text, "stop_reason": "stop"}


def _counts(reply: Reply) -> list[str]:
    counts = {"input": reply.input_tokens, "output": reply.output_tokens}
    return [f"x-amzn-bedrock-{side}-token-count: {n}" for side, n in counts.items() if reply.usage]


def _contents(model: str, reply: Reply, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if match := _ANTHROPIC_ID.search(model):
        contents = (orjson.loads(e.partition(b"data: ")[2]) for e in anthropic_events(match[1], reply, body))
        yield from (content for content in contents if content["type"] != "ping")
    else:
        yield from ({"generation": text, "stop_reason": None} for text in pieces(reply))
        yield {"generation": "", "stop_reason": "stop"}


def _invoke_events(model: str, reply: Reply, body: dict[str, Any]) -> Iterator[bytes]:
    for content in _contents(model, reply, body):
        if (content.get("type") == "message_stop" or content.get("stop_reason")) and reply.usage:
            content["amazon-bedrock-invocationMetrics"] = {
                "inputTokenCount": reply.input_tokens,
                "outputTokenCount": reply.output_tokens,
                "cacheReadInputTokenCount": reply.cache_read,
                "cacheWriteInputTokenCount": reply.cache_write,
            }
        yield _event("chunk", {"bytes": base64.b64encode(orjson.dumps(content)).decode()})


def _converse_usage(reply: Reply) -> dict[str, Any]:
    return {
        "inputTokens": reply.input_tokens,
        "outputTokens": reply.output_tokens,
        "totalTokens": reply.input_tokens + reply.output_tokens,
        "cacheReadInputTokens": reply.cache_read,
        "cacheWriteInputTokens": reply.cache_write,
    }


def _converse(model: str, reply: Reply) -> dict[str, Any]:
    answer = {
        "output": {"message": {"role": "assistant", "content": [{"text": reply.text}]}},
        "stopReason": "end_turn",
        "metrics": {"latencyMs": 1},
    }
    return answer | ({"usage": _converse_usage(reply)} if reply.usage else {})


def _converse_events(model: str, reply: Reply, body: dict[str, Any]) -> Iterator[bytes]:
    yield _event("messageStart", {"role": "assistant"})
    for text in pieces(reply):
        yield _event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})
    yield _event("contentBlockStop", {"contentBlockIndex": 0})
    yield _event("messageStop", {"stopReason": "end_turn"})
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
