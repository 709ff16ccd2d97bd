"""Test that an answer which mitmproxy makes of an error names the call that ended with it."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers.http import HttpStream, _http1
from mitmproxy.proxy.layers.http._events import ErrorCode, ResponseProtocolError
from mitmproxy.test import tflow

from addons.callers.attribution import Attribution
from addons.engine.fixes.json_errors import JsonErrors
from addons.engine.fixes.named_errors import NamedErrors
from addons.flow.attached import attach
from addons.llm.call import LLMCall
from addons.llm.routes import Tracked, resolve

from .layers import in_force, new_context


@pytest.fixture(autouse=True)
def json_errors() -> Iterator[None]:
    with in_force(JsonErrors, NamedErrors):
        yield


def stream(**attributes: Any) -> HttpStream:
    made = HttpStream(new_context(), 1)
    made.client_state, made.server_state = made.state_wait_for_request_headers, made.state_uninitialized
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def answer(made: HttpStream) -> tuple[bytes, dict[str, Any]]:
    """Return head and body of what the client gets once the provider cannot be reached."""
    event = ResponseProtocolError(1, "[Errno 111] Connect call failed", ErrorCode.CONNECT_FAILED)
    sent = [each.event for each in made.handle_protocol_error(event) if isinstance(each, http_layers.SendHttp)]
    assert sent == [event]
    head, _, body = _http1.make_error_response(502, event.message).partition(b"\r\n\r\n")
    return head, orjson.loads(body)


def test_the_answer_has_the_id_of_the_call_and_nothing_of_its_flow() -> None:
    flow, route = tflow.tflow(), resolve("/v1/messages")
    assert isinstance(route, Tracked)
    call = LLMCall(route, "", Attribution(team="t"), 0.0)
    attach(flow, call)
    head, body = answer(stream(flow=flow))
    assert b"\r\nX-ModelTrack-Call: " + call.event_id.encode() in head
    assert body["error"]["type"] == "upstream_unreachable"
    assert flow.error and flow.get_state()["error"]["msg"] == "[Errno 111] Connect call failed"


def test_an_error_of_no_call_names_none() -> None:
    head, body = answer(stream(flow=tflow.tflow()))
    assert b"X-ModelTrack-Call" not in head and body["error"]["type"] == "upstream_unreachable"
