"""What is held of bodies is counted once, and given back on every way out."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mitmproxy import flow as mitmproxy_flow
from mitmproxy import http

from addons.bodies import Bodies
from addons.core import Core
from addons.flow.bodies import bounds
from addons.flow.bodies.bounds import MOST_HELD_ANSWER, most_together, refuse_by_size
from addons.llm.call import CallState
from addons.routing import Routing
from tests.addons.cores import answer, made, started

LIMIT = 100_000


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with started(tmp_path, max_request_bytes=LIMIT) as core:
        yield core


def headed(core: Core, length: int = 0, path: str = "/v1/messages", **fields: str) -> http.HTTPFlow:
    """Return a flow whose request's head has come, with this Content-Length."""
    flow = made(path)
    flow.request.headers.pop("content-length", None)
    if length:
        flow.request.headers["Content-Length"] = str(length)
    for name, value in fields.items():
        flow.request.headers[name.replace("_", "-")] = value
    Routing(core).requestheaders(flow)
    Bodies(core).requestheaders(flow)
    return flow


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/files", "/bedrock/x", "/healthz"])
def test_a_head_that_announces_too_much_is_refused(core: Core, path: str) -> None:
    flow = headed(core, LIMIT + 1, path)
    assert flow.response and not flow.request.stream
    assert (flow.response.status_code, answer(flow)["error"]["type"]) == (413, "request_too_large")
    assert core.held.total == 0


@pytest.mark.parametrize(
    ("length", "fields", "held"),
    [(LIMIT, {}, LIMIT), (0, {"Transfer_Encoding": "chunked"}, 0), (5, {"Transfer_Encoding": "chunked"}, 0)],
)
def test_what_a_head_announces_is_held(core: Core, length: int, fields: dict[str, str], held: int) -> None:
    flow = headed(core, length, **fields)
    assert (flow.response, core.held.total) == (None, held)


def test_a_body_that_passes_through_is_not_held(core: Core) -> None:
    flow = headed(core, LIMIT, "/v1/files")
    assert flow.request.stream
    assert core.held.total == 0
    assert not refuse_by_size(core, flow, LIMIT)


def test_a_body_that_grows_is_held_as_it_comes_until_it_is_too_large(core: Core) -> None:
    flow = headed(core, Transfer_Encoding="chunked")
    for size in (5000, 50_000, LIMIT):
        assert not refuse_by_size(core, flow, size)
        assert core.held.total == size
    assert refuse_by_size(core, flow, LIMIT + 1)
    assert flow.response and flow.response.status_code == 413
    assert core.held.total == 0


def head_of_answer(flow: http.HTTPFlow, length: int) -> None:
    flow.response = http.Response.make(200, b"")
    flow.response.headers["Content-Length"] = str(length)
    flow.response.data.content = None


def ends_with_an_answer(addon: Bodies, flow: http.HTTPFlow) -> None:
    flow.response = http.Response.make(200, b"{}")
    addon.response(flow)


def ends_with_an_error(addon: Bodies, flow: http.HTTPFlow) -> None:
    flow.error = mitmproxy_flow.Error("Client disconnected.")
    addon.error(flow)


def is_lost(addon: Bodies, flow: http.HTTPFlow) -> None:
    addon.client_disconnected(flow.client_conn)


@pytest.mark.parametrize("end", [ends_with_an_answer, ends_with_an_error, is_lost])
def test_what_is_held_is_given_back(core: Core, end: Callable[[Bodies, http.HTTPFlow], None]) -> None:
    flow = headed(core, 10_000)
    head_of_answer(flow, 5000)
    Bodies(core).responseheaders(flow)
    assert core.held.total == 15_000
    end(Bodies(core), flow)
    assert core.held.total == 0


def test_one_too_many_is_refused_and_asked_to_come_again(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "_LEAST_TOGETHER", 0)
    assert most_together(core.settings) == 8 * LIMIT
    for _ in range(8):
        assert headed(core, LIMIT).response is None
    flow = headed(core, 5000)
    assert flow.response
    assert (flow.response.status_code, flow.response.headers["Retry-After"]) == (503, "1")
    growing = headed(core, Transfer_Encoding="chunked")
    assert refuse_by_size(core, growing, 5000)
    assert headed(core, 4096).response is None, "what is so small is not counted"


@pytest.mark.parametrize(("length", "passes"), [(MOST_HELD_ANSWER, False), (MOST_HELD_ANSWER + 1, True), (0, False)])
def test_an_answer_that_is_too_large_to_be_held_passes_on(core: Core, length: int, passes: bool) -> None:
    flow = headed(core, 10)
    call = core.live[flow.id].__dict__["modeltrack"]
    call.state = CallState.SENT
    head_of_answer(flow, length)
    Bodies(core).responseheaders(flow)
    assert bool(flow.response.stream) == passes == (call.meter is not None)
