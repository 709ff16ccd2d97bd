"""Test what the clients of a running proxy are told once a budget is spent: the real SDKs, with each REFUSAL_STATUS."""

import time
from collections.abc import Callable
from typing import Any

import anthropic
import boto3
import botocore.exceptions
import openai
import pytest
from botocore.config import Config

from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import post
from tests.e2e.conftest import KEY, PROMPT, Proxy

MESSAGES: Any = [{"role": "user", "content": PROMPT}]
MESSAGE = "Team 'broke' has exceeded monthly budget of $0.000001 (current: $0.006)"
CLASSES = {
    429: (anthropic.RateLimitError, openai.RateLimitError),
    402: (anthropic.PaymentRequiredError, openai.APIStatusError),
}


@pytest.fixture(scope="module", params=CLASSES)
def spent(request: pytest.FixtureRequest, make_proxy: Callable[..., Proxy], fake: FakeProvider) -> tuple[Proxy, int]:
    """A proxy whose team `broke` has spent its budget, and the status of its refusals."""
    status: int = request.param
    budget = {"team": "broke", "monthly_limit": 0.000001, "action": "block"}
    proxy = make_proxy(
        files={"budgets.json": {"budgets": [budget]}}, REFUSAL_STATUS=str(status), BEDROCK_ENDPOINT_URL=fake.url
    )
    assert post(proxy, "broke").status_code == 200
    return proxy, status


def headers_of(app: str) -> dict[str, str]:
    return {"X-ModelTrack-Team": "broke", "X-ModelTrack-App": app}


def refused_once(proxy: Proxy, fake: FakeProvider, app: str, status: int) -> None:
    [event] = proxy.events(app_id=app)
    assert (event["status_code"], event["blocked_by"], event["error"]) == (status, "budget", "budget_exceeded")
    assert event["cost_usd"] == 0 and fake.requests == []


@pytest.mark.parametrize("stream", [False, True])
def test_anthropics_sdk_raises_its_own_error_at_once(
    spent: tuple[Proxy, int], fake: FakeProvider, stream: bool
) -> None:
    proxy, status = spent
    app = f"anthropic-{stream}"
    fake.clear()
    with anthropic.Anthropic(api_key=KEY, base_url=proxy.url, default_headers=headers_of(app), max_retries=5) as client:
        with pytest.raises(CLASSES[status][0]) as error:
            client.messages.create(model="claude-sonnet-4-6", max_tokens=9, messages=MESSAGES, stream=stream)
    assert isinstance(error.value.body, dict) and error.value.body["error"]["type"] == "budget_exceeded"
    assert MESSAGE in error.value.message and error.value.status_code == status
    refused_once(proxy, fake, app, status)


def chat(client: openai.OpenAI, stream: bool) -> Any:
    return client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=stream)


def response(client: openai.OpenAI, stream: bool) -> Any:
    return client.responses.create(model="gpt-4o", input=PROMPT, stream=stream)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("call", [chat, response], ids=lambda call: call.__name__)
def test_openais_sdk_raises_its_own_error_at_once(
    spent: tuple[Proxy, int], fake: FakeProvider, call: Callable[[openai.OpenAI, bool], Any], stream: bool
) -> None:
    proxy, status = spent
    app = f"openai-{call.__name__}-{stream}"
    url = proxy.url + "/v1"
    with openai.OpenAI(api_key=KEY, base_url=url, default_headers=headers_of(app), max_retries=5) as client:
        with pytest.raises(CLASSES[status][1]) as error:
            call(client, stream)
    found = error.value
    assert MESSAGE in found.message and found.status_code == status
    assert (found.code, found.type) == ("budget_exceeded", "usage_limit_reached")
    assert isinstance(found.body, dict) and time.time() < found.body["resets_at"] < time.time() + 32 * 86400
    refused_once(proxy, fake, app, status)


def test_openais_sdk_gets_an_event_on_a_websocket(spent: tuple[Proxy, int], fake: FakeProvider) -> None:
    proxy, status = spent
    with openai.OpenAI(api_key=KEY, base_url=proxy.url + "/v1", default_headers=headers_of("ws")) as client:
        with client.responses.connect() as connection:
            connection.response.create(model="gpt-4o", input=PROMPT)
            event: Any = next(iter(connection))
    assert (event.type, event.status) == ("error", status)
    assert (event.error.code, event.error.type) == ("budget_exceeded", "usage_limit_reached")
    assert MESSAGE in event.error.message and event.error.resets_at > time.time()
    [logged] = proxy.events(app_id="ws")
    assert (logged["status_code"], logged["blocked_by"]) == (status, "budget")
    assert event.error.headers == event.headers and event.headers["X-ModelTrack-Call"] == logged["event_id"]
    assert event.headers["x-codex-promo-message"] == f"{MESSAGE}. Raise it in budgets.json"


def test_boto3_is_told_too(spent: tuple[Proxy, int]) -> None:
    proxy, status = spent
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=proxy.url + "/bedrock",
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key=KEY,
        config=Config(retries={"total_max_attempts": 1}),
    )

    def name_the_team(request: Any, **_: Any) -> None:
        for name, value in headers_of("boto").items():
            request.headers[name] = value

    client.meta.events.register("before-sign.bedrock-runtime.*", name_the_team)
    with pytest.raises(botocore.exceptions.ClientError, match="has exceeded monthly budget") as error:
        client.converse(modelId="anthropic.claude-3-haiku", messages=[{"role": "user", "content": [{"text": PROMPT}]}])
    found = error.value.response
    assert found["ResponseMetadata"]["HTTPStatusCode"] == status and found["Error"]["Code"] == "budget_exceeded"
