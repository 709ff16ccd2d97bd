"""Test that a message on a WebSocket is refused by an event, and that the socket stays usable."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import websockets.exceptions
from websockets.sync.client import ClientConnection, connect

from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import KEY, PROMPT, SCRIPTS, Proxy, until
from tests.e2e.websocket.talk import (
    COST,
    answer,
    last_of,
    messages,
    nothing_is_left,
    raw,
    receive,
    request,
    sdk,
    until_final,
)


@pytest.mark.parametrize("team", ["blocked", "closed"])
def test_a_refused_response_is_an_error_event_and_the_socket_stays_usable(
    gate: Proxy, fake: FakeProvider, team: str
) -> None:
    """One team's budget is spent; a rule refuses the other team's model."""
    with sdk(gate.url, team, team) as connection:
        assert answer(connection)[-1].type == "response.completed"
        reached = len(messages(fake))
        for lane in ({}, {"stream_id": "a"}):
            [error] = answer(connection, **lane)
            assert (error.type, error.status, error.stream_id) == ("error", 429, lane.get("stream_id"))
            assert error.error.headers["x-should-retry"] == "false"
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
        assert fake.waiting.wait(60)
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


def test_after_a_downgraded_response_is_refused_the_next_one_keeps_its_model(gate: Proxy, fake: FakeProvider) -> None:
    with sdk(gate.url, "learns", team="down") as connection:
        answer(connection)  # spends the budget, if no other test has
        fake.clear()
        [refused] = answer(connection, "status=400", temperature=0.5)
        answered = answer(connection, temperature=0.7)
        other_shape = answer(connection)
    assert (refused.type, refused.status) == ("error", 400)
    assert (answered[-1].response.model, other_shape[-1].response.model) == ("gpt-4o", "gpt-4o-mini")
    assert [message["model"] for message in messages(fake)] == ["gpt-4o-mini", "gpt-4o", "gpt-4o-mini"]


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


def test_a_socket_that_is_only_passed_on_is_refused_where_a_budget_covers_it(gate: Proxy, fake: FakeProvider) -> None:
    def other(team: str) -> ClientConnection:
        url = gate.url.replace("http", "ws") + "/v1/other/responses"
        return connect(url, additional_headers={"X-ModelTrack-Team": team}, proxy=None)

    with other("nobodys") as socket:
        socket.send(request())
        assert last_of(socket)["type"] == "response.completed"
    fake.clear()
    with pytest.raises(websockets.exceptions.InvalidStatus) as error:
        other("blocked-other")
    assert error.value.response.status_code == 403
    assert fake.requests == []


FAULTS = {
    "addons.flow.admission:Admission.admit": "budget_check_failed",
    "addons.websockets:parse_object": "proxy_error",
    "addons.websockets:socket_of": "proxy_error",
    "addons.flow.downgrade:choose": "",
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
