"""Test that calls are metered wherever their format is known: on Bedrock, Azure, Anthropic, and of older APIs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
import requests

from addons.ca_bundle import write_bundle
from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import send
from tests.e2e.conftest import KEY, PROMPT, Proxy

MESSAGES: Any = [{"role": "user", "content": PROMPT}]
CHAT = {"messages": MESSAGES}
INPUT = {"input": PROMPT}
OSS = "openai.gpt-oss-120b-1:0"  # 0.15 / 0.6 USD per million tokens


@pytest.fixture(scope="module")
def proxy(make_proxy: Callable[..., Proxy], fake: FakeProvider) -> Proxy:
    budgets = {"budgets": [{"team": "spent", "monthly_limit": 0.000001, "action": "block"}]}
    prices = {"models": [{"provider": "azure", "model": "Phi-4", "input": 1, "output": 1}]}
    files = {"budgets.json": budgets, "pricing.json": prices}
    return make_proxy(files=files, BEDROCK_ENDPOINT_URL=fake.url, AZURE_OPENAI_ENDPOINT=fake.url)


@pytest.mark.parametrize(
    ("path", "model", "body", "provider", "upstream", "cost"),
    [
        ("/bedrock/openai/v1/chat/completions", OSS, CHAT, "bedrock", "/openai/v1/chat/completions", 0.00027),
        ("/bedrock/openai/v1/responses", OSS, INPUT, "bedrock", "/openai/v1/responses", 0.00027),
        ("/bedrock/v1/chat/completions", OSS, CHAT, "bedrock", "/v1/chat/completions", 0.00027),
        ("/bedrock/v1/responses", OSS, INPUT, "bedrock", "/v1/responses", 0.00027),
        ("/azure/models/chat/completions", "Phi-4", CHAT, "azure", "/models/chat/completions", 0.0012),
        ("/azure/Models/Chat/Completions", "Phi-4", CHAT, "azure", "/models/chat/completions", 0.0012),
        ("/azure/models/embeddings", "Phi-4", INPUT, "azure", "/models/embeddings", 0.001),
        ("/azure/OpenAI/Responses", "gpt-4o", INPUT, "azure", "/openai/responses", 0.0045),
        ("/v1/responses/compact", "gpt-4o", INPUT, "openai", "/v1/responses/compact", 0.0045),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_call_is_metered_and_goes_where_its_format_is_spoken(
    proxy: Proxy,
    fake: FakeProvider,
    path: str,
    model: str,
    body: Any,
    provider: str,
    upstream: str,
    cost: float,
    stream: bool,
) -> None:
    streams = stream and "embeddings" not in path and "compact" not in path
    team = f"{path} {stream}"
    sent = {"model": model, **body} | ({"stream": True} if streams else {})
    answer = send(proxy.url + path, sent, **{"X-ModelTrack-Team": team, "X-ModelTrack-No-Cache": "1"})
    assert answer.status_code == 200
    assert [request.path for request in fake.requests] == [upstream]
    [event] = proxy.events(team=team)
    assert (event["provider"], event["model"], event["cost_usd"]) == (provider, model, cost)
    assert event["is_streaming"] is streams and "usage_estimated" not in event


def test_a_spent_team_is_refused_on_all_of_them(proxy: Proxy, fake: FakeProvider) -> None:
    spent = {"X-ModelTrack-Team": "spent"}
    send(proxy.url + "/v1/responses/compact", {"model": "gpt-4o", **INPUT}, **spent)
    for path in ("/bedrock/openai/v1/responses", "/azure/models/chat/completions", "/v1/complete"):
        assert send(proxy.url + path, {"model": OSS, **INPUT}, **spent).status_code == 429
    assert len(fake.requests) == 1


def test_a_compaction_is_not_answered_with_a_response_to_the_same_body(proxy: Proxy, fake: FakeProvider) -> None:
    for path in ("/v1/responses", "/v1/responses/compact"):
        assert (
            send(proxy.url + path, {"model": "gpt-4o", "input": f"{PROMPT} once"}).headers["X-ModelTrack-Cache"]
            == "MISS"
        )
    assert len(fake.requests) == 2


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": f"Bearer sk-ant-{KEY}"}, {"x-api-key": f"sk-ant-{KEY}"}, {"anthropic-version": "2023-06-01"}],
    ids=["bearer", "x-api-key", "version"],
)
def test_chat_completions_of_anthropic_are_told_by_their_headers(
    make_proxy: Callable[..., Proxy], fake: FakeProvider, headers: dict[str, str]
) -> None:
    proxy = make_proxy(OPENAI_BASE_URL="http://127.0.0.1:1")
    body = {"model": "claude-sonnet-4-6", "messages": MESSAGES}
    assert send(proxy.url + "/v1/chat/completions", body, **headers).status_code == 200
    [event] = proxy.events()
    assert (event["provider"], event["model"], event["cost_usd"]) == ("anthropic", "claude-sonnet-4-6", 0.006)


def test_in_a_tunnel_the_host_tells_whose_they_are(
    proxy: Proxy, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_bundle(tmp_path / "ca.pem", proxy.confdir)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("http://", "http://tunnel:chat@"))
    with openai.OpenAI(api_key=KEY, base_url="https://api.anthropic.com/v1") as client:
        client.chat.completions.create(model="claude-sonnet-4-6", messages=MESSAGES)
    [event] = proxy.events(team="tunnel")
    assert (event["provider"], event["cost_usd"]) == ("anthropic", 0.006)
    assert [request.path for request in fake.requests] == ["/v1/chat/completions"]


def test_the_legacy_completion_reports_no_usage_and_is_estimated(proxy: Proxy, fake: FakeProvider) -> None:
    body = {"model": "claude-2.1", "prompt": f"\n\nHuman: {PROMPT}\n\nAssistant:", "max_tokens_to_sample": 100}
    answer = send(proxy.url + "/v1/complete", body, **{"X-ModelTrack-Team": "legacy"})
    assert answer.json()["completion"] == fake.defaults.text
    [event] = proxy.events(team="legacy")
    assert event["usage_estimated"] is True and event["cost_usd"] > 0
    assert event["output_tokens"] == -(-len(fake.defaults.text) // 4)
    assert json.dumps(body).encode() == fake.requests[0].body


def test_the_old_completions_of_openai_are_not_taken_for_it(proxy: Proxy) -> None:
    assert requests.post(proxy.url + "/v1/completes", json={}, timeout=60).status_code == 404
