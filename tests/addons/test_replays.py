"""Test replays as addons see them, and answers that no provider gave."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from mitmproxy import connection, http
from mitmproxy.test import taddons

from addons.budget import Budgets
from addons.cache import ResponseCache
from addons.callers.presented import Presented
from addons.core import Core, Tunnel
from addons.cost_logger import CostLogger
from addons.flow.admission import Admission
from addons.flow.attached import call_of, untracked_call
from addons.llm.hosts import provider_hosts
from addons.routing import Routing

from .cores import answer, arrived, made, spend, started

CONVERSE = "/bedrock/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse"
ENDPOINTS: dict[str, Any] = {
    "anthropic_base_url": "http://gateway.test/claude",
    "openai_base_url": "http://gateway.test/gpt/v1",
    "bedrock_endpoint_url": "",
    "azure_openai_endpoint": "https://res.openai.azure.com",
}
BLOCKED = {"budgets": [{"team": "t", "app": "", "monthly_limit": 1, "action": "block"}]}


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    with started(tmp_path, {"budgets.json": BLOCKED}, default_team="everybody", **ENDPOINTS) as core:
        yield core


@pytest.fixture
def routing(core: Core) -> Iterator[Routing]:
    routing = Routing(core)
    with taddons.context(routing):
        yield routing


def replay(routing: Routing, flow: http.HTTPFlow, **edits: Any) -> http.HTTPFlow:
    """Send a flow's request again as mitmproxy does, after it was saved and read, and edited."""
    again: http.HTTPFlow = flow.copy()  # a copy has what a file has
    again.live, again.is_replay, again.response = True, "request", None
    # mitmproxy gives flows that it reads from a file the address of its own listener.
    again.request.host, again.request.port, again.request.scheme = "modeltrack.invalid", 80, "http"
    for name, value in edits.items():
        setattr(again.request, name, value)
    routing.requestheaders(again)
    routing.request(again)
    return again


def through_tunnel(core: Core, routing: Routing, host: str, path: str, body: object) -> http.HTTPFlow:
    flow = made(path, body)
    core.tunnels[flow.client_conn.id] = Tunnel(
        provider_hosts(host, 443, core.settings.endpoints), Presented(None, "t", "app")
    )
    routing.requestheaders(flow)
    routing.request(flow)
    del core.tunnels[flow.client_conn.id]
    return flow


@pytest.mark.parametrize(
    "path",
    [
        "/v1/messages?beta=true",
        "/v1/chat/completions",
        "/v1/responses",
        "/bedrock/v1/messages",
        CONVERSE,
        "/azure/v1/chat/completions",
        "/azure/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        "/azure/anthropic/v1/messages",
    ],
)
@pytest.mark.parametrize("azure_version", ["v1", "2024-10-21"])
def test_a_replayed_call_is_the_same_call_for_the_same_team(tmp_path: Path, path: str, azure_version: str) -> None:
    with started(tmp_path, azure_openai_api_version=azure_version, **ENDPOINTS) as core:
        flow = arrived(core, path, {"model": "gpt-4o"}, Team="t", App="app", Session_ID="s", No_Cache="1", No_Route="1")
        again = replay(Routing(core), flow)
        assert again.response is None and again.request.url == flow.request.url
        assert again.request.headers["Host"] == flow.request.headers["Host"]
        first, second = call_of(flow), call_of(again)
        assert first and second and not first.replayed and second.replayed
        for name in ("attribution", "provider", "wire", "model", "base_url", "no_cache", "no_route"):
            assert getattr(first, name) == getattr(second, name), name
        assert second.attribution.team == "t" and not [n for n in again.request.headers if "modeltrack" in n.lower()]


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("api.anthropic.com", "/v1/messages"),
        ("eu.api.openai.com", "/v1/chat/completions"),
        ("bedrock-runtime.us-east-1.amazonaws.com", CONVERSE.removeprefix("/bedrock")),
        ("bedrock-mantle.eu-west-1.api.aws", "/anthropic/v1/messages"),
        ("other.openai.azure.com", "/openai/deployments/gpt-4o/chat/completions"),
    ],
)
def test_a_replayed_call_of_a_tunnel_goes_where_it_went_for_the_team_of_the_tunnel(
    core: Core, routing: Routing, host: str, path: str
) -> None:
    flow = through_tunnel(core, routing, host, path, {"model": "gpt-4o"})
    again = replay(routing, replay(routing, flow))
    assert again.response is None and again.request.url == flow.request.url
    call = call_of(again)
    assert call and (call.attribution.team, call.attribution.app) == ("t", "app")


def test_a_replay_through_a_tunnel_that_is_still_open_is_the_records_teams(core: Core, routing: Routing) -> None:
    flow = arrived(core, team="mine")
    hosts = provider_hosts("api.openai.com", 443, core.settings.endpoints)
    core.tunnels[flow.client_conn.id] = Tunnel(hosts, Presented(None, "other", ""))
    flow.live, flow.is_replay = True, "request"
    routing.requestheaders(flow)
    call = call_of(flow)
    assert call and call.attribution.team == "mine" and call.provider.name == "anthropic"


def test_a_replay_meets_its_teams_budget(core: Core, routing: Routing) -> None:
    flow = arrived(core, team="t")
    spend(core, 1_000_000_000)
    again = replay(routing, flow)
    Budgets(core, Admission(core)).request(again)
    assert again.response and again.response.status_code == 429
    assert answer(again)["error"]["type"] == "budget_exceeded"


def test_a_replay_that_was_edited_is_read_anew_and_stays_its_teams(core: Core, routing: Routing) -> None:
    flow = arrived(core, CONVERSE, {"messages": []}, team="t")
    headers = http.Headers([(b"X-ModelTrack-Team", b"free"), (b"X-ModelTrack-Feature", b"debugging")])
    path = "/model/anthropic.claude-opus-4-6/converse"
    again = replay(routing, flow, path=path, headers=headers, host="elsewhere.test")
    call = call_of(again)
    assert call and call.model == "anthropic.claude-opus-4-6"
    assert (call.attribution.team, call.attribution.feature) == ("t", "debugging")
    assert again.request.host == flow.request.host


@pytest.mark.parametrize(
    ("path", "kind"), [("/other/v1/messages", "not_found"), ("/v1/messages", "not_found"), ("/claude/", "not_found")]
)
def test_a_replay_with_a_path_that_its_provider_never_gets_is_refused(
    core: Core, routing: Routing, path: str, kind: str
) -> None:
    again = replay(routing, arrived(core, team="t"), path=path)
    assert again.response and answer(again)["error"]["type"] == kind and call_of(again) is None


def test_a_replay_without_a_record_is_routed_as_if_a_client_had_sent_it(core: Core, routing: Routing) -> None:
    flow = made(body={"model": "claude-sonnet-4-6"})
    call = call_of(replay(routing, flow))
    assert call and call.attribution.team == "everybody" and call.replayed
    unknown = replay(routing, made("/model/m/converse", body={}))
    assert unknown.response and unknown.response.status_code == 404


def test_a_call_that_never_left_is_replayed_as_it_came(core: Core, routing: Routing) -> None:
    flow = arrived(core, CONVERSE, b"{", team="t")
    assert flow.response and flow.response.status_code == 400
    again = replay(routing, flow, content=b"{}")
    call = call_of(again)
    assert again.response is None and call and call.attribution.team == "t"


def test_an_untracked_request_is_replayed_for_its_team(core: Core, routing: Routing) -> None:
    for flow in (
        made("/v1/models", method="GET", team="t"),
        made("/bedrock/inference-profiles", method="GET", team="t"),
    ):
        routing.requestheaders(flow)
        again = replay(routing, flow)
        call = untracked_call(again)
        assert call and call.attribution.team == "t" and again.request.url == flow.request.url


def test_an_untracked_request_of_a_tunnel_is_replayed_for_its_team(core: Core, routing: Routing) -> None:
    flow = made("/v1/models", method="GET")
    hosts = provider_hosts("bedrock-mantle.eu-west-1.api.aws", 443, core.settings.endpoints)
    core.tunnels[flow.client_conn.id] = Tunnel(hosts, Presented(None, "t", ""))
    routing.requestheaders(flow)
    again = replay(routing, flow)
    call = untracked_call(again)
    assert call and call.attribution.team == "t" and again.request.url == flow.request.url


def test_a_websocket_is_not_replayed(core: Core, routing: Routing) -> None:
    flow = made("/v1/responses", method="GET", team="t")
    flow.request.headers["Upgrade"] = "websocket"
    routing.requestheaders(flow)
    again = replay(routing, flow)
    assert again.response and again.response.status_code == 400


SSE = b'data: {"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":200}}\n\ndata: [DONE]\n\n'
USED = orjson.dumps({"model": "claude-sonnet-4-6", "usage": {"input_tokens": 1000, "output_tokens": 200}})
ANSWERS = [
    http.Response.make(200, USED, {"Content-Type": "application/json"}),
    http.Response.make(200, SSE, {"Content-Type": "text/event-stream"}),
    http.Response.make(200, base64.b64decode("AAAA"), {"Content-Type": "image/png"}),
    http.Response.make(404),
]


@pytest.mark.parametrize("reply", ANSWERS, ids=lambda reply: str(reply.headers.get("content-type")))
@pytest.mark.parametrize("is_replay", [False, True])
@pytest.mark.parametrize("when", ["before all", "after all"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_another_addon_gave_costs_nothing(
    core: Core, reply: http.Response, is_replay: bool, when: str, stream: bool
) -> None:
    """mitmproxy's `block_list` comes before ModelTrack, `map_local` and server replay come after it."""
    routing, cache, logger = Routing(core), ResponseCache(core), CostLogger(core)
    flow = arrived(core, "/v1/chat/completions", {"model": "gpt-4o", "stream": stream}, team="t")
    if is_replay:  # the record was answered by the provider
        flow.live, flow.is_replay = True, "request"
    else:
        flow = made("/v1/chat/completions", {"model": "gpt-4o", "stream": stream}, team="t")
        flow.server_conn = connection.Server(address=None)
    routing.requestheaders(flow)
    if when == "before all":
        flow.response = reply.copy()
    for addon in (routing, Budgets(core, Admission(core)), cache, logger):
        addon.request(flow)
    flow.response = reply.copy()
    for addon in (routing, cache, logger):
        addon.responseheaders(flow)
    assert not flow.response.stream
    for last in (cache, logger):
        last.response(flow)
    [event] = map(orjson.loads, core.log.path.read_bytes().splitlines())
    assert (event["cost_usd"], event["input_tokens"], event["output_tokens"]) == (0, 0, 0)
    assert (event.get("error"), event["answered_locally"], event["team"]) == (None, True, "t")
    assert event["status_code"] == reply.status_code and not event.get("usage_estimated")
    assert core.ledger.reserved_nanos == 0 and cache.size() == (0, 0)


def test_a_server_replay_costs_nothing_though_the_connection_was_used_before(core: Core) -> None:
    flow = arrived(core, team="t")
    CostLogger(core).request(flow)
    flow.response, flow.is_replay = ANSWERS[0].copy(), "response"
    Routing(core).responseheaders(flow)
    CostLogger(core).response(flow)
    call = call_of(flow)
    assert call and call.cost_nanos == 0 and call.answered_locally


def test_a_local_answer_costs_nothing_though_the_client_closed_its_side_before_it_came(core: Core) -> None:
    flow = arrived(core, team="t")
    CostLogger(core).request(flow)
    call = call_of(flow)
    assert call
    call.error, flow.server_conn = "client_disconnected", connection.Server(address=None)
    flow.response = ANSWERS[0].copy()
    Routing(core).responseheaders(flow)
    CostLogger(core).response(flow)
    assert call.cost_nanos == 0 and call.answered_locally and call.error == "client_disconnected"


def test_refusals_and_cached_answers_are_the_proxys_own_and_not_marked(core: Core, routing: Routing) -> None:
    flow = arrived(core, body=b"{")
    flow.server_conn = connection.Server(address=None)
    routing.responseheaders(flow)
    call = call_of(flow)
    assert call and not call.answered_locally and call.error == "invalid_request_error"
