"""Test how the usages of a stream's events become one, and those of the passes of an answer."""

from typing import Any

import orjson

from addons.llm.providers.responses import RESPONSES
from addons.llm.usage import Estimate, Usage, merge


def nested(depth: int, value: int) -> Any:
    return orjson.loads(b'{"a":' * depth + str(value).encode() + b"}" * depth)


def test_objects_nested_to_any_depth_are_merged() -> None:
    usage: dict[str, Any] = {}
    for value in (1, 2):
        merge(usage, nested(1000, value))
    for _ in range(999):
        usage = usage["a"]
    assert usage == {"a": 2}


def test_a_count_in_a_nested_object_does_not_fall() -> None:
    usage: dict[str, Any] = {}
    for value in (5, 0):
        merge(usage, nested(3, value))
    assert usage == nested(3, 5)


def test_a_usage_is_estimated_if_one_of_its_passes_is() -> None:
    assert Usage(1, 1, extra=(("", Usage(2, 2, estimated=True)),)).with_extra() == Usage(3, 3, estimated=True)
    assert not Usage(1, 1, extra=(("", Usage(2, 2)),)).with_extra().estimated


def test_what_many_calls_of_tools_report_is_named_once_each_and_bounded() -> None:
    calls = [
        {"type": "image_generation_call", "svg_usage": {"output_tokens": 1, **{f"n{i}": 1 for i in range(19)}}}
        for _ in range(1000)
    ]
    answer = {"usage": {"input_tokens": 1, "output_tokens": 1, "new": 1}, "output": calls}
    unpriced = RESPONSES.usage(answer, Estimate(0, 0)).unpriced
    assert unpriced[0] == "new" and len(unpriced) == len(set(unpriced)) == 20
