"""Test that no number which a provider reports is lost in silence."""

import inspect
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import anthropic.types
import anthropic.types.beta
import botocore.loaders
import openai.types
import openai.types.audio
import openai.types.realtime
import openai.types.responses
import openai.types.responses.response
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from addons.llm.usage_fields import READ_ELSEWHERE, Fields, bedrock, read
from addons.llm.usage_fields import anthropic as of_anthropic
from addons.llm.usage_fields import openai as of_openai

FIELDS = Fields(
    counts={"a": "in", "other": "in", "input": "input", "b.c": "cached", "skipped": READ_ELSEWHERE},
    free={"total": "a sum", "b.free": ""},
)


@pytest.mark.parametrize(
    ("usage", "counts", "unpriced"),
    [
        ({"a": 3, "b": {"c": 1, "free": 5}, "total": 4}, {"in": 3, "cached": 1}, ()),
        ({"a": 0, "b": None, "new": 0, "name": "a text", "flag": True}, {"in": 0}, ()),
        ({"new": 7}, {}, ("new",)),
        ({"b": {"d": {"e": 2}}}, {}, ("b.d.e",)),
        ({"list": [{"x": 1}, {"x": 2}, 3, "four"]}, {}, ("list[].x",)),
        ({"seconds": 1.5}, {}, ("seconds",)),
        ({"skipped": {"x": 1}}, {}, ()),
        ({"a": -1}, {}, ("a",)),
        ({"a": 1.0}, {}, ("a",)),
        ({"a": True}, {}, ()),
        ({"a": 2**60}, {}, ("a",)),
        ({"input": -1}, {}, ()),
        ({"a": 5, "other": 0}, {"in": 5}, ()),
        ({"other": 0, "a": 5}, {"in": 5}, ()),
        ({"what did I ask?": 1, "x" * 65: 1}, {}, ("?",)),
        ({"b": {"c": {"c": {"c": {"c": {"c": {"c": {"c": 1}}}}}}}}, {}, ("b.c.c.c.c.c.*",)),
        (None, {}, ()),
        ([{"a": 1}], {}, ()),
    ],
)
def test_each_number_is_a_count_or_is_free_or_is_named(
    usage: object, counts: dict[str, int], unpriced: tuple[str, ...]
) -> None:
    assert read(usage, FIELDS) == (counts, unpriced)


def test_names_are_bounded_in_number_and_in_depth() -> None:
    many = {f"n{i}": 1 for i in range(400)}
    assert len(read(many, FIELDS).unpriced) == 20
    assert read({f"n{i}": 1 for i in range(501)}, FIELDS).unpriced == ("*",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ab") | st.text(), inner, max_size=4),
)


@given(JSON)
def test_any_usage_can_be_read(usage: object) -> None:
    found = read(usage, FIELDS)
    assert all(type(count) is int and count >= 0 for count in found.counts.values())
    assert all(len(path) < 500 for path in found.unpriced)


def numbers(kind: Any, prefix: str = "") -> Iterator[str]:
    """Yield the paths of the numbers in a type of an SDK."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        yield from numbers(arguments[0], prefix)
    elif origin is list:
        yield from numbers(arguments[0], prefix.removesuffix(".") + "[].")
    elif arguments and origin is not typing.Literal:
        for one in arguments:
            yield from numbers(one, prefix)
    elif inspect.isclass(kind) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            yield from numbers(field.annotation, f"{prefix}{name}.")
    elif kind in (int, float):
        yield prefix.removesuffix(".")


def shape_numbers(model: Mapping[str, Any], name: str, prefix: str = "") -> Iterator[str]:
    """Yield the paths of the numbers in a shape of botocore's service model."""
    shape = model["shapes"][name]
    if shape["type"] == "structure":
        for member, of in shape["members"].items():
            yield from shape_numbers(model, of["shape"], f"{prefix}{member}.")
    elif shape["type"] == "list":
        yield from shape_numbers(model, shape["member"]["shape"], prefix.removesuffix(".") + "[].")
    elif shape["type"] in ("integer", "long", "float", "double"):
        yield prefix.removesuffix(".")


@cache
def bedrocks() -> Mapping[str, Any]:
    found: Mapping[str, Any] = botocore.loaders.Loader().load_service_model("bedrock-runtime", "service-2")
    return found


RESPONSES, BETA = openai.types.responses, anthropic.types.beta
KINDS = [
    (of_openai.USAGE, openai.types.CompletionUsage),
    (of_openai.USAGE, openai.types.create_embedding_response.Usage),
    (of_openai.USAGE, RESPONSES.ResponseUsage),
    (of_openai.USAGE, openai.types.images_response.Usage),
    (of_openai.USAGE, openai.types.image_gen_completed_event.Usage),
    (of_openai.USAGE, openai.types.image_edit_completed_event.Usage),
    (of_openai.USAGE, openai.types.images_response.SvgUsage),
    (of_openai.USAGE, RESPONSES.response_output_item.ImageGenerationCallSvgUsage),
    (of_openai.USAGE, RESPONSES.response.ToolUsageImageGen),
    (of_openai.USAGE, openai.types.audio.transcription.Usage),
    (of_openai.USAGE, openai.types.audio.transcription_text_done_event.Usage),
    (of_openai.USAGE, openai.types.audio.transcription_verbose.Usage),
    (of_openai.USAGE, openai.types.realtime.RealtimeResponseUsage),
    (of_openai.USAGE, openai.types.batch_usage.BatchUsage),
    (of_openai.TOOLS, RESPONSES.response.ToolUsage),
    (of_anthropic.USAGE, anthropic.types.Usage),
    (of_anthropic.USAGE, anthropic.types.MessageDeltaUsage),
    (of_anthropic.USAGE, BETA.BetaUsage),
    (of_anthropic.USAGE, BETA.BetaMessageDeltaUsage),
    (of_anthropic.USAGE, typing.get_args(BETA.BetaIterationsUsage)[0]),
]


def is_listed(fields: Fields, path: str) -> bool:
    parents = [path[:i] for i, letter in enumerate(path) if letter in ".["]
    return path in fields.counts | fields.free | fields.unknown or any(p in fields.counts for p in parents)


@pytest.mark.parametrize(("fields", "kind"), KINDS)
def test_each_number_of_the_sdks_usage_is_in_a_list(fields: Fields, kind: Any) -> None:
    paths = list(numbers(kind))
    assert paths and [path for path in paths if not is_listed(fields, path)] == []


def test_each_number_of_converses_usage_is_in_a_list() -> None:
    paths = list(shape_numbers(bedrocks(), "TokenUsage"))
    assert paths and [path for path in paths if not is_listed(bedrock.CONVERSE, path)] == []


@pytest.mark.parametrize(
    "fields", [of_openai.USAGE, of_openai.TOOLS, of_anthropic.USAGE, bedrock.CONVERSE, bedrock.METRICS]
)
def test_no_field_is_in_two_lists(fields: Fields) -> None:
    names = [*fields.counts, *fields.free, *fields.unknown]
    assert len(names) == len(set(names))
