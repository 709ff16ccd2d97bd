"""Budgets in a running proxy: blocking, warning, reloading, and never passed because of a failure."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from addons.ledger.events import CostEvent
from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import post
from tests.e2e.conftest import KEY, PROMPT, Proxy, until


def budgets(*rows: tuple[str, str, float, str]) -> dict[str, Any]:
    names = ("team", "app", "monthly_limit", "action")
    return {"budgets": [dict(zip(names, row, strict=True)) for row in rows]}


@pytest.fixture(scope="module")
def gate(make_proxy: Callable[..., Proxy]) -> Proxy:
    rows = [
        ("blocked", "", 0.006, "block"),
        ("cached", "", 0.006, "block"),
        ("apps", "small", 0.006, "block"),
        ("apps", "", 100, "block"),
        ("warned", "", 0.006, "warn"),
        ("near", "", 0.0066, "block"),
        ("burst", "", 0.05, "block"),
        ("open", "", 1000, "block"),
    ]
    return make_proxy(files={"budgets.json": budgets(*rows)})


def test_a_team_over_its_blocking_budget_is_refused_and_costs_nothing(gate: Proxy, fake: FakeProvider) -> None:
    assert post(gate, "blocked").status_code == 200
    refused = post(gate, "blocked", "any")
    assert refused.status_code == 429
    assert refused.headers["x-should-retry"] == "false"
    error = refused.json()["error"]
    assert error["type"] == "budget_exceeded"
    assert error["message"].startswith("Team 'blocked' has exceeded monthly budget of $0.006 (current: $0.006)")
    assert len(fake.requests) == 1
    [event] = gate.events(team="blocked", status_code=429)
    assert (event["blocked_by"], event["cost_usd"], event["error"]) == ("budget", 0, "budget_exceeded")
    assert gate.get("/stats")["blocked_requests"] >= 1


def test_what_is_in_the_cache_is_refused_to_such_a_team_too(gate: Proxy) -> None:
    answers = [post(gate, "cached", may_be_cached=True) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    hit = post(gate, "open", may_be_cached=True)
    assert hit.headers["X-ModelTrack-Cache"] == "HIT"


def test_other_calls_of_such_a_team_are_refused_unless_they_are_free(gate: Proxy) -> None:
    until(lambda: post(gate, "blocked").status_code == 429)
    assert post(gate, "blocked", path="/v1/images/generations").status_code == 403
    version = {"anthropic-version": "2023-06-01"}
    assert post(gate, "blocked", path="/v1/messages/count_tokens", headers=version).status_code == 200
    headers = {"X-ModelTrack-Team": "blocked", "x-api-key": KEY}
    assert requests.get(gate.url + "/v1/models", headers=headers, timeout=10).status_code == 200


def test_an_apps_budget_covers_that_app_alone(gate: Proxy) -> None:
    assert post(gate, "apps", "small").status_code == 200
    refused = post(gate, "apps", "small")
    assert refused.status_code == 429
    assert "app 'small'" in refused.json()["error"]["message"]
    assert post(gate, "apps", "large").status_code == 200
    assert post(gate, "apps").status_code == 200


def test_a_warning_budget_lets_through_and_says_so(gate: Proxy) -> None:
    assert "X-ModelTrack-Budget-Warning" not in post(gate, "warned").headers
    over = post(gate, "warned")
    assert over.status_code == 200
    assert over.headers["X-ModelTrack-Budget-Warning"] == "Team 'warned' at 100% of monthly budget ($0.006/$0.006)"
    assert "Team 'warned' at 100% of monthly budget" in gate.log


def test_any_budget_from_80_percent_on_warns(gate: Proxy) -> None:
    post(gate, "near")
    warned = post(gate, "near", max_tokens=1, stream=True)
    assert warned.headers["X-ModelTrack-Budget-Warning"] == "Team 'near' at 90% of monthly budget ($0.006/$0.0066)"


@pytest.mark.parametrize("stream", [False, True])
def test_a_burst_overshoots_by_one_request_at_most_and_leaves_nothing_reserved(
    make_proxy: Callable[..., Proxy], stream: bool
) -> None:
    proxy = make_proxy(files={"budgets.json": budgets(("burst", "", 0.05, "block"))})
    messages = [{"role": "user", "content": PROMPT + "x" * 4000}]  # what the fake provider says that it is
    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda _: post(proxy, "burst", stream=stream, messages=messages), range(200)))
    assert {answer.status_code for answer in answers} == {200, 429}
    spent = sum(round(event["cost_usd"] * 10**9) for event in proxy.events())
    assert 50_000_000 - 6_000_000 <= spent <= 56_000_000
    assert len(proxy.events()) == 200
    until(lambda: proxy.get("/stats")["in_flight"] == 0)
    assert proxy.get("/stats")["reserved_usd"] == 0


def test_a_reserved_budget_asks_for_another_try(gate: Proxy, fake: FakeProvider) -> None:
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(post, gate, "burst", fake="hold=1", max_tokens=4000)
        assert fake.waiting.wait(60)
        assert 0.06 < gate.get("/stats")["reserved_usd"] < 0.0603
        refused = post(gate, "burst")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
        assert "x-should-retry" not in refused.headers
        fake.release()
        assert held.result().status_code == 200
    assert post(gate, "burst").status_code == 200


def test_spend_is_rebuilt_from_the_log_at_the_start(make_proxy: Callable[..., Proxy]) -> None:
    def event(month: datetime, usd: int) -> bytes:
        return CostEvent(
            timestamp=month, provider="p", model="m", cost_nanos=usd * 10**9, latency_ms=1, status_code=200,
            is_streaming=False, team="old",
        ).line() + b"\n"  # fmt: skip

    now = datetime.now(UTC)
    last_month = now.replace(year=now.year - 1)
    proxy = make_proxy(files={"budgets.json": budgets(("old", "", 20, "block"))}, start=False)
    (proxy.data / "cost_events.jsonl").write_bytes(event(last_month, 500) + event(now, 7) + b'{"torn":')
    proxy.start()
    proxy.ready()
    assert proxy.get("/stats")["budgets"][0]["spend_usd"] == 7
    assert post(proxy, "old").status_code == 200
    lines = (proxy.data / "cost_events.jsonl").read_bytes().splitlines()
    assert lines[2] == b'{"torn":' and json.loads(lines[3])["team"] == "old"


@pytest.mark.parametrize("how", ["rename", "rewrite", "symlink"])
def test_budgets_take_effect_as_they_change(make_proxy: Callable[..., Proxy], how: str) -> None:
    proxy = make_proxy(files={"budgets.json": budgets()})
    post(proxy, "later")
    path = proxy.data / "budgets.json"
    content = json.dumps(budgets(("later", "", 0.001, "block")))
    match how:
        case "rename":
            proxy.write("budgets.json", content)
        case "rewrite":
            path.write_text(content)
        case "symlink":
            (proxy.data / "v2.json").write_text(content)
            (proxy.data / "link").symlink_to("v2.json")
            Path(proxy.data / "link").replace(path)
    until(lambda: post(proxy, "later").status_code == 429)


def test_a_broken_file_leaves_the_last_good_one_in_force_and_is_shown(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy(files={"budgets.json": budgets(("kept", "", 0.001, "block"))})
    post(proxy, "kept")
    broken = budgets(("kept", "", 100, "block"), ("kept", "a", 100, "warn"), ("x", "", 0, "warn"))
    proxy.write("budgets.json", broken)
    message = "budgets.json: budgets.2.monthly_limit: must be greater than 0"
    until(lambda: proxy.get("/stats")["config_errors"] == [message])
    until(lambda: message in proxy.log)
    assert post(proxy, "kept").status_code == 429
    proxy.write("budgets.json", budgets(("kept", "", 100, "block")))
    until(lambda: proxy.get("/stats")["config_errors"] == [])
    assert post(proxy, "kept").status_code == 200


@pytest.mark.parametrize(("mode", "status"), [("closed", 503), ("open", 200)])
def test_while_events_cannot_be_written_a_blocking_budget_follows_its_failure_mode(
    make_proxy: Callable[..., Proxy], mode: str, status: int
) -> None:
    """The data folder goes and comes back; no event is lost, and their order is kept."""
    proxy = make_proxy(files={"budgets.json": budgets(("b", "", 5, "block"))}, BUDGET_FAILURE_MODE=mode)
    post(proxy, "nobody", "1")
    gone = proxy.data.rename(proxy.data.with_name("gone"))
    proxy.data.write_text("in the way")
    until(lambda: proxy.get("/stats")["event_log"]["error"])
    assert post(proxy, "nobody", "2").status_code == 200
    assert post(proxy, "b", "3").status_code == status
    assert post(proxy, "nobody", "4").status_code == 200
    assert proxy.get("/stats")["event_log"]["waiting"] == 3
    proxy.data.unlink()
    gone.rename(proxy.data)
    until(lambda: proxy.get("/stats")["event_log"]["waiting"] == 0)
    assert [event["app_id"] for event in proxy.events()] == ["1", "2", "3", "4"]
    assert post(proxy, "b").status_code == 200
