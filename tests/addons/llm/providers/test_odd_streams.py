"""Test that the usage of a stream is read in the odd forms that servers send."""

from typing import Any

import pytest

from addons.llm.parsing.sse import Event, SSEParser, kind_of
from addons.llm.providers.anthropic import MESSAGES
from addons.llm.providers.base import StreamMeter, WireFormat
from addons.llm.providers.openai import CHAT_COMPLETIONS
from addons.llm.providers.responses import RESPONSES
from addons.llm.usage import Estimate, Usage
from tests.addons.llm.streams import sse

MESSAGE: list[dict[str, Any]] = [
    {"type": "message_start", "message": {"model": "claude-x", "usage": {"input_tokens": 10, "output_tokens": 1}}},
    {"type": "ping"},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "hello"}},
    {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 5}},
    {"type": "message_stop"},
]
RESPONSE: list[dict[str, Any]] = [
    {"type": "response.created", "response": {"model": "gpt-x"}},
    {"type": "response.output_text.delta", "delta": "hello"},
    {
        "type": "response.completed",
        "response": {"model": "gpt-x", "usage": {"input_tokens": 10, "output_tokens": 5}},
    },
]


def metered(wire: WireFormat, stream: bytes) -> StreamMeter:
    parser, meter = SSEParser(), wire.meter(False)
    for event in [*parser.feed(stream), parser.last()]:
        if event:
            meter.read(event)
    return meter


def in_odd_forms(stream: bytes) -> list[bytes]:
    return [
        stream,
        stream.replace(b"data: ", b"data:"),
        stream.replace(b"data: ", b"event: message\ndata: "),
        stream.replace(b"\n", b"\r\n"),
        stream.replace(b"\n", b"\r"),
        stream.rstrip(b"\n"),
        stream.removesuffix(b"\n"),
        b"\xef\xbb\xbf" + stream,
        b": keep-alive\n\n" + stream.replace(b"\n\n", b"\n\n:\n\n"),
        b":\n" + stream,
    ]


@pytest.mark.parametrize("form", range(len(in_odd_forms(b""))))
@pytest.mark.parametrize("named", [True, False], ids=["named", "by type"])
@pytest.mark.parametrize(("wire", "events", "model"), [(MESSAGES, MESSAGE, "claude-x"), (RESPONSES, RESPONSE, "gpt-x")])
def test_events_are_read_in_every_form(
    wire: WireFormat, events: list[dict[str, Any]], model: str, named: bool, form: int
) -> None:
    meter = metered(wire, in_odd_forms(sse(*events, named=named))[form])
    assert (meter.usage(Estimate(77, 0)), meter.model, meter.complete) == (Usage(10, 5), model, True)
    assert meter.text_bytes == 5


@pytest.mark.parametrize(("wire", "events"), [(MESSAGES, MESSAGE), (RESPONSES, RESPONSE)])
def test_a_stream_without_names_that_is_cut_short_is_estimated_by_its_text(
    wire: WireFormat, events: list[dict[str, Any]]
) -> None:
    stream = sse(*events[:-1]).partition(b'data: {"type":"message_delta"')[0]
    for cut in range(len(stream) + 1):
        usage = metered(wire, stream[:cut]).usage(Estimate(77, 0))
        assert usage.estimated and usage.output_tokens <= 2
    assert usage.output_tokens == 2


def test_a_message_that_does_not_repeat_its_output_keeps_what_was_reported() -> None:
    events = [*MESSAGE[:-1], {"type": "message_delta", "usage": {"output_tokens": None}}, MESSAGE[-1]]
    assert metered(MESSAGES, sse(*events)).usage(Estimate(77, 0)) == Usage(10, 5)


def test_totals_in_every_chunk_count_once() -> None:
    def chunk(output: int) -> dict[str, Any]:
        usage = {"prompt_tokens": 10, "completion_tokens": output}
        return {"model": "m", "choices": [{"delta": {"content": "a"}}], "usage": usage}

    assert metered(CHAT_COMPLETIONS, sse(chunk(1), chunk(2), chunk(5))).usage(Estimate(77, 0)) == Usage(10, 5)


@pytest.mark.parametrize("error", [{"type": "server_error"}, {"code": "server_error"}])
def test_an_error_without_a_name_is_seen(error: dict[str, str]) -> None:
    assert metered(CHAT_COMPLETIONS, sse({"error": error})).error == "server_error"
    assert metered(MESSAGES, sse({"type": "error", "error": error})).error == "server_error"
    assert metered(RESPONSES, sse({"type": "error", "error": error})).error == "server_error"
    assert metered(CHAT_COMPLETIONS, sse({"error": "overloaded"})).error == "error"


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("x", b'{"type":"y"}', "x"),
        ("", b'{"type":"y"}', "y"),
        ("message", b'{"type":"y"}', "y"),
        ("message", b"{}", "message"),
        ("", b'{"type":5}', ""),
        ("", b'{"type":', ""),
        ("", b"[DONE]", ""),
        ("", b"", ""),
    ],
)
def test_an_event_is_known_by_its_name_or_else_by_its_type(name: str, data: bytes, kind: str) -> None:
    assert kind_of(Event(name, data, b"")) == kind
