"""Test that an answer is read by what is in it, whatever was asked for and whatever its head says."""

import base64
import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.test import tutils

from addons.core import Core
from addons.cost_logger import CostLogger
from addons.flow.stream import MeteredStream
from addons.llm.parsing import eventstream
from addons.llm.providers.openai import CHAT_COMPLETIONS
from tests.addons.cores import arrived, started
from tests.addons.llm.streams import aws_message, sse

CHAT, MESSAGES, INVOKE = "/v1/chat/completions", "/v1/messages", "/bedrock/model/m.x/invoke-with-response-stream"
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
EVENTS = sse({"model": "gpt-4o", "choices": [{"delta": {"content": "hello"}}]}, {"choices": [], "usage": USAGE})
DONE = EVENTS + b"data: [DONE]\n\n"
WHOLE = orjson.dumps({"model": "gpt-4o", "choices": [{"message": {"content": "hello"}}], "usage": USAGE})
PAGE = b"<!DOCTYPE html>\n<p>Sign in</p>\n\ndata: {}\n\n" * 50
ERROR = b'{"error": {"message": "overloaded", "type": "server_error"}}'
SSE_TYPE = "text/event-stream"
TYPES = ["", SSE_TYPE, "text/plain", "application/octet-stream", "application/json; charset=utf-8", "text/html"]


class Got(NamedTuple):
    event: dict[str, Any]
    content: bytes
    """What the client gets."""
    is_streamed: bool


def flat(passed: bytes | Iterable[bytes]) -> bytes:
    return passed if isinstance(passed, bytes) else b"".join(passed)


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with started(tmp_path) as core:
        yield core


def answered(
    core: Core,
    chunks: list[bytes],
    content_type: str = "",
    stream: bool = True,
    path: str = CHAT,
    encoding: str = "",
    asks: bool = True,
) -> Got:
    """Pass an answer through the proxy's hooks. `asks`: the client itself asks for the usage of a stream."""
    body: dict[str, Any] = {"model": "gpt-4o", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
    flow = arrived(core, path, body | ({"stream_options": {"include_usage": True}} if asks and stream else {}))
    logger, before = CostLogger(core), len(core.log.path.read_bytes().splitlines())
    logger.request(flow)
    fields = {b"content-type": content_type.encode(), b"content-encoding": encoding.encode()}
    headers = http.Headers([(name, value) for name, value in fields.items() if value])
    flow.response = tutils.tresp(headers=headers, content=None)
    logger.responseheaders(flow)
    passes: Any = flow.response.stream
    out = b""
    if callable(passes):
        for chunk in [*chunks, b""]:
            out += flat(passes(chunk))
    else:
        out = b"".join(chunks)
        flow.response.raw_content = None if passes else out
    logger.response(flow)
    [line] = core.log.path.read_bytes().splitlines()[before:]
    return Got(orjson.loads(line), out, bool(passes))


def outcome(got: Got) -> tuple[int, int, bool, str]:
    event = got.event
    estimated = event.get("usage_estimated", False)
    return event["input_tokens"], event["output_tokens"], estimated, event.get("error", "")


REPORTED, NOTHING = (10, 5, False, ""), (0, 0, False, "answer_is_not_json")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (DONE, REPORTED),
        (EVENTS, REPORTED),
        (EVENTS.rstrip(b"\n"), REPORTED),
        (b": keep-alive\n\n" + DONE, REPORTED),
        (b"\xef\xbb\xbf" + DONE, REPORTED),
        (b"\r\n\r\n" + DONE.replace(b"\n", b"\r\n"), REPORTED),
        (DONE.replace(b"\n", b"\r"), REPORTED),
        (DONE.replace(b"data: ", b"data:"), REPORTED),
        (WHOLE, REPORTED),
        (b"\n " + WHOLE, REPORTED),
        (ERROR, (0, 0, False, "server_error")),
        (PAGE, NOTHING),
        (b"upstream connect error", NOTHING),
        (b'["a"]', NOTHING),
        (b"\x00" * 100, NOTHING),
        (b"{}", (0, 0, False, "not_an_answer")),
    ],
)
@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_an_answer_is_read_by_what_is_in_it(
    core: Core, stream: bool, content_type: str, content: bytes, expected: tuple[int, int, bool, str]
) -> None:
    got = answered(core, [content], content_type, stream)
    assert (outcome(got), got.content) == (expected, content)
    assert got.is_streamed == (stream or content_type == SSE_TYPE)
    assert (got.event["cost_usd"] > 0) == (expected == REPORTED)


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("content", [DONE, EVENTS.rstrip(b"\n"), b"\xef\xbb\xbf\n: hi\n\n" + DONE, WHOLE, ERROR, PAGE])
def test_cuts_and_a_usage_that_only_the_proxy_asked_for_change_nothing(core: Core, content: bytes, asks: bool) -> None:
    expected = answered(core, [content], asks=asks)
    usage = EVENTS[EVENTS.index(b'data: {"choices":[]') :]
    assert expected.content == (content if asks else content.replace(usage, b"").replace(usage.rstrip(b"\n"), b""))
    for cut in range(0, len(content), 1 if len(content) < 300 else 97):
        got = answered(core, [part for part in (content[:cut], content[cut:]) if part], asks=asks)
        assert (outcome(got), got.content) == (outcome(expected), expected.content)


@given(
    st.lists(
        st.sampled_from([b"\n", b"\r\n", b"{", b"}", b"<", b"data: ", b'{"usage":{}}', b":", b"\x00", b"\xef\xbb\xbf"])
    )
)
def test_whatever_comes_reaches_the_client_in_order(chunks: list[bytes]) -> None:
    call = _Call()
    passes = MeteredStream(call, None, "", lambda: None)  # type: ignore[arg-type]
    out = b"".join(flat(passes(chunk)) for chunk in [*chunks, b""])
    assert out == b"".join(chunks)


class _Call:
    """Has what MeteredStream needs of a call, and keeps no event from the client."""

    adds_stream_usage = True
    ttft_ms = 1
    is_logged = False
    most_output = 0
    error = ""

    def __init__(self) -> None:
        self.wire, self.meter = CHAT_COMPLETIONS, CHAT_COMPLETIONS.meter(False)


def test_aws_events_are_read_without_their_content_type(core: Core) -> None:
    metrics = b'{"amazon-bedrock-invocationMetrics": {"inputTokenCount": 10, "outputTokenCount": 5}}'
    frame = aws_message("chunk", orjson.dumps({"bytes": base64.b64encode(metrics).decode()}))
    for content_type in ("", "application/vnd.amazon.eventstream", SSE_TYPE):
        for cut in (1, 11, 12, 40):
            assert outcome(answered(core, [frame[:cut], frame[cut:]], content_type, path=INVOKE)) == REPORTED


@pytest.mark.parametrize("content", [DONE, WHOLE, ERROR, PAGE])
def test_a_compressed_answer_is_read_like_a_plain_one(core: Core, content: bytes) -> None:
    plain = outcome(answered(core, [content]))
    packed = gzip.compress(content)
    assert outcome(answered(core, [packed[:7], packed[7:]], encoding="gzip")) == plain
    assert (
        answered(core, [packed], encoding="gzip", asks=False).content == answered(core, [content], asks=False).content
    )


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (gzip.compress(WHOLE, mtime=0)[:30], "gzip"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"no gzip", "gzip"),
        (b"x", "xyz"),
        (WHOLE[:-9], ""),
    ],
)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_an_answer_that_cannot_be_read_is_estimated(core: Core, content: bytes, encoding: str, stream: bool) -> None:
    got = answered(core, [content], "application/json", stream, encoding=encoding)
    assert (got.event["error"], got.event["usage_estimated"]) == ("unreadable_answer", True)
    assert got.event["input_tokens"] > 0 and got.content == content


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        (b"", SSE_TYPE, ""),
        (b": keep-alive\n\n", "", ""),
        (b"event: ping\n\n", "", ""),
        (b"", "", "answer_is_not_json"),
        (b"\n\n", "text/plain", "answer_is_not_json"),
    ],
)
def test_a_stream_cut_short_before_its_first_event_is_billed_its_input(
    core: Core, content: bytes, content_type: str, expected: str
) -> None:
    event = answered(core, [content] if content else [], content_type).event
    assert event.get("error", "") == expected
    assert (event["cost_usd"] > 0) == (event["input_tokens"] > 0) == (not expected)


def test_of_a_large_page_or_text_nothing_is_kept(core: Core) -> None:
    for start in (b"<html>", b"no event, and no line ends here "):
        got = answered(core, [start, *[b"x" * 2**20] * 40])
        assert outcome(got) == NOTHING and len(got.content) > 40 * 2**20


@pytest.mark.parametrize(
    ("usage", "text", "expected"),
    [
        (None, False, (0, 0, False, "server_error")),
        ({"input_tokens": 10, "output_tokens": 0}, False, (10, 0, False, "server_error")),
        ({"input_tokens": 10, "output_tokens": 5}, True, (10, 5, False, "server_error")),
    ],
)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_failed_response_is_billed_what_it_reports(
    core: Core, usage: dict[str, int] | None, text: bool, expected: tuple[int, int, bool, str], stream: bool
) -> None:
    error = {"code": "server_error", "message": "sorry"}
    response = {"object": "response", "model": "gpt-4o", "status": "failed", "error": error, "output": []}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": response | {"error": None}},
        *([{"type": "response.output_text.delta", "delta": "hello"}] if text else []),
        {"type": "response.failed", "response": response | {"usage": usage}},
    ]
    content = sse(*events) if stream else orjson.dumps(response | {"usage": usage})
    assert outcome(answered(core, [content], stream=stream, path="/v1/responses")) == expected


@pytest.mark.parametrize("start", [b"data: ", b"event: x\r\ndata: "])
@pytest.mark.parametrize("asks", [True, False])
def test_a_first_event_that_is_too_large_to_read_is_estimated(core: Core, start: bytes, asks: bool) -> None:
    chunks = [start, *[b"x" * 2**20] * 17, b"\n\n"]
    got = answered(core, chunks, asks=asks)
    assert got.event["usage_estimated"] and "error" not in got.event and got.content == b"".join(chunks)


def test_a_stream_of_bedrock_is_estimated_where_botocore_is_missing(
    core: Core, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(eventstream, "EventStreamBuffer", None)
    got = answered(core, [aws_message("chunk", b"{}")], eventstream.CONTENT_TYPE, path=INVOKE)
    assert got.event["usage_estimated"] and "install ModelTrack with its extra `aws`" in caplog.text


@pytest.mark.parametrize("count", [4_294_967_295, -5, 5.5, True, "5", 2**60])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_count_that_cannot_be_is_estimated_by_the_text(core: Core, stream: bool, count: object) -> None:
    usage = USAGE | {"completion_tokens": count}
    whole = orjson.dumps({"model": "gpt-4o", "choices": [{"message": {"content": "hello"}}], "usage": usage})
    events = sse({"model": "gpt-4o", "choices": [{"delta": {"content": "hello"}}]}, {"choices": [], "usage": usage})
    event = answered(core, [events if stream else whole], stream=stream).event
    assert event["usage_estimated"] and 0 < event["cost_usd"] < 0.01
    assert event["output_tokens"] == 2


def test_a_large_count_that_can_be_is_billed(core: Core) -> None:
    usage = {"prompt_tokens": 900_000, "completion_tokens": 128_000}
    event = answered(core, [orjson.dumps({"model": "gpt-5.4", "choices": [], "usage": usage})], stream=False).event
    assert (event["output_tokens"], event.get("usage_estimated")) == (128_000, None)
