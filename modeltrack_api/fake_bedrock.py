"""Bedrock's runtime API, as the fake provider speaks it: Anthropic's answers in it, and `converse`."""

import base64
import binascii
import struct
from collections.abc import Iterator
from typing import Any

import orjson

from modeltrack_api.fake_answers import Api, Reply, anthropic_events, anthropic_message, pieces

_EVENT_STREAM = "application/vnd.amazon.eventstream"
_STRING = 7  # the type of a header's value


def frame(payload: bytes, **headers: str) -> bytes:
    """One message of an event stream: lengths, their CRC, headers, payload, CRC of all."""
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


def _invoke_events(model: str, reply: Reply, body: dict[str, Any]) -> Iterator[bytes]:
    for event in anthropic_events(model, reply, body):
        content = orjson.loads(event.partition(b"data: ")[2])
        if content["type"] == "ping":
            continue
        if content["type"] == "message_stop" and reply.usage:
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


INVOKE = Api(anthropic_message)
INVOKE_STREAM = Api(anthropic_message, _invoke_events, _EVENT_STREAM, always_streams=True)
CONVERSE = Api(_converse)
CONVERSE_STREAM = Api(_converse, _converse_events, _EVENT_STREAM, always_streams=True)
