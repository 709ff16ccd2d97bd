"""Read from a request's body what the event and the reservation need: sizes and a hash, but no text."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from addons.llm.parsing.json_values import MOST_NESTED, MOST_VALUES, has_too_many_values
from addons.llm.parsing.long_strings import left_out
from addons.llm.sizes import Size, size_of
from addons.llm.usage import CHARACTERS_PER_TOKEN

_LONGEST_MODEL_NAME = 256
_DEFAULT_OUTPUT_TOKENS = 4096
_MOST_OUTPUT_TOKENS = 128_000
"""The longest answer that a model gives. A request that asks for more, which a provider refuses, must not reserve more.

Source: max output at https://platform.openai.com/docs/models and
https://platform.claude.com/docs/en/about-claude/models/overview.
"""
_HALF = re.compile(rb"\\u[dD]")
_MOST_WITH_HALVES = 8 * 2**20
_MOST_CHOICES = 128
"""The most choices that OpenAI gives to one prompt: https://platform.openai.com/docs/api-reference/chat/create."""


@dataclass(slots=True)  # frozen, it would take 2 us more to make
class LLMRequest:
    """Hold what a request asks for. Its token counts are estimates: see `size_of` for the input's."""

    model: str
    stream: bool
    input_tokens: int
    max_output_tokens: int
    """The limit on the answer, over all of its choices; a default for each where the request sets none."""
    system_prompt_tokens: int
    user_prompt_tokens: int
    prompt_hash: str
    """The first 8 hex digits of the system prompt's SHA-256, "" where there is no system prompt."""
    background: bool = False
    """Whether the answer is made in the background and fetched later (OpenAI's Responses API)."""
    prewarm: bool = False
    """Whether the provider only reads the prompt, for a request to come (`generate: false` of the Responses API)."""
    choices: int = 1
    """The number of answers that the request asks for."""
    limits_output: bool = False
    """Whether the request limits the answer, so that `max_output_tokens` is no default."""


class TooManyValues(ValueError):
    """The body has more JSON values than are parsed."""


def parse_object(content: bytes) -> dict[str, Any]:
    """Parse a body as a JSON object. Raises ValueError, which says what is wrong without quoting the body.

    Raises TooManyValues, and makes none of them, where there are too many.
    """
    if has_too_many_values(content):
        raise TooManyValues(
            f"its body has more than {MOST_VALUES} JSON values, or more than {MOST_NESTED} lists and objects among them"
        )
    body = _parse(content)
    if not isinstance(body, dict):
        raise ValueError("its body is not a JSON object")
    return body


def _parse(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        problem = ValueError(f"its body is not JSON (line {error.lineno}, column {error.colno})")
    if len(content) > _MOST_WITH_HALVES or not _HALF.search(content):
        raise problem
    # JavaScript writes half of a surrogate pair, such as a cut emoji, as an escape. orjson refuses it; the standard
    # library accepts it, and so do some providers, but it takes much longer, and holds up everybody meanwhile.
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise problem from None


def read_request(
    body: Mapping[str, Any],
    system: str,
    user_characters: int,
    output_limit: int | None,
    model: str = "",
    stream: bool | None = None,
    *,
    choices: int = 1,
    size: Size | None = None,
) -> LLMRequest:
    """Return what a request asks for.

    `output_limit` is the most tokens that each of the `choices` may have, None where the request sets no limit. `model`
    and `stream` come from the path, for routes whose path states them. `size` is the body's, if it is known already.

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
        input_tokens=(size or size_of(body)).tokens,
        max_output_tokens=(_DEFAULT_OUTPUT_TOKENS if output_limit is None else output_limit) * choices,
        system_prompt_tokens=length(system) // CHARACTERS_PER_TOKEN,
        user_prompt_tokens=user_characters // CHARACTERS_PER_TOKEN,
        prompt_hash=hashlib.sha256(system.encode(errors="replace")).hexdigest()[:8] if system else "",
        background=bool(body.get("background")),
        choices=choices,
        limits_output=output_limit is not None,
    )


def output_limit(body: Mapping[str, Any], *names: str) -> int | None:
    """Return the limit on an answer's tokens: the first of these fields that has one, None where none has.

    It is no more than models answer.
    """
    found = (limit for name in names if (limit := _whole(body.get(name))))
    return min(limit, _MOST_OUTPUT_TOKENS) if (limit := next(found, 0)) else None


def choices_of(body: Mapping[str, Any], *names: str) -> int:
    """Return how many answers a prompt gets: the largest number in these fields, at least 1."""
    return min(max(1, *(_whole(body.get(name)) for name in names)), _MOST_CHOICES)


def _whole(value: object) -> int:
    """Return a number above 0, which JSON may write as 5 or as 5.0, and 0 for anything else."""
    if type(value) is int or (type(value) is float and value.is_integer()):
        return max(int(value), 0)
    return 0


def characters(value: object) -> int:
    """Return the characters of all strings in a JSON value, without the names of members."""
    total = 0
    waiting: list[Any] = [(value,)]
    while waiting:
        for item in waiting.pop():
            kind = type(item)
            if kind is str:
                total += len(item)
            elif kind is dict:
                waiting.append(item.values())
            elif kind is list:
                waiting.append(item)
    return total


def length(text: str) -> int:
    """Return the length of a text, what was left out of it included."""
    return len(text) + left_out(text)


def text_of(content: object) -> str:
    """Return the text of a message's content, which is a string or a list of blocks, some of which have a `text`."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join([t for block in content if type(block) is dict and type(t := block.get("text")) is str])
    return ""


def messages_of(body: Mapping[str, Any], roles: Collection[object], field: str = "messages") -> list[str]:
    """Return the texts of the messages that have one of these roles."""
    messages = body.get(field)
    if not isinstance(messages, list):
        return []
    return [text_of(m.get("content")) for m in messages if type(m) is dict and m.get("role") in roles]
