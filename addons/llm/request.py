"""Read from a request's body what the event and the reservation need: sizes and a hash, but no text."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from addons.llm.usage import CHARACTERS_PER_TOKEN, tokens_of

_IMAGE_CHARACTERS = 1600 * CHARACTERS_PER_TOKEN  # an image costs about 1600 tokens, whatever its size in bytes
_LONGEST_MODEL_NAME = 256
_DEFAULT_OUTPUT_TOKENS = 4096
_MAX_OUTPUT_TOKENS = 128_000  # more than models answer; a client that asks for more must not reserve a whole budget


@dataclass(frozen=True, slots=True)
class LLMRequest:
    """Hold what a request asks for. Its token counts are estimates, with 4 characters for a token."""

    model: str
    stream: bool
    input_tokens: int
    max_output_tokens: int
    """The limit on the answer, over all of its choices; a default where the request sets none."""
    system_prompt_tokens: int
    user_prompt_tokens: int
    prompt_hash: str
    """The first 8 hex digits of the system prompt's SHA-256, "" where there is no system prompt."""
    background: bool = False
    """Whether the answer is made in the background and fetched later (OpenAI's Responses API)."""
    prewarm: bool = False
    """Whether the provider only reads the prompt, for a request to come (`generate: false` of the Responses API)."""


def parse_object(content: bytes) -> dict[str, Any]:
    """Parse a body as a JSON object. Raises ValueError, which says what is wrong without quoting the body."""
    body = _parse(content)
    if not isinstance(body, dict):
        raise ValueError("its body is not a JSON object")
    return body


def _parse(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        problem = ValueError(f"its body is not JSON (line {error.lineno}, column {error.colno})")
    if b"\\ud" not in content.lower():
        raise problem
    # JavaScript writes half of a surrogate pair, such as a cut emoji, as an escape. orjson refuses it; the standard
    # library accepts it, and so do some providers.
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise problem from None


def read_request(
    body: Mapping[str, Any],
    system: str,
    user_characters: int,
    output_limits: Iterable[str],
    model: str = "",
    stream: bool | None = None,
) -> LLMRequest:
    """Return what a request asks for.

    `output_limits` names the fields that may limit the answer; the first one that is present counts. `model` and
    `stream` come from the path, for routes whose path states them.

    Raises ValueError where no model is named, or the name is not a usable one.
    """
    model = model or body.get("model")  # type: ignore[assignment]
    if not isinstance(model, str) or not model.strip():
        raise ValueError("the request has no model: set `model` to the name of one")
    if len(model) > _LONGEST_MODEL_NAME or not model.isprintable():
        raise ValueError(f"its model is no name: up to {_LONGEST_MODEL_NAME} characters that can be printed")
    return LLMRequest(
        model=model,
        stream=body.get("stream") is True if stream is None else stream,
        input_tokens=tokens_of(characters(body)),
        max_output_tokens=_output_limit(body, output_limits),
        system_prompt_tokens=len(system) // CHARACTERS_PER_TOKEN,
        user_prompt_tokens=user_characters // CHARACTERS_PER_TOKEN,
        prompt_hash=hashlib.sha256(system.encode(errors="replace")).hexdigest()[:8] if system else "",
        background=bool(body.get("background")),
    )


def _output_limit(body: Mapping[str, Any], names: Iterable[str]) -> int:
    limit = _DEFAULT_OUTPUT_TOKENS
    for name in names:
        if type(found := body.get(name)) is int and found > 0:
            limit = found
            break
    choices = body.get("n")
    return min(limit * (choices if type(choices) is int and choices > 0 else 1), _MAX_OUTPUT_TOKENS)


def characters(value: object) -> int:
    """Return the characters of all strings in a JSON value; a file or an image counts as a usual image at most."""
    total = 0
    waiting: list[Any] = [(value,)]
    while waiting:
        for item in waiting.pop():
            kind = type(item)  # no isinstance: a JSON parser makes no subclasses
            if kind is str:
                length = len(item)
                total += length if length <= _IMAGE_CHARACTERS or item[:5] != "data:" else _IMAGE_CHARACTERS
            elif kind is dict:
                if "data" in item and type(data := item["data"]) is str and item.get("type") == "base64":
                    total += min(len(data), _IMAGE_CHARACTERS)
                else:
                    waiting.append(item.values())
            elif kind is list:
                waiting.append(item)
    return total


def text_of(content: object) -> str:
    """Return the text of a message's content, which is a string or a list of blocks, some of which have a `text`."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [t for block in content if isinstance(block, dict) and isinstance(t := block.get("text"), str)]
        return "\n".join(texts)
    return ""


def messages_of(body: Mapping[str, Any], roles: Collection[object], field: str = "messages") -> list[str]:
    """Return the texts of the messages that have one of these roles."""
    messages = body.get(field)
    if not isinstance(messages, list):
        return []
    return [text_of(m.get("content")) for m in messages if isinstance(m, dict) and m.get("role") in roles]
