"""Write the answers of OpenAI's APIs: chat, embeddings, legacy completions. The Responses API is in `responses`."""

from collections.abc import Iterator
from typing import Any

import orjson

from demo.fake_provider.answers import Api, Final, Generated, Reply, arguments, pieces, text_of


def _usage(reply: Reply) -> dict[str, Any]:
    prompt = reply.input_tokens + reply.cache_read + reply.cache_write
    usage: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": reply.output_tokens,
        "total_tokens": prompt + reply.output_tokens,
        "prompt_tokens_details": {"cached_tokens": reply.cache_read, "audio_tokens": reply.audio_input},
        "completion_tokens_details": {"reasoning_tokens": reply.reasoning, "audio_tokens": reply.audio_output},
    }
    if reply.cache_write:
        usage["prompt_tokens_details"]["cache_write_tokens"] = reply.cache_write
    if reply.audio_input or reply.image_input:
        text = reply.input_tokens - reply.audio_input - reply.image_input
        usage["prompt_tokens_details"] |= {"image_tokens": reply.image_input, "text_tokens": text}
    if reply.audio_output:
        usage["completion_tokens_details"]["text_tokens"] = reply.output_tokens - reply.audio_output
    return usage


def _called(reply: Reply, given: str, **more: Any) -> list[dict[str, Any]]:
    return [{"id": "call_fake", "type": "function", "function": {"name": "fake", "arguments": given}, **more}]


def _citations(reply: Reply) -> dict[str, Any]:
    """Return the one thing in which a chat answer shows that its model has searched."""
    found = {"url": "https://fake.example/", "title": "Fake", "start_index": 0, "end_index": 5}
    return {"annotations": [{"type": "url_citation", "url_citation": found}]} if reply.web_searches else {}


def completion(model: str, reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None if reply.tool else text_of(reply), "refusal": None}
    message |= {"tool_calls": _called(reply, arguments(reply))} if reply.tool else {}
    finish = "tool_calls" if reply.tool else "stop"
    answer: dict[str, Any] = {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": model,
        "choices": [{"index": 0, "message": message | _citations(reply), "logprobs": None, "finish_reason": finish}],
    }
    answer |= {"usage": _usage(reply)} if reply.usage else {}
    return answer | ({"service_tier": reply.service_tier} if reply.service_tier else {})


def completion_events(model: str, reply: Reply, body: dict[str, Any]) -> Iterator[bytes]:
    options = body.get("stream_options")
    with_usage = isinstance(options, dict) and options.get("include_usage") is True and reply.usage
    shared = {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": model}
    shared |= {"service_tier": reply.service_tier} if reply.service_tier else {}
    totals = with_usage and reply.odd == "running_totals"

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
        so_far = {"usage": _usage(reply) | {"completion_tokens": 1} if totals else None} if with_usage else {}
        return b"data: %b\n\n" % orjson.dumps(shared | {"choices": choices} | so_far)

    yield chunk(
        {"role": "assistant", "content": ""} | ({"tool_calls": _called(reply, "", index=0)} if reply.tool else {})
    )
    for piece in pieces(reply):
        called = {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
        yield Generated(chunk(called if reply.tool else {"content": piece}))
    yield Final(chunk(_citations(reply), "tool_calls" if reply.tool else "stop"))
    if with_usage:
        yield b"data: %b\n\n" % orjson.dumps(shared | {"choices": [], "usage": _usage(reply)})
    yield b"data: [DONE]\n\n"


def _text_completion(model: str, reply: Reply) -> dict[str, Any]:
    choice = {"index": 0, "text": text_of(reply), "logprobs": None, "finish_reason": "stop"}
    return completion(model, reply) | {"object": "text_completion", "choices": [choice]}


def _text_completion_events(model: str, reply: Reply, body: dict[str, Any]) -> Iterator[bytes]:
    """Yield the events of a chat stream, with the text where the legacy API has it."""
    for event in completion_events(model, reply, body):
        data = event.removeprefix(b"data: ")
        if not data.startswith(b"{"):
            yield event
            continue
        chunk = orjson.loads(data)
        for choice in chunk["choices"]:
            choice["text"] = choice.pop("delta").get("content", "")
        yield type(event)(b"data: %b\n\n" % orjson.dumps(chunk | {"object": "text_completion"}))


def _embedding(model: str, reply: Reply) -> dict[str, Any]:
    usage = {"prompt_tokens": reply.input_tokens, "total_tokens": reply.input_tokens}
    data = [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}]
    return {"object": "list", "data": data, "model": model} | ({"usage": usage} if reply.usage else {})


CHAT = Api(completion, completion_events)
COMPLETIONS = Api(_text_completion, _text_completion_events)
EMBEDDINGS = Api(_embedding, has_output=False)
