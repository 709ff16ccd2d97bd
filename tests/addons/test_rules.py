"""Test ModelRules as an addon: the model in the body, where the call then goes, and what the answer says about it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.test import taddons, tutils

from addons.budget import Budgets
from addons.core import Core
from addons.flow.admission import Admission
from addons.flow.attached import call_of
from addons.llm.call import CallState
from addons.rules import ModelRules

from .cores import answer, arrived, spend, started

RULE = {
    "name": "cheaper",
    "trigger": "budget_percent_above",
    "threshold": 70,
    "from_models": ["claude-sonnet-4-6"],
    "to_model": "claude-haiku-4-5",
    "provider": "anthropic",
}
FILES = {
    "budgets.json": {"budgets": [{"team": "t", "monthly_limit": 1, "action": "warn"}]},
    "routing.json": {"rules": [RULE]},
}
BODY = b'{ "max_tokens":10,\n"model" : "claude-sonnet-4-6" }'


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with started(tmp_path, FILES) as core:
        yield core


def ruled(
    core: Core,
    percent: int,
    path: str = "/v1/messages",
    body: object = BODY,
    status: int = 200,
    is_sent: bool = True,
    **headers: str,
) -> http.HTTPFlow:
    """Return the flow of a call whose team has now spent this percentage more of its budget, and which got this status.

    The provider answers, unless `is_sent` is false: then the proxy does.
    """
    spend(core, percent * 10**7)
    flow = arrived(core, path, body, team="t", **headers)
    Budgets(core, Admission(core)).request(flow)
    rules = ModelRules(core)
    with taddons.context(rules):
        rules.request(flow)
        call = call_of(flow)
        if not flow.response and call:
            flow.response = tutils.tresp(status_code=status)
            call.state = CallState.SENT if is_sent else call.state
        rules.responseheaders(flow)
    return flow


def test_a_downgrade_changes_the_model_and_no_other_byte(core: Core) -> None:
    flow = ruled(core, 70)
    assert flow.request.raw_content == BODY.replace(b"sonnet-4-6", b"haiku-4-5")
    call = call_of(flow)
    assert call and (call.model, call.routed_from, call.routing_rule) == (
        "claude-haiku-4-5",
        "claude-sonnet-4-6",
        "cheaper",
    )
    assert (core.counts.routed, core.counts.rule_hits["cheaper"]) == (1, 1)


def test_the_answer_says_which_model_was_asked_for_which_answered_and_why(core: Core) -> None:
    flow = ruled(core, 70)
    assert flow.response
    shown = {name: value for name, value in flow.response.headers.items() if name.startswith("X-ModelTrack-")}
    assert shown == {
        "X-ModelTrack-Routed": "true",
        "X-ModelTrack-Original-Model": "claude-sonnet-4-6",
        "X-ModelTrack-Routed-To": "claude-haiku-4-5",
        "X-ModelTrack-Route-Reason": "budget at 70%, rule 'cheaper'",
    }


def test_a_model_that_is_named_in_the_path_is_exchanged_there(core: Core) -> None:
    path = "/bedrock/model/anthropic.claude-sonnet-4-6/converse"
    flow = ruled(core, 70, path, {"messages": []})
    assert "haiku-4-5" in flow.request.path and "sonnet" not in flow.request.path


@pytest.mark.parametrize(
    ("percent", "headers", "skipped"),
    [(69, {}, {}), (90, {"no_route": "true"}, {"opt_out": 1})],
    ids=["below the threshold", "opted out"],
)
def test_a_call_keeps_its_model(core: Core, percent: int, headers: dict[str, str], skipped: dict[str, int]) -> None:
    flow = ruled(core, percent, **headers)
    assert flow.request.raw_content == BODY
    assert flow.response and "X-ModelTrack-Routed" not in flow.response.headers
    assert (core.counts.not_routed, dict(core.counts.routing_skipped)) == (1, skipped)


def test_block_expensive_refuses_the_call_and_names_the_cheaper_model(tmp_path: Path) -> None:
    files = FILES | {"routing.json": {"rules": [RULE | {"action": "block_expensive"}]}}
    with started(tmp_path, files) as core:
        flow = ruled(core, 70)
    assert flow.response and flow.response.status_code == 429
    message = "Model 'claude-sonnet-4-6' is refused (budget at 70%, rule 'cheaper'). Use 'claude-haiku-4-5' instead."
    assert answer(flow)["error"]["message"] == message
    call = call_of(flow)
    assert call and (call.blocked_by, call.error) == ("rule", "model_blocked")


@pytest.mark.parametrize("status", [400, 404])
def test_a_downgrade_that_the_provider_refused_is_not_tried_again(
    core: Core, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    ruled(core, 70, status=status)
    expected = (
        f"anthropic answered {status} to a call whose model claude-sonnet-4-6 was replaced by claude-haiku-4-5:"
        " for 10 minutes, calls like it (max_tokens) keep claude-sonnet-4-6"
    )
    assert expected in caplog.messages
    assert ruled(core, 0).request.raw_content == BODY
    assert dict(core.counts.routing_skipped) == {"refused_before": 1}


@pytest.mark.parametrize(
    "body",
    [BODY.replace(b"-4-6", b"-4-6-20260218"), BODY.replace(b"{", b'{"temperature":0,')],
    ids=["another model", "another shape"],
)
def test_calls_of_another_kind_are_still_downgraded(core: Core, body: bytes) -> None:
    ruled(core, 70, status=400)
    assert b"claude-haiku-4-5" in (ruled(core, 0, body=body).request.raw_content or b"")


@pytest.mark.parametrize(("status", "is_sent"), [(200, True), (401, True), (429, True), (500, True), (404, False)])
def test_other_answers_teach_nothing(core: Core, status: int, is_sent: bool) -> None:
    ruled(core, 70, status=status, is_sent=is_sent)
    assert not core.refused_downgrades


def test_a_refused_call_that_was_not_downgraded_teaches_nothing(core: Core) -> None:
    ruled(core, 70, status=400, no_route="true")
    assert not core.refused_downgrades


def test_a_downgrade_that_the_target_is_known_to_refuse_is_left_out(core: Core) -> None:
    body = {"model": "claude-sonnet-4-6", "max_tokens": 9, "thinking": {"type": "adaptive"}, "messages": []}
    flow = ruled(core, 70, body=body)
    assert b"claude-sonnet-4-6" in (flow.request.raw_content or b"")
    assert dict(core.counts.routing_skipped) == {"thinking": 1}


def test_a_prompt_that_fills_the_cheaper_models_context_keeps_its_model(core: Core) -> None:
    body = {"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": [{"role": "user", "content": "abc " * 200_000}]}
    ruled(core, 70, body=body)
    assert dict(core.counts.routing_skipped) == {"context": 1}


def test_an_exception_leaves_the_call_its_model(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("addons.flow.downgrade.choose", fail)
    flow = ruled(core, 90)
    assert flow.request.raw_content == BODY
    assert flow.response and flow.response.status_code == 200
