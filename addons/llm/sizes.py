"""Estimate how many input tokens the body of a request has, in one pass over it.

Text counts by its UTF-8 bytes, and JSON that a model reads, such as the schema of a tool, by the bytes of its text. A
token id counts as a token, and a file as what files of its kind usually cost. What is a file is decided by the place
that the provider's format has for it, never by how a text begins or what its member is called: 4 MB of text cost a
million tokens, whatever they look like.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import orjson

from addons.llm.files import TYPED, UNTYPED
from addons.llm.parsing.long_strings import LONG, left_out
from addons.llm.usage import tokens_of

Values = Collection[Any]


class Size(NamedTuple):
    """Say what a body consists of: the UTF-8 bytes of its texts, and the tokens of all that is no text."""

    text_bytes: int
    other_tokens: int

    @property
    def tokens(self) -> int:
        return tokens_of(self.text_bytes) + self.other_tokens

    def plus(self, other: "Size") -> "Size":
        return Size(self.text_bytes + other.text_bytes, self.other_tokens + other.other_tokens)


_HOLD_BLOCKS = frozenset({"messages", "input", "system", "instructions", "prompt"})
"""Members of a body that hold content blocks, messages that have some, or token ids."""
_LEAD_ON = frozenset({"content", "output", "source", "toolResult", "guardContent"})
"""Members of a message or a block that hold blocks. What the others hold is JSON: the input of a tool, its result."""


def size_of(body: Mapping[str, Any]) -> Size:
    """Return the size of a body, or of some of its members. It may be nested to any depth."""
    text_bytes = tokens = 0
    waiting: list[Values] = []
    for name, value in body.items():
        kind = type(value)  # no isinstance here and below: a JSON parser makes no subclasses
        if kind is str:
            text_bytes += len(value) if len(value) < LONG and value.isascii() else _bytes(value)
        elif kind is list or kind is dict:
            if name in _HOLD_BLOCKS:
                waiting.append(value if kind is list else (value,))
            else:
                text_bytes += _json_bytes(value)

    while waiting:
        blocks = waiting.pop()
        if type(blocks) is list and blocks and type(blocks[0]) is int:  # thousands of token ids
            tokens += len(blocks)
            blocks = [block for block in blocks if type(block) is not int]
            tokens -= len(blocks)
        for block in blocks:
            kind = type(block)
            if kind is dict:
                label = block.get("type")
                if label == "text" and len(block) == 2 and type(text := block.get("text")) is str:  # nearly all are so
                    text_bytes += len(label) + (len(text) if len(text) < LONG and text.isascii() else _bytes(text))
                    continue
                if type(label) is str and label in TYPED:
                    measure, member = TYPED[label]
                    if cost := measure(block):
                        tokens += cost
                        block = _without(member, block)
                for name, value in block.items():
                    kind = type(value)
                    if kind is str:
                        text_bytes += len(value) if len(value) < LONG and value.isascii() else _bytes(value)
                    elif kind is list and name in _LEAD_ON:
                        waiting.append(value)
                    elif kind is dict and (found := _blocks_in(name, value, label is None)):
                        waiting.append(found[0])
                        tokens += found[1]
                    elif kind is list or kind is dict:
                        text_bytes += _json_bytes(value)
            elif kind is str:
                text_bytes += len(block) if len(block) < LONG and block.isascii() else _bytes(block)
            elif kind is list:
                waiting.append(block)
            else:
                tokens += 1
    return Size(text_bytes, tokens)


def _blocks_in(name: str, value: dict[str, Any], is_untyped: bool) -> tuple[Values, int] | None:
    """Return the blocks in an object that a block has under this name, and the tokens of the file that it holds.

    Return None where there are no blocks in it.
    """
    if is_untyped and name in UNTYPED:
        tokens = UNTYPED[name](value)
        return (_without("source", value) if tokens else value,), tokens
    if name in _LEAD_ON:
        return (value,), 0
    if name == "variables":  # those of a prompt that OpenAI keeps: each is a text or a block
        return value.values(), 0
    return None


def _without(member: str, block: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in block.items() if name != member}


def _bytes(text: str) -> int:
    return (len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))) + left_out(text)


def _json_bytes(value: object) -> int:
    """Return the bytes of JSON as a text."""
    try:
        content = orjson.dumps(value)
        return len(content) if len(content) < LONG else len(content) + left_out(content.decode())
    except TypeError:  # it is nested deeply, or has half of a surrogate pair or a number of more than 64 bits in it
        return _bytes_within(value)


def _bytes_within(value: object) -> int:
    """Return the bytes of all texts in a JSON value, and of the names of its members; another value counts as four."""
    total = 0
    waiting: list[Values] = [(value,)]
    while waiting:
        for item in waiting.pop():
            if isinstance(item, str):
                total += _bytes(item)
            elif isinstance(item, dict):
                total += sum(map(_bytes, item))
                waiting.append(item.values())
            elif isinstance(item, list):
                waiting.append(item)
            else:
                total += 4
    return total
