"""Replay recorded calls: each is a call of the team that the record was for."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from addons.ca_bundle import write_bundle
from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import ANTHROPIC, OPENAI, post
from tests.e2e.conftest import KEY, Proxy, until
from tests.e2e.live.web import Web

CONVERSE = "/bedrock/model/us.anthropic.claude-haiku-4-5-20251001-v1:0/converse"
AZURE = "/azure/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
BUDGETS = {"budgets": [{"team": "small", "app": "", "monthly_limit": 0.01, "action": "block"}]}
RECORDED = ("provider", "model", "team", "app_id", "session_id", "cost_usd", "is_streaming", "status_code")


@pytest.fixture(scope="module")
def web(make_proxy: Callable[..., Proxy], fake: FakeProvider) -> Web:
    env = {"BEDROCK_ENDPOINT_URL": fake.url, "AWS_BEARER_TOKEN_BEDROCK": KEY, "AZURE_OPENAI_ENDPOINT": fake.url}
    return Web(make_proxy, files={"budgets.json": BUDGETS}, **env)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", [ANTHROPIC, OPENAI, CONVERSE, AZURE])
def test_a_replay_is_a_call_of_the_team_that_the_record_was_for(
    web: Web, fake: FakeProvider, path: str, stream: bool
) -> None:
    if path == CONVERSE and stream:
        path = path + "-stream"
    app = f"{path.split('/')[1]}-{path.rpartition('/')[2].partition('?')[0]}-{stream}"
    body = {} if "bedrock" in path else {"stream": stream}
    post(web.proxy, "product", app, path, headers={"X-ModelTrack-Session-ID": "s1"}, **body)
    again = web.replay(web.flow(f"product/{app} "))
    [first] = [event for event in web.proxy.events(app_id=app) if not event.get("replayed")]
    assert again["replayed"] is True and again["cost_usd"] > 0
    assert [again.get(name) for name in RECORDED] == [first.get(name) for name in RECORDED]
    one, two = fake.requests
    assert (one.path, one.body, one.header("host")) == (two.path, two.body, two.header("host"))


def test_a_replay_of_a_call_that_came_through_a_tunnel_is_the_tunnels_teams(
    web: Web, fake: FakeProvider, tmp_path: Path
) -> None:
    ca = tmp_path / "ca.pem"
    write_bundle(ca, web.proxy.confdir)
    proxies = {"https": web.proxy.url.replace("http://", "http://product:tunnelled@")}
    body = {"model": "gpt-4o", "messages": []}
    headers = {"X-ModelTrack-No-Cache": "1"}
    url = "https://api.openai.com" + OPENAI
    assert requests.post(url, json=body, headers=headers, proxies=proxies, verify=ca, timeout=60).ok
    event = web.replay(web.flow("product/tunnelled"))
    assert (event["team"], event["app_id"], event["cost_usd"], event["replayed"]) == (
        "product",
        "tunnelled",
        0.0045,
        True,
    )
    one, two = fake.requests
    assert (one.path, one.body, one.header("host")) == (two.path, two.body, two.header("host"))


def test_a_replay_meets_its_teams_budget(web: Web, fake: FakeProvider) -> None:
    for _ in range(2):
        assert post(web.proxy, "small", "first").ok
    post(web.proxy, "small", "refused")
    event = web.replay(web.flow("small/refused"))
    assert (event["team"], event["blocked_by"], event["cost_usd"], event["replayed"]) == ("small", "budget", 0, True)
    assert len(fake.requests) == 2


def test_a_replay_that_was_edited_is_read_anew(web: Web) -> None:
    post(web.proxy, "product", "edited")
    flow = web.flow("product/edited")
    web.edit(flow, content=json.dumps({"model": "claude-haiku-4-5", "max_tokens": 9, "messages": []}))
    event = web.replay(flow)
    assert (event["team"], event["model"], event["cost_usd"]) == ("product", "claude-haiku-4-5", 0.002)


def test_a_flow_can_be_replayed_again_and_as_a_copy(web: Web) -> None:
    post(web.proxy, "product", "often")
    flow = web.flow("product/often")
    copy = web.ask(f"/flows/{flow}/duplicate").text
    for each in (flow, flow, copy):
        event = web.replay(each)
        assert (event["app_id"], event["replayed"], event["cost_usd"]) == ("often", True, 0.006)
    until(lambda: web.proxy.get("/stats")["in_flight"] == 0)
    assert web.proxy.get("/stats")["reserved_usd"] == 0


def test_the_command_replays_as_the_button_does(web: Web) -> None:
    post(web.proxy, "product", "command")
    web.ask("/commands/replay.client", json={"arguments": ["~comment product/command"]})
    [event] = until(lambda: web.proxy.events(app_id="command", replayed=True))
    assert event["team"] == "product"


def test_a_replay_may_be_answered_from_the_cache_where_its_call_might_have_been(web: Web, fake: FakeProvider) -> None:
    post(web.proxy, "product", "cached", may_be_cached=True)
    event = web.replay(web.flow("product/cached"))
    assert (event["app_id"], event["cache_hit"], event["cost_usd"], len(fake.requests)) == ("cached", True, 0, 1)


def test_a_status_page_can_be_replayed_and_is_no_call(web: Web) -> None:
    web.proxy.get("/stats")
    before = len(web.proxy.events())
    flow = next(flow for flow in web.flows() if flow["request"]["path"] == "/stats")
    web.ask(f"/flows/{flow['id']}/replay")
    until(lambda: next(f for f in web.flows() if f["id"] == flow["id"]).get("response"))
    assert len(web.proxy.events()) == before


def test_a_record_that_is_opened_in_another_proxy_is_still_its_teams(
    web: Web, make_proxy: Callable[..., Proxy], fake: FakeProvider, tmp_path: Path
) -> None:
    post(web.proxy, "product", "saved", OPENAI)
    file = web.save()
    budgets = {"budgets": [{"team": "product", "app": "", "monthly_limit": 0.001, "action": "block"}]}
    other = Web(make_proxy, files={"budgets.json": budgets})
    other.open(file)
    assert other.proxy.events() == [], "a flow that is only shown costs nothing again"
    path = tmp_path / "flows"
    path.write_bytes(file)
    [flow] = [flow["id"] for flow in other.flows() if "product/saved" in flow["comment"]]
    fake.clear()
    first, second = other.replay(flow), other.replay(flow)
    assert (first["team"], first["app_id"], first["cost_usd"]) == ("product", "saved", 0.0045)
    assert (second["blocked_by"], len(fake.requests)) == ("budget", 1)


def test_mitmdump_replays_a_file_for_the_teams_in_it(
    make_proxy: Callable[..., Proxy], fake: FakeProvider, tmp_path: Path
) -> None:
    file = tmp_path / "flows"
    recorder = make_proxy("-w", str(file))
    for team in ("one", "two"):
        post(recorder, team, stream=True)
    recorder.stop()
    player = make_proxy("-C", str(file), start=False)
    assert player.spawn().wait(60) == 0, player.log
    assert [(event["team"], event["cost_usd"]) for event in player.events(replayed=True)] == [
        ("one", 0.006),
        ("two", 0.006),
    ]
