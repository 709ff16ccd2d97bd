"""Test what the lists of mitmweb and mitmproxy show of a call, without a browser."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import flowfilter, http
from mitmproxy.addons.view import View
from mitmproxy.test import taddons

from addons.core import Core
from addons.inspecting.flow_summary import summary_of
from addons.inspecting.inspector import Inspector, Watch

from ..cores import settings
from .calls import BUDGET, CALLER, OUTCOMES, SECRET, downgraded, ended, hit, make_flow, over_budget, served


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_comment_and_the_marker_say_what_became_of_a_call(core: Core, watch: Watch, name: str) -> None:
    make, status, comment, marker = OUTCOMES[name]
    flow = ended(core, make(core), status)
    assert (flow.comment, flow.marked) == (comment, marker)


@pytest.mark.parametrize(
    ("expression", "is_found"),
    [
        ("~meta team=product", True),
        ("~meta ^team=product$", True),
        ("~meta ^team=prod$", False),
        ("~meta app=chatbot & ~meta outcome=downgraded", True),
        ("~meta routed_from=claude-sonnet", True),
        ("~meta outcome=hit", False),
        ("~meta ^user=ann$ & ~meta key_id=product-1", True),
        ("~meta user=ann-marie", False),
        ("~comment ^product/", True),
        ("~comment '[(]ann[)]'", True),
        ("~marker arrow_down", True),
    ],
)
def test_flows_can_be_filtered(core: Core, watch: Watch, expression: str, is_found: bool) -> None:
    flow = ended(core, replace(downgraded(core), attribution=CALLER))
    assert bool(flowfilter.match(expression, flow)) is is_found


def test_what_is_shown_in_the_list_or_saved_beside_the_flow_has_no_text_of_the_prompt(core: Core, watch: Watch) -> None:
    flow = ended(core, served(core))
    assert SECRET not in f"{flow.comment}{flow.metadata}{summary_of(flow)}"
    assert http.HTTPFlow.from_state(flow.get_state()).metadata == flow.metadata


def test_the_calls_of_one_websocket_are_summed_up(core: Core, watch: Watch) -> None:
    flow = make_flow()
    for make in (served, served, over_budget):
        ended(core, make(core), flow=flow)
    assert flow.comment == ("product/chatbot · claude-haiku-4-5 · 3 calls · 2,000 in 400 out · $0.0040 · 1 refused")
    assert flow.marked == ":no_entry:"
    assert flowfilter.match("~meta outcome=served & ~meta outcome=refused", flow)


def test_a_mark_that_somebody_made_stays(core: Core, watch: Watch) -> None:
    flow = make_flow()
    flow.marked = ":default:"
    assert ended(core, hit(core), flow=flow).marked == ":default:"


def test_a_failure_to_comment_is_logged_without_the_prompt_and_harms_no_call(
    core: Core, watch: Watch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ValueError(SECRET)

    monkeypatch.setattr("addons.inspecting.inspector.bill", fail)
    call = served(core)
    ended(core, call)
    assert call.is_logged
    assert "could not be commented on: ValueError" in caplog.text
    assert SECRET not in caplog.text


def test_a_flow_says_what_it_is_until_its_call_has_ended_but_not_its_query(watch: Watch) -> None:
    flow = make_flow()
    flow.request.path = f"/v1/files?key={SECRET}"
    watch.requestheaders(flow)
    assert flow.comment == "GET /v1/files"


def add(view: View, **state: Any) -> http.HTTPFlow:
    flow = make_flow()
    flow.live = False
    for name, value in state.items():
        setattr(flow, name, value)
    view.add([flow])
    return flow


def test_the_oldest_flows_go_first_but_not_marked_or_unfinished_ones(
    core: Core, watch: Watch, view: View, tmp_path: Path
) -> None:
    core.settings = settings(tmp_path, inspect_max_flows=3)
    marked, live = add(view, marked=":default:"), add(view, live=True)
    others = [add(view, marked=":zap:"), *(add(view) for _ in range(4))]
    watch.response(make_flow())
    assert list(view._store.values()) == [marked, live, others[-1]]


def test_all_flows_stay_where_there_is_no_limit(core: Core, watch: Watch, view: View, tmp_path: Path) -> None:
    core.settings = settings(tmp_path, inspect_max_flows=0)
    for _ in range(20):
        add(view)
    watch.response(make_flow())
    assert view.store_count() == 20


@pytest.mark.parametrize(
    ("mode", "has_view", "is_watched"),
    [
        ("auto", True, True),
        ("auto", False, False),
        ("always", False, True),
        ("never", True, False),
    ],
)
def test_flows_are_watched_where_they_are_looked_at(
    core: Core, tmp_path: Path, mode: str, has_view: bool, is_watched: bool
) -> None:
    core.settings = settings(tmp_path, inspect=mode)
    inspector = Inspector(core, dict, lambda: 0)
    with taddons.context(*([View()] if has_view else []), inspector):
        assert (len(inspector.addons), core.on_record is not None) == (is_watched, is_watched)


def test_the_commands_answer_in_lines(core: Core, watch: Watch) -> None:
    core.ledger.budgets = core.budgets.value.model_copy(update={"budgets": [BUDGET]})
    inspector = Inspector(core, lambda: {"total_requests": 1}, lambda: 7)
    view = View()
    with taddons.context(view, inspector) as context:
        flow = ended(core, served(core))
        view.add([flow])
        run = context.master.commands.execute
        assert run("modeltrack.stats") == ["{", '  "total_requests": 1', "}"]
        assert run("modeltrack.budgets") == ["Team 'product' at 0% of monthly budget ($0.002/$1.00)"]
        assert run("modeltrack.cache.clear") == "7 cached answers forgotten"
        assert run("modeltrack.explain @focus")[0] == flow.comment
        assert run("modeltrack.explain '~comment nothing'") == ["None of these flows has a call that has ended."]
    core.ledger.budgets = core.budgets.value
