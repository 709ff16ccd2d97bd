"""Find what is missing in a value of JSON, or is of another type."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Shape = Any
"""A function that checks a value, `[shape of each item]`, `{name: shape}`, `(one, or, another)`, or the exact value."""


def text(value: Any) -> bool:
    return type(value) is str


def whole(value: Any) -> bool:
    return type(value) is int


def number(value: Any) -> bool:
    return type(value) in (int, float)


def flag(value: Any) -> bool:
    return type(value) is bool


def day(value: Any) -> bool:
    return text(value) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None


def time(value: Any) -> bool:
    return text(value) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value) is not None


class MapOf(NamedTuple):
    shape: Shape


def problems(value: Any, shape: Shape, where: str = "data") -> Iterator[str]:
    match shape:
        case MapOf(inner):
            yield from _members(value, dict.fromkeys(value, inner) if isinstance(value, dict) else {}, where)
        case dict():
            yield from _members(value, shape, where)
        case [inner]:
            if not isinstance(value, list) or not value:
                yield f"{where}: not a list with anything in it"
            else:
                for place, item in enumerate(value):
                    yield from problems(item, inner, f"{where}[{place}]")
        case tuple():
            if all(list(problems(value, option, where)) for option in shape):
                yield f"{where}: {value!r}"
        case _ if callable(shape):
            if not shape(value):
                yield f"{where}: {value!r} is no {shape.__name__}"
        case _:
            if value != shape or type(value) is not type(shape):
                yield f"{where}: {value!r} is not {shape!r}"


def _members(value: Any, shape: Mapping[str, Shape], where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: {value!r} is no object"
        return
    for name, inner in shape.items():
        if name not in value:
            yield f"{where}.{name} is missing"
        else:
            yield from problems(value[name], inner, f"{where}.{name}")
