"""Write the answers of OpenAI's Responses API."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson

from demo.fake_provider.answers import Api, Generated, Reply, arguments, pieces, text_of

_USAGE = frozenset({"completed", "incomplete", "failed"})


def in_background(reply: Reply) -> Reply:
    """Return the settings of the first answer to a Responses request with `background`: it is only queued."""
    return replace(reply, outcome="queued")


def _usage(reply: Reply) -> dict[str, Any]:
    total = reply.input_tokens + reply.cache_read + reply.cache_write
    return {
        "input_tokens": total,
        "input_tokens_details": {"cached_tokens": reply.cache_read, "cache_write_tokens": reply.cache_write},
        "output_tokens": reply.output_tokens,
        "output_tokens_details": {"reasoning_tokens": reply.reasoning},
        "total_tokens": total + reply.output_tokens,
    }


def _tools(reply: Reply) -> dict[str, Any]:
    """Return what the tools used, beside the model that called them."""
    if not reply.drawn and reply.shown_searches < 0:
        return {}
    image = {
        "input_tokens": reply.drawn_from,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": reply.drawn_from},
        "output_tokens": reply.drawn,
        "output_tokens_details": {"image_tokens": reply.drawn, "text_tokens": 0},
        "total_tokens": reply.drawn_from + reply.drawn,
    }
    return {"tool_usage": {"image_gen": image, "web_search": {"num_requests": reply.web_searches}}}


def _output(reply: Reply, status: str) -> list[dict[str, Any]]:
    shown = reply.web_searches if reply.shown_searches < 0 else reply.shown_searches
    search = {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "fake"}}
    items = [search | {"id": f"ws_{n}"} for n in range(shown)]
    if reply.drawn:
        items.append(
            {"type": "image_generation_call", "id": "ig_fake", "status": "completed", "result": "iVBORw0KGgo="}
        )
    if reply.reasoning:
        items.append({"type": "reasoning", "id": "rs_fake", "summary": []})
    if reply.tool:
        call = {"type": "function_call", "id": "fc_fake", "call_id": "call_fake", "name": "fake", "status": status}
        return [*items, call | {"arguments": arguments(reply)}]
    content = [{"type": "output_text", "text": text_of(reply), "annotations": []}]
    return [*items, {"id": "msg_fake", "type": "message", "role": "assistant", "status": status, "content": content}]


def response(model: str, reply: Reply, status: str = "") -> dict[str, Any]:
    status = status or reply.outcome
    tools = [{"type": "image_generation", "model": "gpt-image-1"}] if reply.drawn else []
    answer = {
        "id": "resp_fake",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": status,
        "model": model,
        "output": _output(reply, status) if status in ("completed", "incomplete") else [],
        "error": {"code": "server_error", "message": "told to fail"} if status == "failed" else None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": tools,
        "service_tier": reply.service_tier or "default",
        "usage": None,
    }
    if status in _USAGE and reply.usage:
        answer |= {"usage": _usage(reply)} | _tools(reply)
    return answer


def response_parts(model: str, reply: Reply) -> Iterator[dict[str, Any]]:
    """Yield the contents of the events of a response, in a stream or on a WebSocket."""
    item = {"item_id": "fc_fake" if reply.tool else "msg_fake", "output_index": 0}
    kind = "response.function_call_arguments" if reply.tool else "response.output_text"
    more: dict[str, Any] = {} if reply.tool else {"content_index": 0, "logprobs": []}
    parts: list[dict[str, Any]] = [{"type": "response.created", "response": response(model, reply, "in_progress")}]
    parts += [{"type": f"{kind}.delta", **item, "delta": text, **more} for text in pieces(reply)]
    parts += [{"type": f"response.{reply.outcome}", "response": response(model, reply)}]
    for number, part in enumerate(parts):
        yield part | {"sequence_number": number}


def _events(model: str, reply: Reply, body: dict[str, Any]) -> Iterator[bytes]:
    for part in response_parts(model, reply):
        event = b"event: %b\ndata: %b\n\n" % (part["type"].encode(), orjson.dumps(part))
        yield Generated(event) if part["type"].endswith(".delta") else event


RESPONSES = Api(response, _events)
