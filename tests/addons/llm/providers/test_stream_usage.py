"""Test that the usage of streams goes into disjoint buckets, wherever they are cut."""

from typing import Any

import orjson
import pytest

from addons.llm.parsing.sse import SSEParser
from addons.llm.providers import OPENAI
from addons.llm.providers.anthropic import MESSAGES
from addons.llm.providers.azure import AZURE
from addons.llm.providers.base import WireFormat
from addons.llm.providers.openai import CHAT_COMPLETIONS, COMPLETIONS
from addons.llm.providers.responses import RESPONSES
from addons.llm.usage import Usage
from tests.addons.llm.usages import ESTIMATE


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
        (MESSAGES, START + DELTA, Usage(10, 4, 2, 4, 4, service_tier="standard", estimated=True)),
        (MESSAGES, START, Usage(10, 1, 2, 4, 4, service_tier="standard", estimated=True)),
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
