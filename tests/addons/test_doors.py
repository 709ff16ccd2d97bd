"""Test Doors as an addon: which requests of pages get an answer in its place, and which answers a page may read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import taddons

from addons.callers.presented import NOTHING
from addons.core import Core, Tunnel
from addons.doors import Doors
from addons.flow.attached import call_of
from addons.routing import Routing

from .cores import answer, made, started

APP = "https://app.example.com"


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with started(tmp_path, allowed_origins=APP) as core:
        yield core


@pytest.fixture
def doors(core: Core) -> Iterator[Doors]:
    doors = Doors(core)
    with taddons.context(doors):
        yield doors


def come(doors: Doors, path: str = "/v1/messages", method: str = "POST", **headers: str) -> http.HTTPFlow:
    """Return the flow of a request after its head has met Doors and Routing."""
    flow = made(path, {}, method)
    for name, value in headers.items():
        flow.request.headers[name.replace("_", "-")] = value
    doors.requestheaders(flow)
    Routing(doors.core).requestheaders(flow)
    return flow


EVIL = {"Origin": "https://evil.com"}


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/messages", {"type", "error"}),
        ("/v1/chat/completions", {"error"}),
        ("/bedrock/model/m/converse", {"type", "error", "__type", "message"}),
        ("/stats", {"type", "error"}),
        ("/v1/models", {"type", "error"}),
        ("/nowhere", {"type", "error"}),
    ],
)
def test_another_pages_request_is_a_403_in_the_providers_shape(doors: Doors, path: str, shape: set[str]) -> None:
    flow = come(doors, path, **EVIL)
    found = answer(flow)
    assert flow.response and flow.response.status_code == 403
    assert set(found) == shape and "ALLOWED_ORIGINS" in str(found) and "evil" not in str(found)
    assert not [name for name in flow.response.headers if name.lower().startswith("access-control")]


def test_a_refused_request_is_no_call(doors: Doors) -> None:
    assert call_of(come(doors, **EVIL)) is None and not doors.core.live
    assert call_of(come(doors)) is not None


@pytest.mark.parametrize("path", ["/v1/messages", "/stats", "/azure/v1/chat/completions"])
def test_a_browser_that_asks_first_for_an_allowed_page_gets_a_204(doors: Doors, path: str) -> None:
    asks = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "x-api-key"}
    flow = come(doors, path, "OPTIONS", Origin=APP, **asks)
    assert flow.response and flow.response.status_code == 204 and call_of(flow) is None
    assert flow.response.headers["Access-Control-Allow-Headers"] == "x-api-key"
    refused = come(doors, path, "OPTIONS", **EVIL, **asks)
    assert refused.response and refused.response.status_code == 403


def ended(doors: Doors, response: http.Response, **headers: str) -> http.Headers:
    flow = come(doors, **headers)
    flow.response = response
    doors.responseheaders(flow)
    doors.response(flow)
    return flow.response.headers


@pytest.mark.parametrize("status", [200, 400, 429, 502])
def test_an_allowed_page_may_read_every_answer(doors: Doors, status: int) -> None:
    upstream = {"Access-Control-Allow-Origin": "*", "Vary": "Accept-Encoding"}
    found = ended(doors, http.Response.make(status, b"{}", upstream), Origin=APP)
    assert found.get_all("Access-Control-Allow-Origin") == [APP]
    assert found["Vary"] == "Accept-Encoding, Origin"


def test_answers_to_others_are_left_as_they_are(doors: Doors) -> None:
    upstream = {"Access-Control-Allow-Origin": "*", "Vary": "Accept-Encoding"}
    for headers in ({}, {"Origin": "http://localhost:8080"}):
        found = ended(doors, http.Response.make(200, b"{}", upstream), **headers)
        assert (found["Access-Control-Allow-Origin"], found["Vary"]) == ("*", "Accept-Encoding")


def test_a_page_that_uses_the_proxy_by_hand_is_the_providers_affair(doors: Doors) -> None:
    """It comes through a tunnel, which no page can open."""
    flow = made()
    flow.request.headers["Origin"] = "https://evil.com"
    doors.core.tunnels[flow.client_conn.id] = Tunnel((), NOTHING)
    doors.requestheaders(flow)
    assert flow.response is None


def test_a_replayed_request_keeps_the_answer_that_it_once_had(doors: Doors) -> None:
    flow = made()
    flow.request.headers["Origin"] = "https://evil.com"
    flow.is_replay = "request"
    doors.requestheaders(flow)
    assert flow.response is None


def test_the_listening_name_is_a_name_of_this_machine(core: Core) -> None:
    doors = Doors(core)
    with taddons.context(doors) as context:
        context.options.listen_host = "ModelTrack.corp"
        page = {"Host": "modeltrack.corp:8080", "Origin": "http://modeltrack.corp:8080"}
        assert call_of(come(doors, **page)) is not None


def test_several_headers_of_one_name_count_together(doors: Doors) -> None:
    flow = made()
    flow.request.headers.fields += ((b"origin", APP.encode()), (b"Origin", b"https://evil.com"))
    doors.requestheaders(flow)
    assert flow.response and flow.response.status_code == 403


def test_over_http2_the_authority_is_the_host(doors: Doors) -> None:
    flow = made("/stats", method="GET")
    del flow.request.headers["Host"]
    flow.request.authority = "evil.com:8080"
    flow.request.headers["Accept-Language"] = "en"
    doors.requestheaders(flow)
    assert flow.response and flow.response.status_code == 403


def test_a_proxy_that_could_not_start_says_so_to_pages_too(tmp_path: Path) -> None:
    doors = Doors(Core())
    with taddons.context(doors):
        flow = come(doors, **EVIL)
    assert flow.response and flow.response.status_code == 503


def test_a_request_whose_page_cannot_be_told_goes_no_further(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("addons.callers.origins.refusal", fail)
    flow = come(doors, Origin=APP)
    assert flow.response and flow.response.status_code == 500 and call_of(flow) is None
