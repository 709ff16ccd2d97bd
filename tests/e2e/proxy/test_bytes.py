"""Check what reaches the provider, byte for byte, and where it goes."""

import gzip
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
import requests

from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import send
from tests.e2e.conftest import KEY, PROMPT, Proxy

# White space, escapes, numbers and order that no JSON library would write like this.
BODY = (
    b'{ "max_tokens" : 1e2,\n"messages":[{"role":"user","content":"\\u0048i \\"model\\": \\/ PROMPT"}],'
    b'\t"model"  :"claude-sonnet-4-6","temperature":0.50,"metadata":{"user_id":"model"} }\n'
).replace(b"PROMPT", PROMPT.encode())
HEADERS = {
    "X-ModelTrack-Team": "bytes",
    "X-ModelTrack-App": "bytes-app",
    "X-ModelTrack-Feature": "bytes-feature",
    "X-ModelTrack-Unknown": "bytes-unknown",
    "x-modeltrack-trace-id": "bytes-trace",
    "Proxy-Authorization": "Basic Ynl0ZXM6Ynl0ZXM=",
    "Authorization": f"Bearer {KEY}",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "a,b",
    "Content-Type": "application/json",
}


def post_bytes(url: str, body: bytes = BODY, **headers: str) -> requests.Response:
    return send(url, body, **HEADERS | headers)


@pytest.mark.parametrize(
    "body", [BODY, json.dumps({"model": "claude-haiku-4-5", "x": "é" * 300_000}).encode()], ids=["odd", "large"]
)
def test_a_body_reaches_the_provider_byte_for_byte(proxy: Proxy, fake: FakeProvider, body: bytes) -> None:
    assert post_bytes(proxy.url + "/v1/messages?beta=true", body).status_code == 200
    [received] = fake.requests
    assert received.body == body
    assert received.path == "/v1/messages?beta=true"


def test_a_compressed_body_reaches_the_provider_as_it_was_and_is_metered(proxy: Proxy, fake: FakeProvider) -> None:
    body = gzip.compress(BODY, mtime=0)
    headers = {"Content-Encoding": "gzip", "X-ModelTrack-App": "gz", "X-ModelTrack-No-Cache": "1"}
    post_bytes(proxy.url + "/v1/messages", body, **headers)
    [received] = fake.requests
    assert received.body == body
    [event] = proxy.events(app_id="gz")
    assert event["model"] == "claude-sonnet-4-6"


def test_the_provider_learns_nothing_of_the_team(proxy: Proxy, fake: FakeProvider) -> None:
    post_bytes(proxy.url + "/v1/messages")
    [received] = fake.requests
    headers = {name.lower(): value for name, value in received.headers}
    assert not [name for name in headers if name.startswith(("x-modeltrack", "proxy-"))]
    assert "bytes" not in str(headers).replace("bytes=", "")
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["anthropic-beta"] == "a,b"
    assert headers["host"] == fake.url.removeprefix("http://")


def send_raw(proxy: Proxy, request: bytes) -> bytes:
    """Send the bytes as they are, and return all that comes back."""
    with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])), timeout=20) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_headers_keep_their_order_spelling_repetitions_and_bytes(proxy: Proxy, fake: FakeProvider) -> None:
    head = (
        b"POST /v1/messages?beta=true&x=%%2F HTTP/1.1\r\nHost: gateway\r\nanthropic-beta: a\r\n"
        b"X-modelTRACK-Team: one\r\nX-ModelTrack-Team: ONE\r\nAnthropic-BETA: b\r\nX-Odd: caf\xe9 \xe2\x82\xac\r\n"
        b"Proxy-Connection: keep-alive\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    )
    assert send_raw(proxy, head % len(BODY) + BODY).startswith(b"HTTP/1.1 200 ")
    [received] = fake.requests
    assert received.path == "/v1/messages?beta=true&x=%2F"
    assert received.headers == [
        ("Host", fake.url.removeprefix("http://")),
        ("anthropic-beta", "a"),
        ("Anthropic-BETA", "b"),
        ("X-Odd", b"caf\xe9 \xe2\x82\xac".decode("latin-1")),
        ("Connection", "close"),
        ("Content-Length", str(len(BODY))),
    ]
    assert proxy.events()[-1]["team"] == "one"


@pytest.mark.parametrize("trailers", [b"", b"X-Checksum: 1\r\nX-Other: 2\r\n"], ids=["", "trailers"])
@pytest.mark.parametrize("path", [b"/v1/messages", b"/v1/messages/count_tokens"])
def test_a_chunked_body_is_passed_on_as_one(proxy: Proxy, fake: FakeProvider, path: bytes, trailers: bytes) -> None:
    head = b"POST %b HTTP/1.1\r\nHost: x\r\nX-ModelTrack-No-Cache: 1\r\nConnection: close\r\n" % path
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n%b\r\n" % (len(BODY), BODY, trailers)
    assert send_raw(proxy, chunked).startswith(b"HTTP/1.1 200 ")
    assert fake.requests[0].body == BODY


@pytest.mark.parametrize("team", ["untracked", ""])
def test_other_paths_are_passed_through_without_the_team(proxy: Proxy, fake: FakeProvider, team: str) -> None:
    before = proxy.get("/stats")
    answer = post_bytes(proxy.url + "/v1/messages/count_tokens", **{"X-ModelTrack-Team": team})
    assert answer.status_code == 200
    [received] = fake.requests
    assert received.body == BODY
    assert not [name for name, _ in received.headers if name.lower().startswith("x-modeltrack")]
    after = proxy.get("/stats")
    assert after["untracked_requests"] == before["untracked_requests"] + 1
    assert after["total_requests"] == before["total_requests"]


SPENT = {"budgets": [{"team": "bytes", "monthly_limit": 0.001, "action": "warn"}]}
RULES: dict[str, Any] = {
    "rules": [
        {
            "name": "down",
            "trigger": "budget_percent_above",
            "threshold": 70,
            "from_models": ["claude-sonnet-4-6"],
            "to_model": "claude-haiku-4-5",
            "action": "downgrade",
        },
        {
            "name": "never-opus",
            "trigger": "budget_percent_above",
            "threshold": 70,
            "from_models": ["claude-opus-*"],
            "to_model": "claude-sonnet-4-6",
            "action": "block_expensive",
        },
    ]
}


@pytest.fixture(scope="module")
def routed(make_proxy: Callable[..., Proxy]) -> Proxy:
    proxy = make_proxy(files={"budgets.json": SPENT, "routing.json": RULES}, CACHE_ENABLED="false")
    post_bytes(proxy.url + "/v1/messages", BODY.replace(b"sonnet-4-6", b"haiku-4-5"))
    return proxy


def test_a_downgrade_changes_the_models_bytes_only(routed: Proxy, fake: FakeProvider) -> None:
    answer = post_bytes(routed.url + "/v1/messages", **{"X-ModelTrack-App": "down"})
    [received] = fake.requests
    assert received.body == BODY.replace(b'"claude-sonnet-4-6"', b'"claude-haiku-4-5"')
    assert answer.json()["model"] == "claude-haiku-4-5"
    assert answer.headers["X-ModelTrack-Routed"] == "true"
    assert answer.headers["X-ModelTrack-Original-Model"] == "claude-sonnet-4-6"
    assert answer.headers["X-ModelTrack-Routed-To"] == "claude-haiku-4-5"
    assert "'down'" in answer.headers["X-ModelTrack-Route-Reason"]
    [event] = routed.events(app_id="down")
    expected = {
        "model": "claude-haiku-4-5",
        "routed_from": "claude-sonnet-4-6",
        "routed_to": "claude-haiku-4-5",
        "routing_rule": "down",
        "cost_usd": 0.002,
        "saved_usd": 0.004,
    }
    assert {name: event[name] for name in expected} == expected


def test_a_downgrade_goes_to_the_other_models_deployment_where_the_url_names_it(
    make_proxy: Callable[..., Proxy], fake: FakeProvider
) -> None:
    """A dated version of Azure's API, which goes by the deployment and not by the body."""
    rule = RULES["rules"][0] | {"from_models": ["gpt-4o"], "to_model": "gpt-4o-mini"}
    proxy = make_proxy(
        files={"budgets.json": SPENT, "routing.json": {"rules": [rule]}},
        AZURE_OPENAI_ENDPOINT=fake.url,
        AZURE_OPENAI_API_VERSION="2024-10-21",
        CACHE_ENABLED="false",
    )
    chat = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": PROMPT}]}).encode()
    for _ in range(2):
        post_bytes(proxy.url + "/azure/v1/chat/completions", chat, **{"api-key": KEY})
    assert [(request.path, json.loads(request.body)["model"]) for request in fake.requests] == [
        (f"/openai/deployments/{model}/chat/completions?api-version=2024-10-21", model)
        for model in ("gpt-4o", "gpt-4o-mini")
    ]


def test_a_request_that_opts_out_keeps_its_model(routed: Proxy, fake: FakeProvider) -> None:
    before = routed.get("/routing/stats")
    answer = post_bytes(routed.url + "/v1/messages", **{"X-ModelTrack-No-Route": "true"})
    assert answer.json()["model"] == "claude-sonnet-4-6"
    assert "X-ModelTrack-Routed" not in answer.headers
    assert fake.requests[0].body == BODY
    after = routed.get("/routing/stats")
    assert after["total_skipped"] == before["total_skipped"] + 1
    assert after["skip_reasons"]["opt_out"] == 1


def test_a_rule_may_refuse_an_expensive_model_and_name_a_cheaper_one(routed: Proxy, fake: FakeProvider) -> None:
    answer = post_bytes(
        routed.url + "/v1/messages", BODY.replace(b"sonnet-4-6", b"opus-4-6"), **{"X-ModelTrack-App": "opus"}
    )
    assert answer.status_code == 429
    assert answer.headers["x-should-retry"] == "false"
    assert "Use 'claude-sonnet-4-6' instead" in answer.json()["error"]["message"]
    assert fake.requests == []
    [event] = routed.events(app_id="opus")
    assert (event["blocked_by"], event["routing_rule"]) == ("rule", "never-opus")


def test_bedrock_and_azure_go_to_their_configured_endpoints(
    make_proxy: Callable[..., Proxy], fake: FakeProvider
) -> None:
    proxy = make_proxy(
        BEDROCK_ENDPOINT_URL=fake.url + "/bedrock-prefix",
        AZURE_OPENAI_ENDPOINT=fake.url + "/azure-prefix",
        AZURE_OPENAI_API_VERSION="2024-10-21",
    )
    post_bytes(proxy.url + "/bedrock/v1/messages", BODY.replace(b"claude-sonnet", b"global.anthropic.claude-sonnet"))
    chat = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": PROMPT}]}).encode()
    post_bytes(proxy.url + "/azure/v1/chat/completions", chat, **{"api-key": KEY})
    assert [request.path for request in fake.requests] == [
        "/bedrock-prefix/v1/messages",
        "/azure-prefix/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
    ]
    assert [(event["provider"], event["cost_usd"]) for event in proxy.events()] == [
        ("bedrock", 0.006),
        ("azure", 0.0045),
    ]


def test_azure_without_an_endpoint_says_what_to_set(proxy: Proxy, fake: FakeProvider) -> None:
    answer = post_bytes(proxy.url + "/azure/v1/chat/completions", b'{"model":"gpt-4o"}')
    assert answer.status_code == 503
    assert "AZURE_OPENAI_ENDPOINT" in answer.json()["error"]["message"]
    assert fake.requests == []
