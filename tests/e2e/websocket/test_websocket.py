"""The Responses API over a WebSocket: one socket, many calls, each with its own budget check and its own event."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
import requests
import websockets.exceptions
from websockets.sync.client import ClientConnection, connect

from addons.ca_bundle import write_bundle
from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import KEY, PROMPT, SCRIPTS, Proxy, until

FINAL = ("response.completed", "response.failed", "response.incomplete", "response.steer.failed", "error")
COST = 0.0045  # of the fake provider's usual answer by gpt-4o: 1000 tokens in, 200 out


@contextmanager
def sdk(url: str, app: str, team: str = "ws", **headers: str) -> Iterator[Any]:
    names = {"X-ModelTrack-Team": team, "X-ModelTrack-App": app, **headers}
    with openai.OpenAI(api_key=KEY, base_url=url + "/v1", default_headers=names) as client:
        with client.responses.connect() as connection:
            yield connection


@contextmanager
def raw(url: str, app: str, team: str = "ws") -> Iterator[ClientConnection]:
    headers = {"X-ModelTrack-Team": team, "X-ModelTrack-App": app, "Authorization": f"Bearer {KEY}"}
    with connect(url.replace("http", "ws") + "/v1/responses", additional_headers=headers, proxy=None) as socket:
        yield socket


def until_final(connection: Any) -> list[Any]:
    events = []
    for event in connection:
        events.append(event)
        if event.type in FINAL:
            return events
    raise AssertionError("the socket was closed")


def answer(connection: Any, fake: str = "", **body: Any) -> list[Any]:
    """All events of one response."""
    metadata = {"metadata": {"fake": fake}} if fake else {}
    connection.response.create(**{"model": "gpt-4o", "input": PROMPT, **metadata, **body})
    return until_final(connection)


async def answer_async(connection: Any, **body: Any) -> list[dict[str, Any]]:
    await connection.response.create(**{"model": "gpt-4o", "input": PROMPT, **body})
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] not in FINAL:
        events.append((await connection.recv()).model_dump())
    return events


def request(**body: Any) -> str:
    return json.dumps({"type": "response.create", "model": "gpt-4o", "input": PROMPT} | body)


def receive(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(timeout=20))


def last_of(socket: ClientConnection) -> Any:
    while (event := receive(socket))["type"] not in FINAL:
        pass
    return event


def nothing_is_left(proxy: Proxy) -> None:
    until(lambda: (stats := proxy.get("/stats"))["in_flight"] == 0 and stats["reserved_usd"] == 0)


def messages(fake: FakeProvider) -> list[Any]:
    return [json.loads(request.body) for request in fake.requests if request.method == "MESSAGE"]


def test_the_sdk_gets_what_it_gets_without_the_proxy(proxy: Proxy, fake: FakeProvider) -> None:
    seen = []
    for url in (fake.url, proxy.url):
        with sdk(url, "same") as connection:
            seen.append([event.model_dump() for event in answer(connection)])
    assert seen[0] == seen[1]
    assert [event["cost_usd"] for event in proxy.events(app_id="same")] == [COST]
    nothing_is_left(proxy)


async def test_so_does_the_async_sdk(proxy: Proxy, fake: FakeProvider) -> None:
    seen = []
    for url in (fake.url, proxy.url):
        headers = {"X-ModelTrack-Team": "ws", "X-ModelTrack-App": "async"}
        async with openai.AsyncOpenAI(api_key=KEY, base_url=url + "/v1", default_headers=headers) as client:
            async with client.responses.connect() as connection:
                seen.append(await answer_async(connection))
    assert seen[0] == seen[1]
    assert [event["cost_usd"] for event in proxy.events(app_id="async")] == [COST]


def test_each_response_on_a_socket_has_its_own_event_written_before_its_end_arrives(proxy: Proxy) -> None:
    with sdk(proxy.url, "several", **{"X-ModelTrack-Feature": "chat"}) as connection:
        for number, (tokens, model) in enumerate([(100, "gpt-4o"), (7, "gpt-4o-mini"), (0, "gpt-4o")], 1):
            answer(connection, f"output_tokens={tokens}", model=model)
            assert len(proxy.events(app_id="several")) == number
    events = proxy.events(app_id="several")
    assert [event["cost_usd"] for event in events] == [0.0035, 0.0001542, 0.0025]
    assert {(e["team"], e["feature"], e["is_streaming"], e["status_code"]) for e in events} == {
        ("ws", "chat", True, 200)
    }
    assert all(0 <= event["ttft_ms"] <= event["latency_ms"] for event in events)
    nothing_is_left(proxy)


def test_the_provider_sees_neither_our_headers_nor_a_changed_message(proxy: Proxy, fake: FakeProvider) -> None:
    with raw(proxy.url, "bytes") as socket:
        text = json.dumps(json.loads(request()), indent="\t")
        socket.send(text)
        last_of(socket)
    upgrade, message = fake.requests
    assert message.body == text.encode()
    assert upgrade.header("authorization") == f"Bearer {KEY}"
    assert upgrade.header("host") == fake.url.removeprefix("http://")
    assert not [name for name, _ in upgrade.headers if name.lower().startswith("x-modeltrack")]


def test_responses_on_several_lanes_are_told_apart(proxy: Proxy, fake: FakeProvider) -> None:
    with raw(proxy.url, "lanes") as socket:
        socket.send(request(stream_id="slow", metadata={"fake": "hold=1,output_tokens=1"}))
        assert receive(socket)["stream_id"] == "slow"
        assert fake.waiting.wait(10)
        socket.send(request(stream_id="fast", model="gpt-4o-mini", metadata={"fake": "output_tokens=2"}))
        assert last_of(socket)["stream_id"] == "fast"
        assert [event["output_tokens"] for event in proxy.events(app_id="lanes")] == [2]
        fake.release()
        assert last_of(socket)["stream_id"] == "slow"
    assert [(e["model"], e["output_tokens"]) for e in proxy.events(app_id="lanes")] == [
        ("gpt-4o-mini", 2),
        ("gpt-4o", 1),
    ]
    nothing_is_left(proxy)


def test_a_response_that_nobody_created_is_billed_as_well(proxy: Proxy) -> None:
    with sdk(proxy.url, "steered") as connection:
        answer(connection)
        connection.response.steer(input=PROMPT, previous_response_id="resp_fake")
        assert [event.type for event in until_final(connection)][:2] == ["response.steer.accepted", "response.created"]
    assert [(e["cost_usd"], e["is_streaming"]) for e in proxy.events(app_id="steered")] == [(COST, True)] * 2
    nothing_is_left(proxy)


def test_what_the_provider_refuses_costs_nothing_and_the_socket_goes_on(proxy: Proxy) -> None:
    with sdk(proxy.url, "refused") as connection:
        [error] = answer(connection, "status=529")
        assert (error.status, error.error.type, error.error.message) == (529, "overloaded_error", "as it was told")
        answer(connection)
    events = proxy.events(app_id="refused")
    assert [(e["status_code"], e.get("error"), e["cost_usd"]) for e in events] == [
        (529, "overloaded_error", 0),
        (200, None, COST),
    ]
    nothing_is_left(proxy)


def test_messages_that_are_not_json_are_passed_on_to_the_client(proxy: Proxy) -> None:
    with raw(proxy.url, "garbage") as socket:
        socket.send(request(metadata={"fake": "garbage=1"}))
        assert socket.recv(timeout=20) == "This is not JSON"
        assert last_of(socket)["type"] == "response.completed"
    assert [event["cost_usd"] for event in proxy.events(app_id="garbage")] == [COST]


@pytest.mark.parametrize("team", ["blocked", "closed"])
def test_a_refused_response_is_an_error_event_and_the_socket_stays_usable(
    gate: Proxy, fake: FakeProvider, team: str
) -> None:
    """By a budget that is spent; by a rule."""
    with sdk(gate.url, team, team) as connection:
        assert answer(connection)[-1].type == "response.completed"
        reached = len(messages(fake))
        for lane in ({}, {"stream_id": "a"}):
            [error] = answer(connection, **lane)
            assert (error.type, error.status, error.stream_id) == ("error", 429, lane.get("stream_id"))
            assert error.error.headers == {"x-should-retry": "false"}
        assert len(messages(fake)) == reached
        if team == "blocked":
            assert error.error.code == "budget_exceeded"
            assert error.error.message.startswith("Team 'blocked' has exceeded monthly budget of $0.004")
        else:
            assert error.error.code == "model_blocked"
            assert answer(connection, model="gpt-4o-mini")[-1].type == "response.completed"
    blocked_by = "budget" if team == "blocked" else "rule"
    assert [(e["status_code"], e["cost_usd"]) for e in gate.events(team=team, blocked_by=blocked_by)] == [(429, 0)] * 2
    nothing_is_left(gate)


def test_a_steer_is_refused_too_without_ending_the_response_that_it_is_for(gate: Proxy, fake: FakeProvider) -> None:
    with sdk(gate.url, "steer", "blocked-steer") as connection:
        answer(connection)
        connection.response.steer(input="go on", previous_response_id="resp_fake")
        [failed] = until_final(connection)
    assert (failed.type, failed.error.code) == ("response.steer.failed", "budget_exceeded")
    assert (failed.steer.input, failed.steer.previous_response_id) == ("go on", "resp_fake")
    assert [message["type"] for message in messages(fake)] == ["response.create"]


def test_what_waits_is_reserved(gate: Proxy, fake: FakeProvider) -> None:
    with raw(gate.url, "burst", "burst") as socket:
        for _ in range(3):
            socket.send(request(max_output_tokens=10_000, metadata={"fake": "hold=1"}))
        refused, begun = sorted((receive(socket), receive(socket)), key=lambda event: event["type"])
        assert (refused["error"]["code"], begun["type"]) == ("budget_reserved", "response.created")
        assert fake.waiting.wait(10)
        assert gate.get("/stats")["in_flight"] == 2
        assert gate.get("/stats")["reserved_usd"] > 0.2
    until(lambda: len(gate.events(team="burst")) == 3)
    nothing_is_left(gate)


@pytest.mark.parametrize("text", [PROMPT, "日本語のテキスト、" * 2000])
def test_a_downgrade_changes_the_models_bytes_only(gate: Proxy, fake: FakeProvider, text: str) -> None:
    """However long the message is: mitmproxy would cut it into frames in the middle of characters."""
    body = json.dumps({"type": "response.create", "input": text, "model": "gpt-4o"}, ensure_ascii=False)
    app = f"long-{len(text)}"
    with raw(gate.url, app, "down") as socket:
        for _ in range(2):
            socket.send(body)
            answered = last_of(socket)["response"]["model"]
    assert answered == "gpt-4o-mini"
    assert fake.requests[-1].body.decode() == body.replace('"gpt-4o"', '"gpt-4o-mini"')
    event = gate.events(app_id=app)[-1]
    assert (event["model"], event["routed_from"], event["routing_rule"]) == ("gpt-4o-mini", "gpt-4o", "down")
    assert (event["cost_usd"], event["saved_usd"]) == (0.00027, 0.00423)


def test_a_socket_may_opt_out_of_the_rules(gate: Proxy) -> None:
    with sdk(gate.url, "opt-out", "down", **{"X-ModelTrack-No-Route": "true"}) as connection:
        models = [answer(connection)[-1].response.model for _ in range(2)]
    assert models == ["gpt-4o", "gpt-4o"]


@pytest.fixture(scope="module")
def gate(make_proxy: Callable[..., Proxy]) -> Proxy:
    rows = [("blocked", 0.004, "block"), ("blocked-steer", 0.004, "block"), ("closed", 0.0046, "warn")]
    rows += [("blocked-other", 0.004, "block"), ("down", 0.004, "warn"), ("burst", 0.15, "block")]
    names = ("team", "monthly_limit", "action")
    shared = {"trigger": "budget_percent_above", "from_models": ["gpt-4o"], "to_model": "gpt-4o-mini"}
    rules = [
        {"name": "down", "threshold": 100, **shared},
        {"name": "closed", "threshold": 90, "action": "block_expensive", **shared},
    ]
    budgets = {"budgets": [dict(zip(names, row, strict=True)) for row in rows]}
    return make_proxy(files={"budgets.json": budgets, "routing.json": {"rules": rules}})


UNUSABLE: list[tuple[Any, int, str]] = [
    ("{not json", 400, "not JSON"),
    ("[1]", 400, "not a JSON object"),
    (request().encode(), 400, "binary"),
    (request(model=None), 400, "no model"),
    (request(input="x" * 70_000), 413, "MAX_REQUEST_BYTES"),
    (request(model="no-such-model"), 403, "no known price"),
]


@pytest.mark.parametrize(("message", "status", "reason"), UNUSABLE, ids=[reason for _, _, reason in UNUSABLE])
def test_what_cannot_be_used_is_refused_with_an_error_event(
    strict: Proxy, fake: FakeProvider, message: str | bytes, status: int, reason: str
) -> None:
    with raw(strict.url, reason) as socket:
        socket.send(message)
        error = receive(socket)
        assert (error["type"], error["status"]) == ("error", status)
        assert reason in error["error"]["message"]
        assert messages(fake) == []
        socket.send(request())
        assert last_of(socket)["type"] == "response.completed"
    assert [(e["status_code"], e["cost_usd"]) for e in strict.events(app_id=reason)] == [(status, 0), (200, COST)]
    nothing_is_left(strict)


def test_a_message_beyond_all_limits_closes_the_socket(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy("--set", "body_size_limit=100k")
    with raw(proxy.url, "huge") as socket:
        socket.send(request(input="x" * 200_000))
        with pytest.raises(websockets.exceptions.ConnectionClosedError) as closed:
            socket.recv(timeout=20)
    assert closed.value.rcvd and closed.value.rcvd.code == 1009
    nothing_is_left(proxy)


@pytest.fixture(scope="module")
def strict(make_proxy: Callable[..., Proxy]) -> Proxy:
    return make_proxy(MAX_REQUEST_BYTES="65536", UNKNOWN_MODEL_PRICE="block")


@pytest.mark.parametrize("polite", [True, False], ids=["closed", "cut"])
def test_a_client_that_leaves_in_mid_response_is_billed_for_what_passed(
    proxy: Proxy, fake: FakeProvider, polite: bool
) -> None:
    app = f"leaves-{polite}"
    with raw(proxy.url, app) as socket:
        socket.send(request(metadata={"fake": "hold=3"}))
        while receive(socket)["type"] == "response.created":
            pass
        assert fake.waiting.wait(10)
        if not polite:
            socket.socket.shutdown(2)
    [event] = until(lambda: proxy.events(app_id=app))
    assert (event["status_code"], event["error"]) == (499, "client_disconnected")
    assert (event["usage_estimated"], event["output_tokens"]) == (True, 8)  # of 32 characters
    assert event["input_tokens"] > 0 and event["cost_usd"] > 0
    nothing_is_left(proxy)


def test_a_provider_that_hangs_up_is_seen_by_the_client_and_billed_for_what_passed(
    proxy: Proxy, fake: FakeProvider
) -> None:
    for url in (fake.url, proxy.url):
        with sdk(url, "hangup") as connection:
            with pytest.raises(websockets.exceptions.ConnectionClosedError) as closed:
                answer(connection, "hangup=3")
        assert closed.value.rcvd is None
    [event] = until(lambda: proxy.events(app_id="hangup"))
    assert (event["status_code"], event["error"]) == (502, "upstream_disconnected")
    assert (event["usage_estimated"], event["output_tokens"]) == (True, 8)
    nothing_is_left(proxy)


def test_responses_in_flight_are_billed_when_the_proxy_stops(
    make_proxy: Callable[..., Proxy], fake: FakeProvider
) -> None:
    proxy = make_proxy()
    with raw(proxy.url, "stop") as socket:
        socket.send(request(metadata={"fake": "hold=3"}))
        assert fake.waiting.wait(10)
        while receive(socket)["type"] != "response.output_text.delta":
            pass
        proxy.stop()
    [event] = proxy.events(app_id="stop")
    assert (event["error"], event["usage_estimated"], event["input_tokens"] > 0) == ("proxy_stopped", True, True)


def test_usage_that_is_not_reported_is_estimated(proxy: Proxy) -> None:
    with sdk(proxy.url, "estimate") as connection:
        answer(connection, "usage=0")
    [event] = proxy.events(app_id="estimate")
    assert (event["usage_estimated"], event["output_tokens"]) == (True, 20)


def test_a_get_that_asks_for_no_socket_is_answered_as_before(proxy: Proxy) -> None:
    with pytest.raises(openai.APIStatusError) as error:
        with openai.OpenAI(api_key=KEY, base_url=proxy.url + "/v1", max_retries=0) as client:
            client.get("/responses", cast_to=object)
    assert error.value.status_code == 405


def test_an_upgrade_that_the_provider_refuses_is_refused_as_it_says(proxy: Proxy, fake: FakeProvider) -> None:
    for url in (fake.url, proxy.url):
        with pytest.raises(websockets.exceptions.InvalidStatus) as error:
            with sdk(url, "upgrade", **{"X-Fake": "status=404"}):
                pass
        assert error.value.response.status_code == 404
    assert proxy.events(app_id="upgrade") == []


def test_azures_paths_take_sockets_too(make_proxy: Callable[..., Proxy], fake: FakeProvider) -> None:
    proxy = make_proxy(AZURE_OPENAI_ENDPOINT=fake.url)
    version = "2025-03-01-preview"
    team: Any = {"X-ModelTrack-Team": "azure"}
    dated = openai.AzureOpenAI(
        api_key=KEY, azure_endpoint=proxy.url + "/azure", api_version=version, default_headers=team
    )
    current = openai.OpenAI(api_key=KEY, base_url=proxy.url + "/azure/v1", default_headers=team)
    for client in (dated, current):
        with client, client.responses.connect() as connection:
            assert answer(connection)[-1].type == "response.completed"
    paths = [request.path for request in fake.requests if request.method == "GET"]
    assert paths == [f"/openai/responses?api-version={version}", "/openai/v1/responses"]
    assert [(e["provider"], e["cost_usd"]) for e in proxy.events(team="azure")] == [("azure", COST)] * 2


async def test_sockets_go_through_https_proxy(
    proxy: Proxy, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By the async SDK: the sync one shares its TLS connection between two threads without a lock on Python 3.13.0, so
    that 1 in 50 handshakes hangs with any server that speaks TLS 1.3 (0 in 11,000 with TLS 1.2)."""
    write_bundle(tmp_path / "ca.pem", proxy.confdir)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, proxy.url.replace("http://", "http://tunnel:ws@"))
    async with openai.AsyncOpenAI(api_key=KEY) as client, client.responses.connect() as connection:
        assert (await answer_async(connection))[-1]["type"] == "response.completed"
        with pytest.raises(websockets.exceptions.ConnectionClosedError):
            await answer_async(connection, metadata={"fake": "hangup=2"})
    events = until(lambda: len(found := proxy.events(team="tunnel", app_id="ws")) == 2 and found)
    assert events[0]["cost_usd"] == COST
    assert [request.path for request in fake.requests if request.method == "GET"] == ["/v1/responses"]
    assert "tunnel" not in str(fake.requests[0].headers)
    nothing_is_left(proxy)


def test_a_socket_that_is_only_passed_on_needs_a_budget_that_is_not_spent(gate: Proxy, fake: FakeProvider) -> None:
    def other(team: str) -> ClientConnection:
        url = gate.url.replace("http", "ws") + "/v1/other/responses"
        return connect(url, additional_headers={"X-ModelTrack-Team": team}, proxy=None)

    with other("rich") as socket:
        socket.send(request())
        assert last_of(socket)["type"] == "response.completed"
    requests.post(gate.url + "/v1/responses", json={"model": "gpt-4o"}, headers={"X-ModelTrack-Team": "blocked-other"})
    fake.clear()
    with pytest.raises(websockets.exceptions.InvalidStatus) as error:
        other("blocked-other")
    assert error.value.response.status_code == 429
    assert fake.requests == []


def test_no_other_protocol_follows_on_a_tracked_route(proxy: Proxy, fake: FakeProvider) -> None:
    """A version of WebSocket that mitmproxy does not read would be passed on unread."""
    url = proxy.url + "/v1/responses"
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "a", "Sec-WebSocket-Version": "7"}
    with pytest.raises(requests.ConnectionError):
        requests.get(url, headers=headers, timeout=10)
    assert [request.method for request in fake.requests] == ["GET"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_stays_flat_on_a_long_socket(proxy: Proxy, fake: FakeProvider) -> None:
    def resident() -> int:
        return int(Path(f"/proc/{proxy.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    text = request(input="x" * 300_000, metadata={"fake": "chunks=1"})
    with raw(proxy.url, "long") as socket:
        for number in range(150):
            socket.send(text)
            last_of(socket)
            fake.clear()
            if number == 10:
                before = resident()
        assert resident() - before < 10 * 2**20  # of the 40 MB that have passed


FAULTS = {
    "addons.budget:BudgetGate._admit": "budget_check_failed",
    "addons.websockets:parse_object": "proxy_error",
    "addons.websockets:socket_of": "proxy_error",
    "addons.rules:choose": "",
    "addons.flow.finish:measure": "",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_exception_never_lets_a_message_past_its_budget(faulty: Proxy, fake: FakeProvider, fault: str) -> None:
    with sdk(faulty.url, fault, **{"X-Fault": fault}) as connection:
        last = answer(connection)[-1]
    if FAULTS[fault]:
        assert (last.type, last.error.code) == ("error", FAULTS[fault])
        assert messages(fake) == []
    else:
        assert last.type == "response.completed"
    expected = 0 if fault == "addons.websockets:socket_of" else 1  # nobody knows then whose it was
    assert len(faulty.events(app_id=fault)) == expected
    nothing_is_left(faulty)


@pytest.fixture(scope="module")
def faulty(make_proxy: Callable[..., Proxy]) -> Proxy:
    proxy = make_proxy(start=False, FAULTS=" ".join(FAULTS), FAULT_MESSAGE=PROMPT + KEY)
    proxy.use("mitmdump", SCRIPTS / "faulty.py")
    return proxy.start()
