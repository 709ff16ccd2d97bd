"""Test what answers of a running proxy say of their call and budgets, and what the holder of a key can read."""

import socket
from collections.abc import Callable
from contextlib import nullcontext
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
import requests

from addons.callers.keys import new_key, sha256
from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import OPENAI, post
from tests.e2e.conftest import Proxy, free_port, until

BUDGETS = {
    "budgets": [
        {"team": "t", "monthly_limit": 100, "action": "block"},
        {"team": "t", "app": "small", "monthly_limit": 0.05, "action": "warn"},
        {"team": "broke", "monthly_limit": 0.000001, "action": "block"},
    ]
}
CALL, COST, LEFT = "X-ModelTrack-Call", "X-ModelTrack-Cost", "X-ModelTrack-Budget-Remaining"
PRICE, SMALL = Decimal("0.006"), Decimal("0.05")


@pytest.fixture(scope="module", params=["true", "false"], ids=["fast", "plain"])
def told(request: pytest.FixtureRequest, make_proxy: Callable[..., Proxy]) -> Proxy:
    return make_proxy(files={"budgets.json": BUDGETS}, MODELTRACK_FAST_DISPATCH=request.param).ready()


def dollars(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value.removeprefix("$"))


def test_the_headers_of_many_answers_add_up_to_the_events(told: Proxy) -> None:
    left = SMALL
    for index in range(6):
        is_stream = bool(index % 2)
        answer = post(told, "t", "small", stream=is_stream)
        event = until(lambda answer=answer: told.events(event_id=answer.headers[CALL]))[0]  # type: ignore[misc]
        assert event["cost_usd"] == 0.006 and event["is_streaming"] == is_stream
        assert dollars(answer.headers.get(COST)) == (None if is_stream else PRICE)
        assert dollars(answer.headers[LEFT]) == (left if is_stream else left - PRICE)
        left -= PRICE


def test_hits_refusals_and_errors_name_their_events(told: Proxy) -> None:
    first, hit = (post(told, "t", "hits", may_be_cached=True) for _ in range(2))
    assert hit.headers["X-ModelTrack-Cache"] == "HIT" and hit.headers[COST] == "$0.00"
    assert hit.headers[LEFT] == first.headers[LEFT]
    assert post(told, "broke").headers[LEFT] == "$0.00"
    refused, failed = post(told, "broke"), post(told, "t", fake="status=529")
    assert (refused.status_code, refused.headers[LEFT], refused.headers[COST]) == (429, "$0.00", "$0.00")
    assert (failed.status_code, failed.headers[COST]) == (529, "$0.00")
    unmetered = post(told, path="/v1/images/generations")
    assert COST not in unmetered.headers and LEFT not in unmetered.headers
    for answer in (first, hit, refused, failed, unmetered):
        # What is passed on as a stream has its event once all of it has gone out.
        [event] = until(lambda answer=answer: told.events(event_id=answer.headers[CALL]))  # type: ignore[misc]
        assert event["status_code"] == answer.status_code
    free = requests.get(told.url + "/v1/models", timeout=60)
    assert free.ok and CALL not in free.headers


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("tells", ["reset", "closed"])
def test_a_502_names_its_event(make_proxy: Callable[..., Proxy], tells: str, stream: bool) -> None:
    port = free_port()
    proxy = make_proxy(ANTHROPIC_BASE_URL=f"http://127.0.0.1:{port}")
    with socket.create_server(("127.0.0.1", port)) if tells == "reset" else nullcontext() as server:
        if server:
            Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
        answer = post(proxy, "t", stream=stream)
    [event] = proxy.events(event_id=answer.headers[CALL])
    kind = "upstream_disconnected" if server else "upstream_unreachable"
    assert (answer.status_code, event["status_code"], event["error"]) == (502, 502, kind)


def test_a_proxy_before_another_one_replaces_what_that_one_says(told: Proxy, make_proxy: Callable[..., Proxy]) -> None:
    before = make_proxy(OPENAI_BASE_URL=told.url)
    for stream in (False, True):
        answer = post(before, "t", "small", OPENAI, stream=stream)
        assert answer.status_code == 200 and answer.raw.headers.getlist(CALL) == [answer.headers[CALL]]
        assert LEFT not in answer.headers, "the one that the client asked has no budgets"
        assert until(lambda answer=answer: before.events(event_id=answer.headers[CALL]))  # type: ignore[misc]
        assert not told.events(event_id=answer.headers[CALL])


def test_the_holder_of_a_key_reads_its_budgets(make_proxy: Callable[..., Proxy], fake: FakeProvider) -> None:
    key = new_key()
    entry = {"id": "small-1", "sha256": sha256(key), "team": "t", "app": "small"}
    proxy = make_proxy(
        files={"budgets.json": BUDGETS, "keys.json": {"keys": [entry]}}, STATUS_TOKEN="s3cr3t-f00-status"
    )
    proxy.ready()

    def me(**headers: str) -> requests.Response:
        return requests.get(proxy.url + "/modeltrack/me", headers=headers, timeout=60)

    post(proxy, "t", "small")
    found: dict[str, Any] = me(Authorization=f"Bearer {key}").json()
    assert (found["key_id"], found["team"], found["app"]) == ("small-1", "t", "small")
    left = {(budget["team"], budget["app"]): (budget["spend_usd"], budget["left_usd"]) for budget in found["budgets"]}
    assert left == {("t", ""): (0.006, 99.994), ("t", "small"): (0.006, 0.044)}
    for headers in ({}, {"Authorization": "Bearer s3cr3t-f00-status"}, {"x-api-key": new_key()}):
        assert me(**headers).status_code == 401
    assert len(fake.requests) == 1
