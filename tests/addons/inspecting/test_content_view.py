"""Test how mitmproxy's content view shows requests and answers."""

import gzip
from pathlib import Path

import orjson
import pytest
from mitmproxy import contentviews, http
from mitmproxy.contentviews import Metadata
from mitmproxy.contentviews._registry import ContentviewRegistry
from mitmproxy.test import taddons

from addons.core import Core
from addons.inspecting.content_view import LLMContentview
from addons.inspecting.inspector import Watch

from ..cores import settings
from .calls import amounts, answered, ended, make_flow, served, stream

ANSWER = orjson.dumps({"content": [{"type": "text", "text": "It rains."}]})
VIEW = LLMContentview()


def shown(flow: http.HTTPFlow, message: http.Message) -> tuple[str | None, str]:
    """Return the name and the text of the view that mitmproxy chooses."""
    registry = ContentviewRegistry()
    for view in (*contentviews.registry.values(), VIEW):
        registry.register(view)
    with taddons.context() as context:
        context.options.add_option("protobuf_definitions", str, "", "")
        result = contentviews.prettify_message(message, flow, registry=registry)
    return result.view_name, result.text


def test_requests_and_answers_of_calls_are_shown_as_conversations(core: Core, watch: Watch) -> None:
    flow = make_flow(served(core))
    assert flow.response
    flow.request.headers["content-type"] = flow.response.headers["content-type"] = "application/json"
    flow.request.text = '{"model":"m","messages":[{"role":"user","content":"Hello"}]}'
    flow.response.content = ANSWER
    ended(core, served(core), flow=flow)
    name, text = shown(flow, flow.request)
    assert (name, text.split("\n")[-2]) == ("LLM", "Hello")
    name, text = shown(flow, flow.response)
    assert name == "LLM"
    assert "It rains." in text
    assert amounts(text)[-1] == "0.002"


def test_a_saved_flow_is_shown_as_well(core: Core, watch: Watch) -> None:
    flow = ended(core, served(core))
    assert flow.response
    flow.response.content = ANSWER
    saved = http.HTTPFlow.from_state(flow.get_state())
    assert saved.response
    name, text = shown(saved, saved.response)
    assert name == "LLM"
    assert text.endswith(flow.comment)


def test_what_is_no_call_is_shown_as_ever() -> None:
    flow = make_flow()
    assert flow.response
    assert shown(flow, flow.response)[0] != "LLM"


def prettify(data: bytes, kind: str = "application/json", **headers: str) -> str:
    flow = answered(kind, headers, data)
    return VIEW.prettify(data, Metadata(flow, content_type=kind, http_message=flow.response))


SSE = b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"It rains."}}\n\n'


@pytest.mark.parametrize(
    ("data", "kind", "says"),
    [
        (b"", "application/json", "not read as a conversation"),
        (b"\xff\x00<html>", "text/html", "<html>"),
        (b"[1, 2]", "application/json", "[1, 2]"),
        (b'{"a": 1}', "application/json", '"a": 1'),
        (b'{"a": ' * 100_000, "application/json", "not read as a conversation"),
        (b'{"content": ' + b"[" * 900 + b"]" * 900 + b"}", "application/json", "(cannot be shown)"),
        (b'{"content": "' + b"x" * 5 * 2**20 + b'"}', "application/json", "5,242,895 bytes are too many"),
        (b"\x00\x00\x00\x20garbage" * 9, "application/vnd.amazon.eventstream", ""),
        (SSE + b'data: {"type":"content_bl', "text/event-stream", "It rains."),
    ],
)
def test_whatever_a_body_is_something_is_shown_and_it_is_bounded(data: bytes, kind: str, says: str) -> None:
    text = prettify(data, kind)
    assert says in text
    assert len(text) < 600_000


def test_a_compressed_stream_of_which_the_beginning_was_kept_is_read() -> None:
    whole = gzip.compress(SSE * 1000)
    assert "It rains.It rains." in prettify(whole[:-10], "text/event-stream", content_encoding="gzip")


def test_what_of_a_stream_was_not_kept_is_said(core: Core, watch: Watch, tmp_path: Path) -> None:
    core.settings = settings(tmp_path, inspect_stream_bytes=len(SSE))
    flow = stream(watch, [SSE, SSE * 20])
    text = VIEW.prettify(SSE, Metadata(flow, content_type="text/event-stream", http_message=flow.response))
    assert "It rains." in text
    assert f"[{20 * len(SSE):,} bytes were not kept: see INSPECT_STREAM_BYTES, INSPECT_MAX_BYTES]" in text
