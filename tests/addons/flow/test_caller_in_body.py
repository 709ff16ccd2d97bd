"""Test what a call's body says of whom the call is for, once it has been read: in time for budgets and CALLERS."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http

from addons.budget import Budgets
from addons.callers.attribution import Attribution
from addons.core import Core
from addons.flow.admission import Admission
from addons.flow.attached import call_of, untracked_call
from addons.flow.replays import record_of
from addons.routing import Routing
from tests.addons.cores import answer, made, spend, started

BODY = {"model": "gpt-4o-mini", "messages": [], "max_tokens": 5}
BUDGETS = {"budgets": [{"team": name, "monthly_limit": 1, "action": "block"} for name in ("Product", "everybody")]}
SOURCES = {"sources": [{"body": "metadata.team", "label": "team"}, {"body": "metadata.app", "label": "app"}]}
FILES = {"budgets.json": BUDGETS, "attribution.json": SOURCES}


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with started(tmp_path, FILES, default_team="everybody") as core:
        yield core


def arrived(core: Core, body: dict[str, Any], sent: dict[str, str] | None = None) -> http.HTTPFlow:
    """Return the flow of a call as Routing and Budgets leave it."""
    flow = made("/v1/chat/completions", BODY | body)
    flow.request.headers.update(sent or {})
    routing, budgets = Routing(core), Budgets(core, Admission(core))
    routing.requestheaders(flow)
    budgets.requestheaders(flow)
    routing.request(flow)
    budgets.request(flow)
    return flow


def who(flow: http.HTTPFlow) -> Attribution:
    call = call_of(flow)
    assert call
    return call.attribution


def test_what_clients_send_anyway_is_who_the_call_is_for_and_stays_so_in_a_replay(core: Core) -> None:
    flow = arrived(core, {"user": "ann"}, {"session-id": "s", "X-Portkey-Metadata": '{"feature": "chat"}'})
    assert who(flow) == Attribution("everybody", user="ann", session_id="s", feature="chat")
    assert "X-Portkey-Metadata" not in flow.request.headers and flow.request.headers["session-id"] == "s"
    record = record_of(flow)
    assert record and record.headers == {
        "x-modeltrack-team": "everybody",
        "x-modeltrack-user": "ann",
        "x-modeltrack-session-id": "s",
        "x-modeltrack-feature": "chat",
    }


def test_a_team_that_the_body_names_is_spelled_as_in_the_budgets_and_its_budget_counts(core: Core) -> None:
    flow = arrived(core, {"metadata": {"team": "PRODUCT", "app": "chatbot"}})
    assert who(flow) == Attribution("Product", "chatbot") and flow.response is None
    spend(core, 2 * 10**9, "product")
    flow = arrived(core, {"metadata": {"team": "PRODUCT"}})
    assert flow.response and flow.response.status_code == 429
    assert arrived(core, {"metadata": {"team": "other"}}).response is None


def test_a_header_wins_over_the_body(core: Core) -> None:
    flow = arrived(core, {"metadata": {"team": "product", "app": "a"}}, {"X-ModelTrack-Team": "everybody"})
    assert who(flow) == Attribution("everybody", "a")


def test_a_large_body_is_read_where_it_may_name_another_team_than_the_one_whose_budget_is_spent(core: Core) -> None:
    spend(core, 2 * 10**9, "everybody")
    large = {"messages": [{"role": "user", "content": "x" * 2**20}], "metadata": {"team": "product"}}
    flow = made("/v1/chat/completions", BODY | large)
    flow.request.headers["Content-Length"] = str(2**20 + 100)
    routing, budgets = Routing(core), Budgets(core, Admission(core))
    routing.requestheaders(flow)
    budgets.requestheaders(flow)
    assert flow.response is None
    read = routing.request(flow)
    assert read is not None
    asyncio.run(_wait(read))
    assert who(flow).team == "Product"


async def _wait(awaitable: Any) -> None:
    await awaitable


@pytest.mark.parametrize(
    ("body", "sent", "status"),
    [
        ({"metadata": {"team": "product"}}, {}, None),
        ({"metadata": {"team": "nobody's"}}, {}, 403),
        ({"metadata": {}}, {}, 403),
        ({}, {"X-ModelTrack-Team": "product"}, None),
        ({"metadata": {"team": "product"}}, {"X-ModelTrack-Team": "nobody's"}, 403),
        ({}, {"X-Portkey-Metadata": '{"team": "product"}'}, None),
    ],
)
def test_only_a_known_team_may_call_wherever_it_is_named(
    tmp_path: Path, body: dict[str, Any], sent: dict[str, str], status: int | None
) -> None:
    with started(tmp_path, FILES, callers="known") as core:
        flow = arrived(core, body, sent)
        assert (flow.response.status_code if flow.response else None) == status
        assert core.counts.unknown_callers == (status is not None)
        if status:
            assert answer(flow)["error"]["type"] == "unknown_team"


def test_without_a_source_in_bodies_an_unknown_team_is_refused_before_the_body_comes(tmp_path: Path) -> None:
    with started(tmp_path, {"budgets.json": BUDGETS}, callers="known") as core:
        flow = made("/v1/chat/completions", BODY | {"metadata": {"team": "product"}})
        Routing(core).requestheaders(flow)
        assert flow.response and flow.response.status_code == 403


def test_a_request_whose_body_is_not_read_is_refused_at_once(tmp_path: Path) -> None:
    with started(tmp_path, FILES, callers="known") as core:
        flow = made("/v1/files", {"metadata": {"team": "product"}})
        Routing(core).requestheaders(flow)
        assert flow.response and flow.response.status_code == 403 and untracked_call(flow) is None


def test_a_changed_file_is_in_force_at_once(core: Core) -> None:
    body = {"metadata": {"team": "product"}, "user": "ann"}
    assert who(arrived(core, body)).team == "Product"
    path = core.attribution.path
    path.write_text('{"sources": [{"header": "X-Who", "label": "user", "pass_on": false}], "defaults": false}')
    assert core.attribution.check()
    core.change(core.settings)
    flow = arrived(core, body, {"X-Who": "bob", "x-portkey-api-key": "k"})
    assert who(flow) == Attribution("everybody", user="bob")
    assert not {"X-Who", "x-portkey-api-key"} & set(flow.request.headers)
    path.write_text("{")
    assert not core.attribution.check() and core.attribution.check()
    assert core.config_errors() and core.sources is core.attribution.value.table
