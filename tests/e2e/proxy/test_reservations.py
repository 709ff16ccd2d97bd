"""Check in a running proxy that reservations are near what calls cost, and learn where a body does not say it."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import OPENAI, post, send
from tests.e2e.conftest import PROMPT, Proxy, until
from tests.e2e.websocket.talk import last_of, raw
from tests.e2e.websocket.talk import request as ask

INPUT, OUTPUT = 2.5e-6, 1e-5
"""USD for a token of gpt-4o."""


def budget(limit: float) -> dict[str, Any]:
    return {"budgets": [{"team": "burst", "monthly_limit": limit, "action": "block"}]}


def unlimited(proxy: Proxy, fake: str, team: str = "burst") -> requests.Response:
    """Make a call whose body does not limit the answer; the fake provider's costs $0.0825."""
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": PROMPT}]}
    names = {"X-ModelTrack-Team": team, "X-ModelTrack-No-Cache": "true", "X-Fake": f"output_tokens=8000,{fake}"}
    return send(proxy.url + OPENAI, body, **names)


def burst(proxy: Proxy, fake: FakeProvider) -> float:
    """Make 60 calls that are all under way at once, and return what they cost."""
    before = len(proxy.events())
    fake.clear()
    with ThreadPoolExecutor(60) as pool:
        calls = [pool.submit(unlimited, proxy, "hold=1") for _ in range(60)]
        until(lambda: sum(call.done() for call in calls) + len(fake.requests) == 60)
        fake.release()
        answers = [call.result().status_code for call in calls]
    assert set(answers) == {200, 429}
    until(lambda: proxy.get("/stats")["reserved_usd"] == 0)
    return sum(event["cost_usd"] for event in proxy.events()[before:])


def test_a_burst_without_limits_overshoots_by_one_call_once_ten_such_calls_have_been_seen(
    make_proxy: Callable[..., Proxy], fake: FakeProvider
) -> None:
    proxy = make_proxy(files={"budgets.json": budget(100)})
    assert {unlimited(proxy, "").status_code for _ in range(10)} == {200}
    spent = proxy.get("/stats")["budgets"][0]["spend_usd"]
    assert spent == pytest.approx(0.825)
    proxy.write("budgets.json", budget(spent + 0.5))
    until(lambda: proxy.get("/stats")["budgets"][0]["monthly_limit_usd"] < 2)
    assert 0.5 <= burst(proxy, fake) < 0.5 + 0.083


def test_before_that_a_burst_overshoots_by_what_answers_have_over_the_default(
    make_proxy: Callable[..., Proxy], fake: FakeProvider
) -> None:
    proxy = make_proxy(files={"budgets.json": budget(0.5)})
    cost = burst(proxy, fake)
    assert 0.5 + 0.083 < cost < 0.5 * 8000 / 4096 + 2 * 0.083


def test_a_response_on_a_websocket_learns_and_reserves_likewise(proxy: Proxy, fake: FakeProvider) -> None:
    with raw(proxy.url, "ws", "ws") as socket:
        socket.send(ask(metadata={"fake": "output_tokens=8000"}))
        assert last_of(socket)["type"] == "response.completed"
        socket.send(ask(metadata={"fake": "hold=1"}))
        assert fake.waiting.wait(60)
        assert 0.08 < proxy.get("/stats")["reserved_usd"] < 0.083
        fake.release()
        assert last_of(socket)["type"] == "response.completed"
    until(lambda: proxy.get("/stats")["reserved_usd"] == 0)


PDF = base64.b64encode(b"%PDF-1.7\n" + bytes(3_000_000)).decode()


@pytest.mark.parametrize(
    ("path", "body", "least", "most"),
    [
        (OPENAI, {"n": 128, "max_tokens": 16384}, 2_097_152 * OUTPUT, 2_097_200 * OUTPUT),
        ("/v1/completions", {"prompt": ["a", "b"], "max_tokens": 1000, "best_of": 20}, 40_000 * OUTPUT, 0.4001),
        (
            OPENAI,
            {"max_tokens": 1, "messages": [{"role": "user", "content": "data:image/png;base64," + "word " * 200_000}]},
            250_000 * INPUT,
            251_000 * INPUT,
        ),
        (
            OPENAI,
            {
                "max_tokens": 1,
                "messages": [
                    {"role": "user", "content": [{"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}}]}
                ],
            },
            50_000 * INPUT,
            200_000 * INPUT,
        ),
    ],
    ids=["choices", "prompts", "text", "pdf"],
)
def test_what_a_call_reserves(
    proxy: Proxy,
    fake: FakeProvider,
    request: pytest.FixtureRequest,
    path: str,
    body: dict[str, Any],
    least: float,
    most: float,
) -> None:
    team = request.node.name  # one of its own, so that no call learns from another
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(post, proxy, team, path=path, fake="hold=1", **{"model": "gpt-4o", **body})
        until(lambda: proxy.get("/stats")["reserved_usd"])
        assert least <= proxy.get("/stats")["reserved_usd"] <= most
        assert fake.waiting.wait(60)
        fake.release()
        assert held.result().status_code == 200
    until(lambda: proxy.get("/stats")["reserved_usd"] == 0)
