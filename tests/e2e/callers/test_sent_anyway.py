"""What clients send anyway, at a running proxy: an app that was made for another gateway is attributed unchanged."""

import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
import requests

from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import ANTHROPIC, OPENAI, post
from tests.e2e.conftest import KEY, PROMPT, Proxy, until
from tests.e2e.websocket.talk import answer, sdk

OTHER_KEY = f"gateway-{KEY}"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GATEWAYS = ("x-litellm", "x-portkey", "helicone")

CLIENTS = [
    pytest.param(
        {
            "x-litellm-api-key": OTHER_KEY,
            "x-litellm-tags": "production,team:litellm,app:chatbot",
            "x-litellm-spend-logs-metadata": '{"feature": "search"}',
            "x-litellm-session-id": "s1",
            "x-litellm-customer-id": "ann",
        },
        {"user": "ann", "team": "litellm", "app_id": "chatbot", "feature": "search", "session_id": "s1"},
        id="LiteLLM",
    ),
    pytest.param(
        {
            "x-portkey-api-key": OTHER_KEY,
            "x-portkey-provider": "openai",
            "x-portkey-metadata": '{"_user": "ann", "team": "portkey", "app": "chatbot", "environment": "prod"}',
            "x-portkey-trace-id": "t1",
        },
        {"team": "portkey", "app_id": "chatbot", "trace_id": "t1", "user": "ann"},
        id="Portkey",
    ),
    pytest.param(
        {
            "Helicone-Auth": f"Bearer {OTHER_KEY}",
            "Helicone-Property-Team": "helicone",
            "Helicone-Property-App": "chatbot",
            "Helicone-Session-Id": "s2",
            "Helicone-User-Id": "ann",
            "Helicone-Cache-Enabled": "true",
            "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
        },
        {"team": "helicone", "app_id": "chatbot", "session_id": "s2", "trace_id": TRACE, "user": "ann"},
        id="Helicone",
    ),
]


@pytest.mark.parametrize(("sent", "expected"), CLIENTS)
def test_an_app_of_another_gateway_is_attributed_and_the_provider_sees_none_of_its_headers(
    proxy: Proxy, fake: FakeProvider, sent: dict[str, str], expected: dict[str, str]
) -> None:
    with openai.OpenAI(api_key=KEY, base_url=f"{proxy.url}/v1", default_headers=sent) as client:
        asked = f"{PROMPT} {expected['team']}"  # an answer to another one may be in the cache
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": asked}])
    requests.get(f"{proxy.url}/v1/models", headers=sent | {"Authorization": f"Bearer {KEY}"}, timeout=60)
    [event] = proxy.events(team=expected["team"])
    assert expected.items() <= event.items()
    assert len(fake.requests) == 2
    for request in fake.requests:
        names = [name.lower() for name in dict(request.headers)]
        assert not [name for name in names if name.startswith(GATEWAYS)]
        assert OTHER_KEY not in str(request.headers)
        assert ("traceparent" in names) == ("traceparent" in sent)


def test_coding_agents_are_attributed_by_what_they_send(proxy: Proxy) -> None:
    user = "user_5dd07c33_account__session_d2e70091-3007"
    assert post(proxy, "agents", "older", metadata={"user_id": user}).status_code == 200
    user = json.dumps({"device_id": "5dd07c33", "account_uuid": "", "session_id": "2c4e1cf0-7a67"})
    assert post(proxy, "agents", "newer", metadata={"user_id": user}).status_code == 200
    headers = {"session-id": "codex", "thread-id": "other"}
    assert post(proxy, "agents", "codex", OPENAI, headers=headers).status_code == 200
    events = {event["app_id"]: (event["session_id"], event.get("user")) for event in proxy.events(team="agents")}
    assert events == {
        "older": ("d2e70091-3007", "5dd07c33"),
        "newer": ("2c4e1cf0-7a67", "5dd07c33"),
        "codex": ("codex", None),
    }


BUDGETS = {"budgets": [{"team": "Bodies", "monthly_limit": 0.000001, "action": "block"}]}
SOURCES: dict[str, Any] = {
    "sources": [
        {"body": "metadata.team", "label": "team"},
        {"body": "metadata.session", "label": "session_id"},
        {"header": "X-App", "label": "app", "pass_on": False},
        {"header": "X-Other", "label": "feature"},
    ]
}


@pytest.fixture(scope="module")
def known(make_proxy: Callable[..., Proxy]) -> Proxy:
    """A proxy that lets only known teams call, which may be named in the body."""
    files = {"budgets.json": BUDGETS, "attribution.json": SOURCES}
    return make_proxy(files=files, CALLERS="known", TEAMS="ws").ready()


def test_a_team_that_the_body_names_spends_its_budget(known: Proxy, fake: FakeProvider) -> None:
    headers = {"X-App": "a", "X-Other": "f"}
    answers = [
        post(known, path=OPENAI, headers=headers, metadata={"team": name}) for name in ("bodies", "BODIES", "nobody's")
    ]
    assert [answer.status_code for answer in answers] == [200, 429, 403]
    assert answers[2].json()["error"]["type"] == "unknown_team"
    assert [event["blocked_by"] for event in known.events(team="Bodies") if "blocked_by" in event] == ["budget"]
    event = known.events(status_code=200)[0]
    assert (event["team"], event["app_id"], event["feature"]) == ("Bodies", "a", "f")
    [request] = fake.requests
    names = [name.lower() for name in dict(request.headers)]
    assert "x-other" in names and "x-app" not in names


def test_each_response_on_a_socket_is_for_whom_its_own_body_says(known: Proxy) -> None:
    with sdk(known.url, "socket", team="") as connection:
        answer(connection, metadata={"team": "WS", "session": "one"}, user="ann")
        answer(connection, metadata={"team": "ws", "session": "two"}, safety_identifier="ben")
        refused = [answer(connection, metadata={"team": name})[-1] for name in ("bodies", "nobody's")]
    events = known.events(app_id="socket")
    found = [(event["team"], event["session_id"], event["user"]) for event in events[:2]]
    assert found == [("ws", "one", "ann"), ("ws", "two", "ben")]
    assert [event.status for event in refused] == [429, 403] and refused[1].error.type == "unknown_team"


def test_a_change_of_the_file_is_in_force_within_moments(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy().ready()

    def feature(header: str) -> str:
        assert post(proxy, "changes", path=ANTHROPIC, headers={header: "f"}).status_code == 200
        found: str = proxy.events(team="changes")[-1].get("feature", "")
        return found

    assert feature("X-Feature") == "" and feature("Helicone-Property-Feature") == "f"
    proxy.write("attribution.json", {"sources": [{"header": "X-Feature", "label": "feature"}], "defaults": False})
    until(lambda: feature("X-Feature") == "f")
    assert feature("Helicone-Property-Feature") == ""
    proxy.write("attribution.json", {"sources": [{"header": "Authorization", "label": "user"}]})
    until(lambda: "attribution.json: sources.0.header: this header has a credential" in proxy.log)
    assert feature("X-Feature") == "f"
