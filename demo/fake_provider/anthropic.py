"""Write the answers of Anthropic's Messages API."""

from collections.abc import Iterator
from typing import Any

import orjson

from demo.fake_provider.answers import Api, Final, Generated, Reply, pieces, text_of


def _usage(reply: Reply) -> dict[str, Any]:
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
    usage |= {"inference_geo": reply.geo} if reply.geo else {}
    usage |= {"output_tokens_details": {"thinking_tokens": reply.reasoning}} if reply.reasoning else {}
    usage |= {"server_tool_use": {"web_search_requests": reply.web_searches}} if reply.web_searches else {}
    if reply.compaction:
        cache = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
        counts = [("compaction", reply.compaction, 0), ("message", reply.input_tokens, reply.output_tokens)]
        usage["iterations"] = [{"type": t, "input_tokens": i, "output_tokens": o, **cache} for t, i, o in counts]
    return usage


def _tool_use(given: dict[str, str]) -> dict[str, Any]:
    return {"type": "tool_use", "id": "toolu_fake", "name": "fake", "input": given}


def message(model: str, reply: Reply) -> dict[str, Any]:
    text = text_of(reply)
    content: dict[str, Any] = _tool_use({"text": text}) if reply.tool else {"type": "text", "text": text}
    answer: dict[str, Any] = {
        "id": "msg_fake",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [content],
        "stop_reason": "tool_use" if reply.tool else "end_turn",
        "stop_sequence": None,
    }
    return answer | ({"usage": _usage(reply)} if reply.usage else {})


def events(model: str, reply: Reply, body: dict[str, Any]) -> Iterator[bytes]:
    def event(kind: str, **content: Any) -> bytes:
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **content}))

    start = message(model, reply)
    stop_reason = start["stop_reason"]
    start |= {"content": [], "stop_reason": None}
    if reply.usage:
        start["usage"] |= {"output_tokens": min(reply.output_tokens, 1)}
        start["usage"].pop("output_tokens_details", None)
    yield event("message_start", message=start)
    at = 0
    if reply.reasoning:  # its text is kept from the client
        yield event("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""})
        yield event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "fake"})
        yield event("content_block_stop", index=0)
        at = 1
    block = _tool_use({}) if reply.tool else {"type": "text", "text": ""}
    yield event("content_block_start", index=at, content_block=block)
    yield event("ping")
    kind, key = ("input_json_delta", "partial_json") if reply.tool else ("text_delta", "text")
    for piece in pieces(reply):
        yield Generated(event("content_block_delta", index=at, delta={"type": kind, key: piece}))
    yield event("content_block_stop", index=at)
    usage: dict[str, Any] = {"output_tokens": reply.output_tokens}
    usage |= {"input_tokens": 0} if reply.odd == "zero_input" else {}
    delta = {"stop_reason": stop_reason, "stop_sequence": None}
    yield Final(event("message_delta", delta=delta, **({"usage": usage} if reply.usage else {})))
    yield event("message_stop")


MESSAGES = Api(message, events)
