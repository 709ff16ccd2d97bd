"""Write the answers of OpenAI's APIs: chat, Responses, embeddings, legacy completions."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson

from demo.fake_provider.answers import Api, Reply, pieces


def _usage(reply: Reply) -> dict[str, Any]:
    prompt = reply.input_tokens + reply.cache_read
    return {
        "prompt_tokens": prompt,
        "completion_tokens": reply.output_tokens,
        "total_tokens": prompt + reply.output_tokens,
        "prompt_tokens_details": {"cached_tokens": reply.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def completion(model: str, reply: Reply) -> dict[str, Any]:
    completion: dict[str, Any] = {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": reply.text, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
    }
    completion |= {"usage": _usage(reply)} if reply.usage else {}
    return completion | ({"service_tier": reply.service_tier} if reply.service_tier else {})


def completion_events(model: str, reply: Reply, body: dict[str, Any]) -> Iterator[bytes]:
    options = body.get("stream_options")
    with_usage = isinstance(options, dict) and options.get("include_usage") is True and reply.usage
    shared = {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": model}
    shared |= {"service_tier": reply.service_tier} if reply.service_tier else {}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
        return b"data: %b\n\n" % orjson.dumps(shared | {"choices": choices} | ({"usage": None} if with_usage else {}))

    yield chunk({"role": "assistant", "content": ""})
    for piece in pieces(reply):
        yield chunk({"content": piece})
    yield chunk({}, "stop")
    if with_usage:
        yield b"data: %b\n\n" % orjson.dumps(shared | {"choices": [], "usage": _usage(reply)})
    yield b"data: [DONE]\n\n"


def _text_completion(model: str, reply: Reply) -> dict[str, Any]:
    choice = {"index": 0, "text": reply.text, "logprobs": None, "finish_reason": "stop"}
    return completion(model, reply) | {"object": "text_completion", "choices": [choice]}


def _text_completion_events(model: str, reply: Reply, body: dict[str, Any]) -> Iterator[bytes]:
    """Yield the events of a chat stream, with the text where the legacy API has it."""
    for event in completion_events(model, reply, body):
        data = event.removeprefix(b"data: ")
        if data.startswith(b"{"):
            chunk = orjson.loads(data)
            for choice in chunk["choices"]:
                choice["text"] = choice.pop("delta").get("content", "")
            event = b"data: %b\n\n" % orjson.dumps(chunk | {"object": "text_completion"})
        yield event


def _embedding(model: str, reply: Reply) -> dict[str, Any]:
    usage = {"prompt_tokens": reply.input_tokens, "total_tokens": reply.input_tokens}
    data = [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}]
    return {"object": "list", "data": data, "model": model} | ({"usage": usage} if reply.usage else {})


def in_background(reply: Reply) -> Reply:
    """Return the settings of the first answer to a Responses request with `background`: it is only queued."""
    return replace(reply, outcome="queued")


def response(model: str, reply: Reply, status: str = "") -> dict[str, Any]:
    status = status or reply.outcome
    is_over = status not in ("in_progress", "queued")
    content = [{"type": "output_text", "text": reply.text, "annotations": []}]
    message = {"id": "msg_fake", "type": "message", "role": "assistant", "status": status, "content": content}
    total = reply.input_tokens + reply.cache_read
    usage = {
        "input_tokens": total,
        "input_tokens_details": {"cached_tokens": reply.cache_read, "cache_write_tokens": 0},
        "output_tokens": reply.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": total + reply.output_tokens,
    }
    search = {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "fake"}}
    searches = [search | {"id": f"ws_{n}"} for n in range(reply.web_searches)]
    return {
        "id": "resp_fake",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": status,
        "model": model,
        "output": [*searches, message] if status in ("completed", "incomplete") else [],
        "error": {"code": "server_error", "message": "told to fail"} if status == "failed" else None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "service_tier": reply.service_tier or "default",
        "usage": usage if reply.usage and is_over else None,
    }


def response_parts(model: str, reply: Reply) -> Iterator[dict[str, Any]]:
    """Yield the contents of the events of a response, in a stream or on a WebSocket."""
    item = {"item_id": "msg_fake", "output_index": 0, "content_index": 0}
    parts: list[dict[str, Any]] = [{"type": "response.created", "response": response(model, reply, "in_progress")}]
    parts += [{"type": "response.output_text.delta", **item, "delta": text, "logprobs": []} for text in pieces(reply)]
    parts += [{"type": f"response.{reply.outcome}", "response": response(model, reply)}]
    for number, part in enumerate(parts):
        yield part | {"sequence_number": number}


def _response_events(model: str, reply: Reply, body: dict[str, Any]) -> Iterator[bytes]:
    for part in response_parts(model, reply):
        yield b"event: %b\ndata: %b\n\n" % (part["type"].encode(), orjson.dumps(part))


CHAT = Api(completion, completion_events)
COMPLETIONS = Api(_text_completion, _text_completion_events)
EMBEDDINGS = Api(_embedding)
RESPONSES = Api(response, _response_events)
