"""List the formats that calls are made in: their paths on the proxy, their bodies, and what their streams look like."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Body = Callable[[str, str, int], dict[str, Any]]

_FRAMED = re.compile(rb'"bytes":"([^"]+)"')


@dataclass(frozen=True)
class Format:
    name: str
    path: str
    """The path on the proxy; `{model}` stands for the model."""
    body: Body
    """Returns the body, from the model, the prompt and the limit on the output."""
    family: str
    """The word by which features name the formats that they go with."""
    models: tuple[str, ...]
    end: bytes = b""
    """What is in the event that says why a stream ends, and in none before; empty where there are no streams."""
    stream_path: str = ""
    """The path of streams, where that differs and not the body."""
    frames: bool = False
    """Whether the events of a stream are in base64."""
    key_header: str = "authorization"
    reports_input_first: bool = False
    """Whether a stream reports its input in its first event."""

    def is_over(self, stream: bytes) -> bool:
        """Tell whether a stream has come so far that its generation is over."""
        if self.frames:
            stream = b"".join(base64.b64decode(found) for found in _FRAMED.findall(stream))
        return self.end in stream


def _messages(model: str, prompt: str, limit: int) -> dict[str, Any]:
    return {"model": model, "max_tokens": limit, "messages": [{"role": "user", "content": prompt}]}


def _chat(model: str, prompt: str, limit: int) -> dict[str, Any]:
    return {"model": model, "max_completion_tokens": limit, "messages": [{"role": "user", "content": prompt}]}


def _completion(model: str, prompt: str, limit: int) -> dict[str, Any]:
    return {"model": model, "max_tokens": limit, "prompt": prompt}


def _embedding(model: str, prompt: str, limit: int) -> dict[str, Any]:
    return {"model": model, "input": prompt}


def _response(model: str, prompt: str, limit: int) -> dict[str, Any]:
    return {"model": model, "max_output_tokens": limit, "input": prompt}


def _invoke(model: str, prompt: str, limit: int) -> dict[str, Any]:
    body = _messages(model, prompt, limit) | {"anthropic_version": "bedrock-2023-05-31"}
    return {name: value for name, value in body.items() if name != "model"}


def _llama(model: str, prompt: str, limit: int) -> dict[str, Any]:
    return {"prompt": prompt, "max_gen_len": limit}


def _converse(model: str, prompt: str, limit: int) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": [{"text": prompt}]}],
        "inferenceConfig": {"maxTokens": limit},
    }


_CLAUDE = ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-sonnet-4-6", "claude-opus-4-6")
_GPT = ("gpt-4o", "gpt-4o-mini", "gpt-5", "o3")
_ON_BEDROCK = (
    "us.anthropic.claude-sonnet-4-6",
    "global.anthropic.claude-sonnet-4-6",
    "us.anthropic.claude-haiku-4-5-20251001-v1:0",
    "us.anthropic.claude-opus-4-6-v1",
)
_CHAT_END = b'"finish_reason":"'
_MESSAGES_END, _RESPONSES_END = b"message_delta", b'"response.completed"'
_BEDROCK = "/bedrock/model/{model}"
_DEPLOYMENT = "/azure/openai/deployments/{model}/chat/completions?api-version=2025-04-01-preview"

FORMATS = (
    Format(
        "messages", "/v1/messages", _messages, "messages", _CLAUDE, _MESSAGES_END,
        key_header="x-api-key", reports_input_first=True,
    ),
    Format("chat", "/v1/chat/completions", _chat, "chat", _GPT, _CHAT_END),
    Format("responses", "/v1/responses", _response, "responses", _GPT, _RESPONSES_END),
    Format("completions", "/v1/completions", _completion, "legacy", ("gpt-3.5-turbo-instruct",), _CHAT_END),
    Format("embeddings", "/v1/embeddings", _embedding, "embeddings", ("text-embedding-3-small",)),
    Format(
        "bedrock messages", "/bedrock/v1/messages", _messages, "messages", ("anthropic.claude-sonnet-4-6",),
        _MESSAGES_END, reports_input_first=True,
    ),
    Format(
        "invoke", f"{_BEDROCK}/invoke", _invoke, "invoke", _ON_BEDROCK, _MESSAGES_END,
        f"{_BEDROCK}/invoke-with-response-stream", frames=True, reports_input_first=True,
    ),
    Format(
        "invoke llama", f"{_BEDROCK}/invoke", _llama, "other", ("us.meta.llama3-3-70b-instruct-v1:0",),
        b'"stop_reason":"stop"', f"{_BEDROCK}/invoke-with-response-stream", frames=True,
    ),
    Format(
        "converse", f"{_BEDROCK}/converse", _converse, "converse", _ON_BEDROCK, b"messageStop",
        f"{_BEDROCK}/converse-stream",
    ),
    Format("azure chat", "/azure/v1/chat/completions", _chat, "chat", _GPT, _CHAT_END, key_header="api-key"),
    Format("azure deployment", _DEPLOYMENT, _chat, "chat", ("prod-chat", "prod-mini"), _CHAT_END, key_header="api-key"),
    Format(
        "azure responses", "/azure/v1/responses", _response, "responses", _GPT, _RESPONSES_END, key_header="api-key"
    ),
    Format(
        "azure messages", "/azure/anthropic/v1/messages", _messages, "messages", _CLAUDE, _MESSAGES_END,
        key_header="x-api-key", reports_input_first=True,
    ),
)  # fmt: skip
