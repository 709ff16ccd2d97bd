"""Usage as the providers report it, whole and in streams, into disjoint buckets."""

from typing import Any

import orjson
import pytest

from addons.llm.parsing.sse import SSEParser
from addons.llm.providers import OPENAI
from addons.llm.providers.anthropic import MESSAGES
from addons.llm.providers.azure import AZURE
from addons.llm.providers.base import WireFormat
from addons.llm.providers.openai import CHAT_COMPLETIONS, COMPLETIONS, EMBEDDINGS
from addons.llm.providers.responses import RESPONSES
from addons.llm.usage import Estimate, Usage

ESTIMATE = Estimate(input_tokens=77, output_tokens=33)


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
        # declined by one model, answered by another
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


def anthropic_event(name: str, **content: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps({"type": name, **content}))


def openai_chunk(**content: Any) -> bytes:
    return b"data: %b\n\n" % orjson.dumps({"id": "x", "model": "gpt-4o-2024-08-06", **content})


START = anthropic_event(
    "message_start",
    message={
        "model": "claude-x",
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 2, "output_tokens": 1, "service_tier": "standard",
                  "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 4}},
    },
)  # fmt: skip
DELTA = anthropic_event("content_block_delta", index=0, delta={"type": "text_delta", "text": 'twelve "by" '})
END = anthropic_event("message_delta", delta={}, usage={"output_tokens": 9, "input_tokens": None})
STOP = anthropic_event("message_stop")
TEXT = openai_chunk(choices=[{"index": 0, "delta": {"content": '"usage": {'}}], usage=None)
USAGE = openai_chunk(choices=[], usage={"prompt_tokens": 10, "completion_tokens": 5}, service_tier="flex")
DONE = b"data: [DONE]\n\n"


def read(wire: WireFormat, stream: bytes, cut: int, hide: bool = False) -> tuple[Usage, bool, str, bytes]:
    parser, meter = SSEParser(), wire.meter(hide)
    events = parser.feed(stream[:cut]) + parser.feed(stream[cut:])
    passed = b"".join(event.raw for event in events if meter.read(event))
    return meter.usage(ESTIMATE._replace(output_tokens=0)), meter.complete, meter.model, passed


def test_anthropics_stream_is_merged_wherever_it_is_cut_in_chunks() -> None:
    stream = START + DELTA + anthropic_event("ping") + END + STOP
    expected = Usage(10, 9, 2, 4, 4, service_tier="standard")
    for cut in range(len(stream) + 1):
        assert read(MESSAGES, stream, cut) == (expected, True, "claude-x", stream)


def test_openais_stream_is_read_wherever_it_is_cut_in_chunks() -> None:
    stream = TEXT + USAGE + DONE
    for cut in range(len(stream) + 1):
        expected = (Usage(10, 5, service_tier="flex"), True, "gpt-4o-2024-08-06", stream)
        assert read(CHAT_COMPLETIONS, stream, cut) == expected


def test_a_usage_chunk_that_the_client_did_not_ask_for_is_hidden_from_it() -> None:
    assert read(CHAT_COMPLETIONS, TEXT + USAGE + DONE, 0, hide=True)[3] == TEXT + DONE


def test_other_chunks_without_choices_are_not_hidden() -> None:
    azures_first = openai_chunk(choices=[], prompt_filter_results=[])
    assert read(CHAT_COMPLETIONS, azures_first + USAGE, 0, hide=True)[3] == azures_first


@pytest.mark.parametrize(
    ("wire", "stream", "expected"),
    [
        (MESSAGES, START + DELTA, Usage(10, 4, 2, 4, 4, "standard", estimated=True)),
        (MESSAGES, START, Usage(10, 1, 2, 4, 4, "standard", estimated=True)),
        (MESSAGES, DELTA, Usage(77, 4, estimated=True)),
        (CHAT_COMPLETIONS, TEXT * 2, Usage(77, 6, estimated=True)),
        (CHAT_COMPLETIONS, b"", Usage(77, 0, estimated=True)),
    ],
)
def test_a_stream_cut_short_counts_what_was_reported_and_estimates_the_rest(
    wire: WireFormat, stream: bytes, expected: Usage
) -> None:
    usage, complete, _, _ = read(wire, stream, 0)
    assert (usage, complete) == (expected, False)


def test_a_stream_cut_short_that_goes_on_in_the_background_is_estimated_by_what_may_come() -> None:
    meter = RESPONSES.meter(False)
    assert meter.usage(ESTIMATE) == Usage(77, 33, estimated=True)
    meter.text_bytes = 200
    assert meter.usage(ESTIMATE) == Usage(77, 50, estimated=True)


def test_explicit_zeros_of_a_stream_stay_zeros() -> None:
    end = anthropic_event("message_delta", usage={"output_tokens": 0})
    assert read(MESSAGES, START + DELTA + end, 0)[0].output_tokens == 0
    chunk = openai_chunk(choices=[], usage={"prompt_tokens": 0, "completion_tokens": 0})
    assert read(CHAT_COMPLETIONS, TEXT + chunk, 0)[0] == Usage(0, 0)


@pytest.mark.parametrize("wire", [MESSAGES, CHAT_COMPLETIONS])
@pytest.mark.parametrize(
    "garbage", [b"data: {oops\n\n", b"event: message_start\ndata: [1]\n\n", b"data: 7\n\n", b"\n\n"]
)
def test_garbage_in_a_stream_is_passed_on_and_counts_nothing(wire: WireFormat, garbage: bytes) -> None:
    assert read(wire, garbage, 0, hide=True)[3] == garbage


@pytest.mark.parametrize(
    ("wire", "event", "expected"),
    [
        (
            MESSAGES,
            anthropic_event("error", error={"type": "overloaded_error", "message": "secret"}),
            "overloaded_error",
        ),
        (CHAT_COMPLETIONS, openai_chunk(error={"code": "rate_limit", "message": "secret"}), "rate_limit"),
        (CHAT_COMPLETIONS, openai_chunk(error={"type": "said: secret", "message": "secret"}), "error"),
    ],
)
def test_an_error_in_a_stream_is_kept_as_its_type_alone(wire: WireFormat, event: bytes, expected: str) -> None:
    meter = wire.meter(False)
    for each in SSEParser().feed(event):
        meter.read(each)
    assert meter.error == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"include_usage": True}),
        ({"stream_options": None}, {"include_usage": True}),
        ({"stream_options": {"include_usage": False, "x": 1}}, {"include_usage": True, "x": 1}),
        ({"stream_options": {"include_usage": True}}, None),
        ({"stream_options": "odd"}, None),
    ],
)
def test_a_stream_is_made_to_report_its_usage(options: dict[str, Any], expected: dict[str, Any] | None) -> None:
    assert CHAT_COMPLETIONS.stream_options(options) == expected
    assert COMPLETIONS.stream_options(options) == expected


@pytest.mark.parametrize("wire", [MESSAGES, RESPONSES])
def test_a_stream_that_always_reports_it_is_not(wire: WireFormat) -> None:
    assert wire.stream_options({"stream": True}) is None


@pytest.mark.parametrize(
    ("query", "taken"),
    [
        ("", True),
        ("api-version=2024-10-21", True),
        ("a=b&api-version=2024-09-01-preview", True),
        ("api-version=2024-08-01-preview", False),
        ("api-version=2023-05-15", False),
        ("api-version=preview", True),
    ],
)
def test_azures_versions_before_september_2024_refuse_to_be_asked(query: str, taken: bool) -> None:
    assert AZURE.takes_stream_options(query) is taken
    assert OPENAI.takes_stream_options(query) is True
