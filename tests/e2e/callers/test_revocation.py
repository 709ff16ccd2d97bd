"""A key that is disabled is refused within a second, and so is what it has opened."""

import http.client
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import websockets.exceptions
from websockets.sync.client import ClientConnection, connect

from demo.fake_provider.server import FakeProvider
from tests.e2e.callers.people import KEYS, keys_file
from tests.e2e.callers.test_spoofing import opened
from tests.e2e.callers.ways import CHAT
from tests.e2e.conftest import Proxy, until
from tests.e2e.websocket.talk import last_of, messages, receive, request

KEY = KEYS["chatbot"]
DISABLED, DELETED = keys_file(chatbot={"disabled": True}), {"keys": keys_file()["keys"][1:]}
SECONDS = 1.0


@pytest.fixture(scope="module")
def one(start: Callable[..., Proxy]) -> Proxy:
    return start(CALLERS="keys")


@pytest.fixture(autouse=True)
def valid(one: Proxy) -> None:
    """Begin each test with a key that is valid."""
    one.write("keys.json", keys_file())
    connection = http.client.HTTPConnection(one.url[7:], timeout=60)
    until(lambda: ask(connection)[0] == 200)
    connection.close()


@pytest.fixture
def fresh(valid: None, fake: FakeProvider) -> FakeProvider:
    """The provider, which has forgotten what came before the test."""
    fake.clear()
    return fake


def ask(connection: http.client.HTTPConnection, key: str = KEY) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    connection.request("POST", "/v1/chat/completions", json.dumps(CHAT), headers | {"X-ModelTrack-No-Cache": "1"})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def revoke(proxy: Proxy, content: dict[str, Any] = DISABLED) -> float:
    """Write keys.json without the key, and return when that was."""
    proxy.write("keys.json", content)
    return time.monotonic()


def refused(connection: http.client.HTTPConnection) -> tuple[int, Any]:
    """Ask until the answer is another one than 200."""
    answers: list[tuple[int, Any]] = []

    def is_refused() -> bool:
        answers.append(ask(connection))
        return answers[-1][0] != 200

    until(is_refused)
    return answers[-1]


@pytest.mark.parametrize("content", [DISABLED, DELETED], ids=["disabled", "deleted"])
def test_the_next_request_on_an_open_connection_is_refused(one: Proxy, content: dict[str, Any]) -> None:
    connection = http.client.HTTPConnection(one.url[7:], timeout=60)
    assert ask(connection)[0] == 200
    kept = connection.sock
    began = revoke(one, content)
    status, body = refused(connection)
    assert time.monotonic() - began < SECONDS
    # One that had begun when the key was revoked is told so in other words.
    assert status == 401 and "past its end" in body["error"]["message"]
    assert connection.sock is kept
    connection.close()
    others = http.client.HTTPConnection(one.url[7:], timeout=60)
    assert ask(others, KEYS["evals"])[0] == 200
    others.close()


def socket_of(proxy: Proxy) -> ClientConnection:
    headers = {"Authorization": f"Bearer {KEY}"}
    return connect(proxy.url.replace("http", "ws") + "/v1/responses", additional_headers=headers, proxy=None)


def test_an_open_websocket_gets_an_error_and_is_closed(one: Proxy, fresh: FakeProvider) -> None:
    with socket_of(one) as socket:
        socket.send(request())
        assert last_of(socket)["type"] == "response.completed"
        began = revoke(one)
        error = receive(socket)
        assert (error["type"], error["status"]) == ("error", 401)
        assert "past its end" in error["error"]["message"]
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            socket.recv(timeout=20)
        assert time.monotonic() - began < SECONDS
    assert len(messages(fresh)) == 1


def test_a_response_that_it_waits_for_is_billed(one: Proxy, fresh: FakeProvider) -> None:
    before = len(one.events())
    with socket_of(one) as socket:
        socket.send(request(metadata={"fake": "hold=3"}))
        assert receive(socket)["type"] == "response.created"
        assert fresh.waiting.wait(60)
        revoke(one)
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            while True:
                socket.recv(timeout=20)
    [event] = until(lambda: one.events()[before:])
    assert (event["team"], event["app_id"]) == ("Product", "chatbot") and event["cost_usd"] > 0
    until(lambda: (stats := one.get("/stats"))["in_flight"] == 0 and stats["reserved_usd"] == 0)


@pytest.mark.parametrize("with_header", [False, True])
def test_an_open_tunnel_is_closed(one: Proxy, bundle: str, with_header: bool) -> None:
    connection = opened(one, bundle, user=f"any:{KEY}")
    assert ask(connection, KEYS["evals"] if with_header else "")[0] == 200
    began = revoke(one)
    assert connection.sock.recv(1) == b""
    assert time.monotonic() - began < SECONDS
    connection.close()


def test_a_key_in_the_requests_of_a_tunnel_is_refused_and_the_tunnel_stays(one: Proxy, bundle: str) -> None:
    connection = opened(one, bundle)
    assert ask(connection)[0] == 200
    began = revoke(one)
    status, _ = refused(connection)
    assert time.monotonic() - began < SECONDS and status == 401
    assert ask(connection, KEYS["evals"])[0] == 200
    connection.close()


@pytest.mark.parametrize("content", [{"keys": [{"id": "chatbot"}]}, None], ids=["invalid", "gone"])
def test_a_file_that_cannot_be_used_changes_nothing(one: Proxy, content: Any) -> None:
    connection = http.client.HTTPConnection(one.url[7:], timeout=60)
    if content:
        one.write("keys.json", content)
    else:
        (one.data / "keys.json").unlink()
    until(lambda: "keys.json" in str(one.get("/stats")["config_errors"]))
    assert ask(connection)[0] == 200
    one.write("keys.json", {"keys": []})
    until(lambda: ask(connection)[0] == 401)
    assert not one.get("/stats")["config_errors"]
    connection.close()
