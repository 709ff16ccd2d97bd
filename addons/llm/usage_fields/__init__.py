"""Read the numbers in the usage that a provider reports, by the lists in this folder, so that none is lost in silence.

A list says of each field which count it is, or why it does not change the price. A number in no list is named in the
event of its call. `openai.py`, `anthropic.py` and `bedrock.py` have the lists, each line with its source.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

READ_ELSEWHERE = ""
"""The count of a field, and of all that it holds, which the code of its format reads by itself."""

_MOST_TOKENS = 2**53
_DEEPEST = 6
_MOST_FIELDS = 500
_MOST_NAMED = 20
_ESTIMATED = frozenset({"input", "output", "input_tokens", "output_tokens"})
"""Counts that are estimated where they are missing."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Fields(NamedTuple):
    """The fields of a usage, by their paths: `prompt_tokens_details.audio_tokens`; `[]` stands for each of a list."""

    counts: Mapping[str, str]
    """The name of the count that each field reports."""
    free: Mapping[str, str]
    """Fields that do not change the price, and why."""
    unknown: Mapping[str, str] = {}
    """Fields that are known, and whose price is not: a number in one is named like one in no list."""


class Found(NamedTuple):
    counts: dict[str, int]
    """The counts as they were reported. One that is missing, or makes no sense, is missing here.

    Of two fields that report the same count, the larger one holds: gateways that know both of OpenAI's spellings fill
    one, and leave 0 in the other.
    """
    unpriced: tuple[str, ...] = ()
    """The paths of other numbers that are not 0 and may bear on the price, and of counts that make no sense."""


def read(usage: object, fields: Fields) -> Found:
    """Return the counts in a usage, and the paths of numbers that are in no list."""
    counts: dict[str, int] = {}
    unpriced: list[str] = []
    if isinstance(usage, dict):
        _read_object(usage, "", fields, counts, unpriced)
    return Found(counts, named(unpriced))


def named(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the paths for an event: each once, and no more than it has room for."""
    return tuple(dict.fromkeys(paths))[:_MOST_NAMED]


def _read_object(
    usage: Mapping[str, Any], prefix: str, fields: Fields, counts: dict[str, int], unpriced: list[str], depth: int = 1
) -> None:
    if len(usage) > _MOST_FIELDS:
        unpriced.append(prefix + "*")
        return
    for name, value in usage.items():
        kind = type(value)
        if kind is int or kind is float:
            path = prefix + name
            count = fields.counts.get(path)
            if count is None:
                if value and path not in fields.free:
                    unpriced.append(_shown(path))
            elif kind is int and 0 <= value <= _MOST_TOKENS:
                if counts.get(count, -1) < value:
                    counts[count] = value
            elif count not in _ESTIMATED:
                unpriced.append(_shown(path))
        elif kind is dict or kind is list:
            path = prefix + name
            if fields.counts.get(path) == READ_ELSEWHERE or path in fields.free:
                continue
            if depth >= _DEEPEST:
                unpriced.append(_shown(path) + ".*")
            elif kind is dict:
                _read_object(value, path + ".", fields, counts, unpriced, depth + 1)
            else:
                for item in value[:_MOST_FIELDS]:
                    if type(item) is dict:
                        _read_object(item, path + "[].", fields, counts, unpriced, depth + 1)


def _shown(path: str) -> str:
    """Return a path for an event: a name that is no word is replaced, since a field's name might quote anything."""
    return ".".join(part if _NAME.fullmatch(part.removesuffix("[]")) else "?" for part in path.split(".", _DEEPEST + 1))
