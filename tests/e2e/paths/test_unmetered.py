"""Test what becomes of requests that may cost money and cannot be metered, and of those that are free."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import post
from tests.e2e.conftest import KEY, PROMPT, Proxy, until
from tests.e2e.proxy.test_connect import open_socket

IMAGES = "/v1/images/generations"
BUDGETS = {
    "budgets": [
        {"team": "covered", "monthly_limit": 1000, "action": "block"},
        {"team": "warned", "monthly_limit": 0.000001, "action": "warn"},
        {"team": "spent", "monthly_limit": 0.000001, "action": "block"},
    ]
}
FREE = [
    ("GET", "/v1/models"),
    ("GET", "/v1/files/f/content"),
    ("DELETE", "/v1/responses/r"),
    ("POST", "/v1/responses/r/cancel"),
    ("POST", "/v1/batches/b/cancel"),
    ("POST", "/v1/messages/batches/b/cancel"),
    ("POST", "/v1/moderations"),
]


@pytest.fixture(scope="module")
def guarding(make_proxy: Callable[..., Proxy]) -> Proxy:
    proxy = make_proxy(files={"budgets.json": BUDGETS})
    assert post(proxy, "spent").ok  # from now on, it is
    return proxy


def ask(proxy: Proxy, team: str, method: str, path: str, **body: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {KEY}", "X-ModelTrack-Team": team}
    if path.startswith("/v1/messages"):
        headers["anthropic-version"] = "2023-06-01"
    return requests.request(method, proxy.url + path, json={"prompt": PROMPT, **body}, headers=headers, timeout=60)


@pytest.mark.parametrize(("method", "path"), FREE)
def test_a_spent_team_can_still_read_cancel_and_delete(
    guarding: Proxy, fake: FakeProvider, method: str, path: str
) -> None:
    before = len(guarding.events())
    assert ask(guarding, "spent", method, path).headers["request-id"] == "req_fake"
    assert [(request.method, request.path) for request in fake.requests] == [(method, path)]
    assert len(guarding.events()) == before


@pytest.mark.parametrize("path", [IMAGES, "/v1/batches", "/v1/new", "/v1/messages/batches"])
@pytest.mark.parametrize("team", ["covered", "spent"])
def test_it_is_refused_where_a_blocking_budget_covers_the_caller(
    guarding: Proxy, fake: FakeProvider, team: str, path: str
) -> None:
    before = guarding.get("/stats")
    answer = ask(guarding, team, "POST", path)
    error = answer.json()["error"]
    assert (answer.status_code, answer.headers["x-should-retry"], error["type"]) == (403, "false", "unmetered")
    assert "UNMETERED=guard" in error["message"]
    assert fake.requests == []
    event = guarding.events(team=team, unmetered=True)[-1]
    assert (event["cost_usd"], event["status_code"], event["error"]) == (None, 403, "unmetered")
    assert event["blocked_by"] == "unmetered"
    after = guarding.get("/stats")
    for name in ("unmetered_requests", "unpriced_requests", "blocked_requests", "untracked_requests"):
        assert after[name] == before[name] + 1, name
    assert after["in_flight"] == before["in_flight"]


@pytest.mark.parametrize("team", ["", "warned"])
def test_elsewhere_it_passes_and_leaves_an_event_without_a_cost(guarding: Proxy, fake: FakeProvider, team: str) -> None:
    before = guarding.get("/stats")
    for path, status, error in ((IMAGES, 200, None), ("/v1/new", 404, "http_404")):
        assert ask(guarding, team, "POST", path).status_code == status
        event = guarding.events(unmetered=True)[-1]
        assert (event["cost_usd"], event["status_code"], event.get("error")) == (None, status, error)
        assert (event["provider"], event.get("team", "")) == ("openai", team)
    assert len(fake.requests) == 2
    after = guarding.get("/stats")
    assert after["unmetered_requests"] == after["unpriced_requests"] == before["unmetered_requests"] + 2
    assert after["in_flight"] == 0 and after["total_cost_usd"] == before["total_cost_usd"]
    assert "has no price" not in guarding.log


@pytest.mark.parametrize(
    ("setting", "team", "status"), [("pass", "covered", 200), ("block", "", 403), ("block", "spent", 403)]
)
def test_unmetered_decides(
    make_proxy: Callable[..., Proxy], fake: FakeProvider, setting: str, team: str, status: int
) -> None:
    proxy = make_proxy(files={"budgets.json": BUDGETS}, UNMETERED=setting)
    assert ask(proxy, team, "POST", IMAGES).status_code == status
    assert len(fake.requests) == (status == 200)
    [event] = proxy.events()
    assert (event["unmetered"], event["cost_usd"], event.get("error")) == (
        True,
        None,
        "unmetered" if status == 403 else None,
    )


def test_a_refused_team_gets_its_answer_before_it_has_sent_its_body(guarding: Proxy, fake: FakeProvider) -> None:
    with open_socket(guarding) as raw:
        head = f"POST {IMAGES} HTTP/1.1\r\nHost: x\r\nX-ModelTrack-Team: covered\r\nContent-Length: 1000000\r\n\r\n"
        raw.sendall(head.encode())
        assert raw.recv(65536).startswith(b"HTTP/1.1 403 ")
    assert fake.requests == []


def test_one_whose_client_goes_has_its_event_too(guarding: Proxy, fake: FakeProvider) -> None:
    before = len(guarding.events(unmetered=True))
    with open_socket(guarding) as raw:
        raw.sendall(f"POST {IMAGES} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx".encode())
    event = until(lambda: guarding.events(unmetered=True)[before:])[0]
    assert (event["cost_usd"], event["status_code"], event["error"]) == (None, 499, "client_disconnected")
    assert guarding.get("/stats")["in_flight"] == 0


def test_one_whose_provider_cannot_be_reached_has_its_event_too(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy(OPENAI_BASE_URL="http://127.0.0.1:1")
    assert ask(proxy, "", "POST", IMAGES).status_code == 502
    [event] = proxy.events(unmetered=True)
    assert (event["cost_usd"], event["status_code"], event["error"]) == (None, 502, "upstream_disconnected")


def test_a_websocket_that_is_not_metered_is_no_reading(guarding: Proxy, fake: FakeProvider) -> None:
    url = guarding.url.replace("http", "ws") + "/v1/realtime?model=gpt-realtime"
    with pytest.raises(InvalidStatus) as refused, connect(url, additional_headers={"X-ModelTrack-Team": "covered"}):
        pass
    assert refused.value.response.status_code == 403
    assert fake.requests == []
    with connect(url, additional_headers={"X-ModelTrack-Team": "realtime"}):
        [event] = until(lambda: guarding.events(team="realtime"))
    assert (event["unmetered"], event["cost_usd"], event["status_code"]) == (True, None, 101)
