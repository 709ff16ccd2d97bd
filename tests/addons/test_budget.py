"""Test Budgets as an addon: who is let through, with which reservation, and what refused clients are told."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import taddons, tutils

from addons.budget import WARNING_HEADER, Budgets
from addons.core import Core
from addons.flow.admission import Admission
from addons.flow.attached import call_of, untracked_call
from addons.ledger.windows import window_of
from addons.routing import Routing

from .cores import answer, arrived, made, spend, started

DOLLAR = 10**9
FILES = {
    "budgets.json": {
        "budgets": [
            {"team": "blocked", "monthly_limit": 1, "action": "block"},
            {"team": "warned", "monthly_limit": 1, "action": "warn"},
        ]
    }
}


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with started(tmp_path, FILES) as core:
        yield core


@pytest.fixture
def budgets(core: Core) -> Iterator[Budgets]:
    budgets = Budgets(core, Admission(core))
    with taddons.context(budgets):
        yield budgets


def asked(core: Core, budgets: Budgets, team: str) -> http.HTTPFlow:
    flow = arrived(core, team=team)
    assert budgets.request(flow) is None, "the ledger is ready, so nothing is waited for"
    return flow


@pytest.mark.parametrize(
    ("body", "is_prewarm"),
    [({"generate": False}, True), ({"generate": True}, False), ({"generate": None}, False), ({"generate": 0}, False)],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_prewarm_reserves_no_output_and_is_not_answered_from_the_cache(
    core: Core, budgets: Budgets, body: dict[str, Any], is_prewarm: bool, stream: bool
) -> None:
    output = DOLLAR // 100  # 1000 tokens of gpt-4o
    asks = {"model": "gpt-4o", "input": "word" * 1000, "max_output_tokens": 1000, "stream": stream}
    flow = arrived(core, "/v1/responses", asks | body, team="warned")
    budgets.request(flow)
    call = call_of(flow)
    assert call and call.request and call.request.prewarm == is_prewarm and call.no_cache == is_prewarm
    assert 0 < core.ledger.reserved_nanos - (0 if is_prewarm else output) < output


def test_an_admitted_call_holds_a_reservation_of_what_it_may_cost(core: Core, budgets: Budgets) -> None:
    flow = asked(core, budgets, "blocked")
    call = call_of(flow)
    assert call and call.ticket and flow.response is None
    assert core.ledger.reserved_nanos == call.ticket.nanos > 0


def test_a_spent_budget_is_a_429_that_no_sdk_tries_again(core: Core, budgets: Budgets) -> None:
    spend(core, DOLLAR, "blocked")
    flow = asked(core, budgets, "blocked")
    assert flow.response and (flow.response.status_code, flow.response.headers["x-should-retry"]) == (429, "false")
    assert answer(flow)["error"]["message"].startswith(
        "Team 'blocked' has exceeded monthly budget of $1.00 (current: $1.00)"
    )
    call = call_of(flow)
    assert call and (call.blocked_by, call.error) == ("budget", "budget_exceeded")
    assert core.ledger.reserved_nanos == 0


@pytest.mark.parametrize("status", [429, 402])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/images/generations"])
def test_the_status_of_a_spent_budget_is_that_of_refusal_status(tmp_path: Path, status: int, path: str) -> None:
    with started(tmp_path, FILES, refusal_status=status, unmetered="pass") as core:
        spend(core, DOLLAR, "blocked")
        body = {"model": "gpt-4o", "input": "hi", "messages": []}
        budgets, flow = Budgets(core, Admission(core)), made(path, body, team="blocked")
        for hook in (Routing(core).requestheaders, budgets.requestheaders, Routing(core).request, budgets.request):
            hook(flow)
        assert flow.response and flow.response.status_code == status
        error = answer(flow)["error"]
        assert error["type" if error.get("code") is None else "code"] == "budget_exceeded"
        if "code" in error:
            assert error["resets_at"] == window_of(core.now()).starts_anew.timestamp() > core.now().timestamp()


@pytest.mark.parametrize("status", [429, 402])
def test_a_budget_that_is_only_reserved_stays_a_429(tmp_path: Path, status: int) -> None:
    with started(tmp_path, FILES, refusal_status=status) as core:
        core.ledger.reserve("blocked", "", DOLLAR, "another")
        flow = asked(core, Budgets(core, Admission(core)), "blocked")
        assert flow.response and flow.response.status_code == 429


def test_a_budget_that_calls_in_flight_hold_asks_for_another_try(core: Core, budgets: Budgets) -> None:
    core.ledger.reserve("blocked", "", DOLLAR, "another")
    flow = asked(core, budgets, "blocked")
    assert flow.response and (flow.response.status_code, flow.response.headers["Retry-After"]) == (429, "1")
    assert answer(flow)["error"]["type"] == "budget_reserved"


@pytest.mark.parametrize(("spent", "warns"), [(79, False), (80, True), (150, True)])
def test_from_80_percent_on_the_answer_carries_a_warning(core: Core, budgets: Budgets, spent: int, warns: bool) -> None:
    spend(core, DOLLAR * spent // 100, "warned")
    flow = asked(core, budgets, "warned")
    flow.response = tutils.tresp()
    budgets.responseheaders(flow)
    text = f"Team 'warned' at {spent}% of monthly budget ($"
    assert flow.response.headers.get(WARNING_HEADER, "").startswith(text if warns else "")
    assert (WARNING_HEADER in flow.response.headers) is warns


def test_a_request_that_was_answered_already_reserves_nothing(core: Core, budgets: Budgets) -> None:
    flow = arrived(core, team="blocked")
    flow.response = tutils.tresp()
    budgets.request(flow)
    assert core.ledger.reserved_nanos == 0


FREE = [("GET", "/v1/files"), ("DELETE", "/v1/files/f"), ("POST", "/v1/responses/r/cancel"), ("POST", "/v1/files")]
UNMETERED = [("POST", "/v1/images/generations"), ("POST", "/v1/batches"), ("POST", "/v1/new"), ("PUT", "/v1/files/f")]


def decided(core: Core, method: str, path: str, team: str, **headers: str) -> http.HTTPFlow:
    flow = made(path, method=method, team=team)
    flow.request.headers.update(headers)
    Routing(core).requestheaders(flow)
    Budgets(core, Admission(core)).requestheaders(flow)
    return flow


@pytest.mark.parametrize(("method", "path"), FREE)
@pytest.mark.parametrize("setting", ["pass", "guard", "block"])
def test_a_spent_team_may_still_cancel_delete_and_read(tmp_path: Path, setting: str, method: str, path: str) -> None:
    with started(tmp_path, FILES, unmetered=setting) as core:
        spend(core, DOLLAR, "blocked")
        flow = decided(core, method, path, "blocked")
        assert flow.response is None and flow.request.stream and core.live == {}


@pytest.mark.parametrize(("method", "path"), UNMETERED)
@pytest.mark.parametrize(
    ("setting", "team", "spent", "status"),
    [
        ("pass", "warned", True, None),
        ("pass", "blocked", False, None),
        ("pass", "blocked", True, 429),
        ("guard", "warned", True, None),
        ("guard", "nobody", True, None),
        ("guard", "blocked", False, 403),
        ("guard", "blocked", True, 403),
        ("block", "nobody", False, 403),
        ("block", "blocked", True, 403),
    ],
)
def test_what_may_cost_money_and_cannot_be_metered_follows_unmetered(
    tmp_path: Path, setting: str, team: str, spent: bool, status: int | None, method: str, path: str
) -> None:
    with started(tmp_path, FILES, unmetered=setting) as core:
        if spent:
            spend(core, DOLLAR, team)
        flow = decided(core, method, path, team)
        assert (flow.response.status_code if flow.response else None) == status
        if status == 403:
            assert f"UNMETERED={setting}" in answer(flow)["error"]["message"]
            assert flow.response and flow.response.headers["x-should-retry"] == "false"
        call = untracked_call(flow)
        assert call and call.blocked_by == {None: "", 429: "budget", 403: "unmetered"}[status]


@pytest.mark.parametrize("path", ["/v1/realtime", "/v1/models", "/bedrock/async-invoke"])
def test_a_websocket_on_another_path_than_that_of_responses_is_no_reading(core: Core, path: str) -> None:
    for spelling in ("websocket", "WebSocket", "h2c, websocket"):
        flow = decided(core, "GET", path, "blocked", Upgrade=spelling)
        assert flow.response and flow.response.status_code == 403
    assert decided(core, "GET", path, "blocked").response is None


@pytest.mark.parametrize(("mode", "status"), [("closed", 503), ("open", None)])
def test_a_budget_that_cannot_be_checked_follows_budget_failure_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, status: int | None
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError

    with started(tmp_path, FILES, budget_failure_mode=mode) as core:
        monkeypatch.setattr(core.ledger, "standings", fail)
        flow = asked(core, Budgets(core, Admission(core)), "blocked")
    assert (flow.response.status_code if flow.response else None) == status


@pytest.mark.parametrize(("setting", "status"), [("warn", None), ("block", 403)])
def test_a_model_without_a_price_follows_unknown_model_price(tmp_path: Path, setting: str, status: int | None) -> None:
    with started(tmp_path, FILES, unknown_model_price=setting) as core:
        flow = arrived(core, body={"model": "nobody-knows-it"}, team="blocked")
        Budgets(core, Admission(core)).request(flow)
    assert (flow.response.status_code if flow.response else None) == status


async def test_a_call_waits_until_the_ledger_knows_what_was_spent(core: Core, budgets: Budgets) -> None:
    core.ready.clear()
    flow = arrived(core, team="blocked")
    waits: Any = budgets.request(flow)
    task = asyncio.ensure_future(waits)
    await asyncio.sleep(0)
    assert not task.done() and core.ledger.reserved_nanos == 0
    spend(core, DOLLAR, "blocked")
    core.ready.set()
    await asyncio.wait_for(task, 10)
    assert flow.response and flow.response.status_code == 429
