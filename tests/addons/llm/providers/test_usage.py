"""Test that the usage of whole answers goes into disjoint buckets."""

from typing import Any

import pytest

from addons.llm.providers.anthropic import MESSAGES
from addons.llm.providers.base import WireFormat
from addons.llm.providers.openai import CHAT_COMPLETIONS, EMBEDDINGS
from addons.llm.providers.responses import RESPONSES
from addons.llm.usage import Usage
from tests.addons.llm.usages import ESTIMATE


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"input_tokens": 10, "output_tokens": 5}, Usage(10, 5)),
        ({"input_tokens": 0, "output_tokens": 0}, Usage(0, 0)),
        (
            {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 4},
            Usage(10, 5, 3, 4),
        ),
        (
            {"input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": 9,
             "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 5}},
            Usage(1, 2, 0, 9, 5),
        ),
        ({"input_tokens": 1, "output_tokens": 2, "service_tier": "batch"}, Usage(1, 2, service_tier="batch")),
        ({"input_tokens": 10}, Usage(10, 33, estimated=True)),
        ({"output_tokens": 5, "input_tokens": None}, Usage(77, 5, estimated=True)),
        ({"input_tokens": -1, "output_tokens": "5"}, Usage(77, 33, estimated=True)),
        ({"input_tokens": True, "output_tokens": 1.5}, Usage(77, 33, estimated=True)),
        ({}, Usage(77, 33, estimated=True)),
    ],
)  # fmt: skip
def test_anthropic_adds_its_cache_tokens_to_the_input(usage: dict[str, Any], expected: Usage) -> None:
    assert MESSAGES.usage({"usage": usage}, ESTIMATE) == expected


def iteration(kind: str, inputs: int, outputs: int, model: str | None = None, **more: int) -> dict[str, Any]:
    named = {"model": model} if model else {}
    return {"type": kind, "input_tokens": inputs, "output_tokens": outputs, **named, **more}


@pytest.mark.parametrize(
    ("iterations", "expected"),
    [
        (None, Usage(10, 5)),
        ([iteration("message", 4, 2), iteration("message", 6, 3)], Usage(10, 5)),
        ([iteration("message", 4, 2, "a"), iteration("message", 6, 3, "a")], Usage(10, 5)),
        (
            [iteration("compaction", 700, 90, cache_read_input_tokens=8), iteration("message", 10, 5)],
            Usage(extra=(("", Usage(700, 90, 8)), ("", Usage(10, 5)))),
        ),
        (
            [iteration("message", 10, 5), iteration("advisor_message", 20, 6, "claude-opus-5")],
            Usage(extra=(("", Usage(10, 5)), ("claude-opus-5", Usage(20, 6)))),
        ),
        # one model declined, another one answered
        (
            [iteration("message", 9, 1, "a"), iteration("fallback_message", 10, 5, "b")],
            Usage(extra=(("a", Usage(9, 1)), ("b", Usage(10, 5)))),
        ),
        (
            [iteration("message", 9, 1, "a"), iteration("message", 10, 5, "b")],
            Usage(extra=(("a", Usage(9, 1)), ("b", Usage(10, 5)))),
        ),
        ("odd", Usage(10, 5)),
        ([7], Usage(10, 5)),
    ],
)
def test_anthropics_passes_count_where_the_totals_leave_them_out(iterations: object, expected: Usage) -> None:
    usage = {"input_tokens": 10, "output_tokens": 5, "iterations": iterations}
    assert MESSAGES.usage({"usage": usage}, ESTIMATE) == expected


def test_the_tier_holds_for_all_passes_and_the_speed_for_those_of_the_model_itself() -> None:
    passes = [iteration("compaction", 1, 2), iteration("advisor_message", 3, 4, "b")]
    shared = {"service_tier": "priority", "speed": "fast", "server_tool_use": {"web_search_requests": 2}}
    usage = {"input_tokens": 0, "output_tokens": 0, "iterations": passes, **shared}
    extra = (
        ("", Usage(1, 2, service_tier="priority", speed="fast")),
        ("b", Usage(3, 4, service_tier="priority")),
    )
    assert MESSAGES.usage({"usage": usage}, ESTIMATE) == Usage(web_searches=2, extra=extra)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"input_tokens": 10, "output_tokens": 5}, Usage(10, 5)),
        (
            {"input_tokens": 10, "output_tokens": 5,
             "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3}},
            Usage(3, 5, 4, 3),
        ),
        (None, Usage(77, 33, estimated=True)),
    ],
)  # fmt: skip
def test_the_responses_api_has_its_cached_tokens_inside_the_input(
    usage: dict[str, Any] | None, expected: Usage
) -> None:
    assert RESPONSES.usage({"usage": usage}, ESTIMATE) == expected


def test_a_search_of_the_responses_api_counts_and_opening_what_it_found_does_not() -> None:
    actions: list[Any] = [{"type": "search"}, {"type": "open_page"}, {"type": "find_in_page"}, {"type": "search"}, None]
    calls = [{"type": "web_search_call", "action": action} for action in actions]
    answer = {
        "output": [*calls, {"type": "message"}, 7],
        "usage": {"input_tokens": 1, "output_tokens": 2},
        "service_tier": "flex",
    }
    assert RESPONSES.usage(answer, ESTIMATE) == Usage(1, 2, service_tier="flex", web_searches=3)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 10, "total_tokens": 10}, Usage(10, 0)),
        ({}, Usage(77, 0, estimated=True)),
    ],
)
def test_embeddings_have_no_output(usage: dict[str, Any], expected: Usage) -> None:
    assert EMBEDDINGS.usage({"usage": usage}, ESTIMATE) == expected


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5}, Usage(10, 5)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}, Usage(6, 5, 4)),
        (
            {"prompt_tokens": 10, "completion_tokens": 5,
             "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3}},
            Usage(3, 5, 4, 3),
        ),
        ({"prompt_tokens": 1, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 9}}, Usage(0, 0, 1)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": None}, Usage(10, 5)),
        ({"prompt_tokens": 10}, Usage(10, 33, estimated=True)),
        ({}, Usage(77, 33, estimated=True)),
    ],
)  # fmt: skip
def test_openai_has_its_cached_tokens_inside_the_prompt(usage: dict[str, Any], expected: Usage) -> None:
    assert CHAT_COMPLETIONS.usage({"usage": usage}, ESTIMATE) == expected


@pytest.mark.parametrize("usage", [None, [], "many", 7])
@pytest.mark.parametrize("wire", [MESSAGES, CHAT_COMPLETIONS])
def test_a_usage_that_is_no_object_is_estimated(wire: WireFormat, usage: object) -> None:
    assert wire.usage({"usage": usage}, ESTIMATE) == Usage(77, 33, estimated=True)
