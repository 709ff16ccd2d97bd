"""Whatever breaks: no hang, no leak, one event each, and the process goes on serving."""

import contextlib
import gzip
import json
import socket
import sys
from collections.abc import Callable, Iterator

import pytest
import requests
from urllib3.exceptions import ProtocolError

from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import OPENAI, post
from tests.e2e.conftest import KEY, PROMPT, SCRIPTS, Proxy, until

# What is made to raise, with the status that the client gets, by a whole answer and by a stream.
FAULTS: dict[str, tuple[int, int]] = {
    "addons.routing:resolve": (500, 500),
    "addons.callers.caller:attribute": (500, 500),
    "addons.flow.bodies.reading:_read": (500, 500),
    "addons.flow.admission:Admission.admit": (503, 503),
    "addons.flow.admission:highest_cost": (503, 503),
    "addons.core:Core.count_others": (503, 503),
    "addons.flow.downgrade:choose": (200, 200),
    "addons.cache:_key": (200, 200),
    "addons.cache:ResponseCache.entries": (200, 200),
    "addons.cache:ResponseCache._entry": (200, 200),
    "addons.flow.finish:measure": (200, 200),
    "addons.flow.stream:MeteredStream._meter_events": (200, 200),
    "addons.cost_logger:passes_in_chunks": (200, 200),
    "addons.cost_logger:metered": (200, 200),
    "addons.cost_logger:put_figures": (200, 200),
    "addons.flow.finish:_count_savings": (200, 200),
    "addons.flow.headers:clean": (200, 200),
    "addons.cost_logger:insert_member": (200, 200),
    "addons.cost_logger:_status": (200, 200),
    "addons.flow.finish:_event": (200, 200),
    "addons.flow.measure:_usage": (200, 200),
    "addons.llm.prices.pricing:Prices.cost": (503, 503),
}


# Fails before it is known for what it is, or in the making of the event.
WITHOUT_EVENT = {"addons.routing:resolve", "addons.callers.caller:attribute"} | {
    *("addons.cost_logger:_status", "addons.flow.finish:_event")
}


@pytest.fixture(scope="module")
def faulty(make_proxy: Callable[..., Proxy]) -> Proxy:
    budgets = {"budgets": [{"team": "t", "monthly_limit": 1000, "action": "block"}]}
    env = {"FAULTS": " ".join(FAULTS), "FAULT_MESSAGE": PROMPT + KEY}
    proxy = make_proxy(start=False, files={"budgets.json": budgets}, **env)
    proxy.use("mitmdump", SCRIPTS / "faulty.py")
    return proxy.start()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
def test_an_exception_anywhere_leaves_one_event_and_nothing_reserved(faulty: Proxy, fault: str, stream: bool) -> None:
    before = len(faulty.events())
    for number, name in enumerate((fault, "")):
        messages = [{"role": "user", "content": f"{PROMPT} {fault}"}]
        told = {"X-Fault": name}
        answer = post(faulty, "t", "", OPENAI, headers=told, may_be_cached=True, stream=stream, messages=messages)
        assert answer.status_code == (FAULTS[fault][stream] if name else 200), (number, answer.text)
        if answer.ok:
            assert b"[DONE]" in answer.content if stream else answer.json()["choices"]
        else:
            assert answer.json()["error"]["message"]
    until(lambda: len(faulty.events()) == before + (1 if fault in WITHOUT_EVENT else 2))
    # What was served was paid for, but for an answer from the cache.
    for event in faulty.events()[before:]:
        assert bool(event["cost_usd"]) == (event["status_code"] == 200 and not event["cache_hit"])
    stats = faulty.get("/stats")
    assert (stats["in_flight"], stats["reserved_usd"]) == (0, 0)
    assert "Traceback" not in faulty.log


def test_a_budget_check_that_fails_open_is_let_through_and_logged(make_proxy: Callable[..., Proxy]) -> None:
    fault = "addons.flow.admission:Admission.admit"
    proxy = make_proxy(start=False, FAULTS=fault, FAULT_MESSAGE=PROMPT, BUDGET_FAILURE_MODE="open")
    proxy.use("mitmdump", SCRIPTS / "faulty.py")
    proxy.start()
    assert post(proxy, path=OPENAI, headers={"X-Fault": fault}).status_code == 200
    assert "BUDGET_FAILURE_MODE=open" in proxy.log
    assert [event["cost_usd"] for event in proxy.events()] == [0.0045]


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_trailers_of_an_answer_are_left_out(proxy_before: Callable[[bytes], Proxy], kind: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    proxy = proxy_before(head + b"2\r\n{}\r\n0\r\nX-Checksum: 1\r\n\r\n")
    assert post(proxy, kind).content == b"{}"
    assert len(proxy.events(team=kind)) == 1 and proxy.get("/stats")["in_flight"] == 0


OVERLOADED = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"later"}}\n\n'


@pytest.mark.parametrize(("status", "error"), [(200, "overloaded_error"), (529, "http_529")])
def test_a_stream_of_nothing_but_an_error_costs_nothing(
    proxy_before: Callable[[bytes], Proxy], status: int, error: str
) -> None:
    head = b"HTTP/1.1 %d X\r\nContent-Type: text/event-stream\r\n\r\n" % status
    proxy = proxy_before(head + OVERLOADED)
    assert post(proxy, error, stream=True).content == OVERLOADED
    [event] = until(lambda: proxy.events(team=error))
    assert (event["status_code"], event["error"], event["cost_usd"]) == (status, error, 0)
    assert "usage_estimated" not in event


def http(body: bytes, *headers: bytes, length: int | None = None) -> bytes:
    head = b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Type: application/json", *headers])
    return head + b"\r\nContent-Length: %d\r\n\r\n%b" % (len(body) if length is None else length, body)


HALF_A_GZIP = gzip.compress(b'{"usage": {}}' * 500)[:60]
UPSTREAMS = {
    "half a gzip": (http(HALF_A_GZIP, b"Content-Encoding: gzip"), 200, "unreadable_answer"),
    "an unknown coding": (http(b"x", b"Content-Encoding: xyz"), 200, "unreadable_answer"),
    "a body cut short": (http(b'{"usage":', length=5000), 502, "upstream_disconnected"),
    "a body of 100 MB": (http(b'{"x":"' + b"y" * 100_000_000), 200, "unreadable_answer"),
    "no HTTP": (b"\x00\xff\r\n\r\n", 502, "upstream_protocol_error"),
    "nothing": (b"", 502, "upstream_disconnected"),
    "a stream that is none": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + b"\x00" * 70_000, 200, "answer_is_not_json"
    ),
}  # fmt: skip


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("what", UPSTREAMS)
def test_an_upstream_that_answers_nonsense_leaves_one_event(
    proxy_before: Callable[[bytes], Proxy], what: str, stream: bool
) -> None:
    answer, status, error = UPSTREAMS[what]
    if what == "a body cut short" and stream:
        status = 200  # what came has been passed on
    proxy, team = proxy_before(answer), f"{what} {stream}"
    with contextlib.suppress(ProtocolError), post(proxy, team, keep_open=True, stream=stream) as got:
        while got.raw.read(2**20):
            pass
    assert got.status_code == status
    [event] = until(lambda: proxy.events(team=team))
    assert (event["status_code"], event.get("error", "")) == (status, error)
    is_answer = error == "unreadable_answer" or what == "a body cut short"
    assert (event["cost_usd"] > 0, bool(event.get("usage_estimated"))) == (is_answer, is_answer)
    stats = proxy.get("/stats")
    assert (stats["in_flight"], stats["reserved_usd"]) == (0, 0)


@contextlib.contextmanager
def asking(proxy: Proxy, *headers: str) -> Iterator[None]:
    """A client that has sent its request, and hangs up at the end."""
    body = json.dumps({"model": "claude-sonnet-4-6", "messages": [{"role": "user", "content": PROMPT}]})
    with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2]))) as client:
        head = ["POST /v1/messages HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
        client.sendall("\r\n".join([*head, "", body]).encode())
        yield


def test_an_upstream_that_never_answers_holds_nothing_once_the_client_has_gone(
    make_proxy: Callable[..., Proxy], fake: FakeProvider
) -> None:
    proxy = make_proxy(ABANDONED_SECONDS="1")
    before = len(proxy.events())
    with asking(proxy, "X-Fake: hold=1", "X-ModelTrack-No-Cache: 1"):
        assert fake.waiting.wait(60)
    until(lambda: proxy.get("/stats")["in_flight"] == 0)
    assert proxy.get("/stats")["reserved_usd"] == 0
    assert [event["error"] for event in proxy.events()[before:]] == ["client_disconnected"]


@pytest.fixture
def full_upstream() -> Iterator[str]:
    """A server that takes no more connections and refuses none: Linux lets them wait."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, contextlib.ExitStack() as stack:
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.skipif(sys.platform != "linux", reason="needs a queue of connections that is full")
def test_a_client_that_goes_while_the_upstream_is_being_connected_to_is_said_to_have_gone(
    make_proxy: Callable[..., Proxy], full_upstream: str
) -> None:
    proxy = make_proxy(ANTHROPIC_BASE_URL=full_upstream)
    with asking(proxy):
        until(lambda: proxy.get("/stats")["reserved_usd"] > 0)
    [event] = until(proxy.events)
    assert (event["status_code"], event["error"], event["cost_usd"]) == (499, "client_disconnected", 0)
    stats = proxy.get("/stats")
    assert (stats["in_flight"], stats["reserved_usd"]) == (0, 0)


@pytest.mark.parametrize("hold", [1, 6], ids=["no answer", "half a stream"])
def test_an_upstream_that_falls_silent_is_given_up_after_tcp_timeout(
    make_proxy: Callable[..., Proxy], fake: FakeProvider, hold: int
) -> None:
    """The default is 10 minutes, which is how long the SDKs wait. What was not answered at all costs nothing."""
    proxy = make_proxy("--set", "tcp_timeout=1")
    settings = f"hold={hold}" if hold > 1 else "delay=30"
    with pytest.raises(requests.RequestException):
        post(proxy, fake=settings, stream=True)
    [event] = until(proxy.events)
    assert bool(event.get("usage_estimated")) == (event["cost_usd"] > 0) == (hold > 1)
    stats = proxy.get("/stats")
    assert (stats["in_flight"], stats["reserved_usd"]) == (0, 0)


def test_a_client_that_sends_half_a_request_leaves_one_event(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy()
    with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2]))) as client:
        client.sendall(b'POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"model":')
        until(lambda: proxy.get("/stats")["in_flight"] == 1)
    [event] = until(proxy.events)
    assert (event["error"], event["cost_usd"]) == ("client_disconnected", 0)
    stats = proxy.get("/stats")
    assert (stats["in_flight"], stats["reserved_usd"]) == (0, 0)


def test_what_is_in_flight_when_the_proxy_stops_has_its_event(
    make_proxy: Callable[..., Proxy], fake: FakeProvider
) -> None:
    proxy = make_proxy()
    with post(proxy, fake="hold=6", keep_open=True, stream=True) as answer:
        next(answer.iter_content(None))
        assert fake.waiting.wait(60)
        proxy.stop()
    [event] = proxy.events()
    assert event["error"] in ("proxy_stopped", "client_disconnected", "upstream_disconnected")
    assert event["input_tokens"] == 1000 and event["usage_estimated"]
