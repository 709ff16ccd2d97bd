"""Test Bedrock with the real SDKs: what they get, what it costs, and that each signature is valid."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import anthropic
import pytest
import requests

from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import KEY, PROMPT, Proxy
from tests.e2e.providers.bedrock.clients import (
    ARN,
    CLAUDE,
    CONVERSATION,
    GLOBAL,
    HAIKU,
    LLAMA,
    MESSAGES,
    NATIVE,
    PROXYS,
    SIGNED,
    US,
    boto,
    headers_of,
)
from tests.e2e.providers.bedrock.test_streams import INVOKE_STREAM
from tests.e2e.providers.sigv4 import signer_of


def sdk_message(url: str) -> Any:
    with anthropic.AnthropicBedrock(base_url=url, default_headers=headers_of("sdk_message"), **SIGNED) as client:
        return client.messages.create(model=US, max_tokens=300, messages=MESSAGES)


def sdk_message_of_a_profile(url: str) -> Any:
    headers = headers_of("sdk_message_of_a_profile")
    with anthropic.AnthropicBedrock(base_url=url, default_headers=headers, **SIGNED) as client:
        return client.messages.create(model=ARN, max_tokens=300, messages=MESSAGES)


def sdk_stream(url: str) -> Any:
    with anthropic.AnthropicBedrock(base_url=url, default_headers=headers_of("sdk_stream"), **SIGNED) as client:
        with client.messages.create(model=GLOBAL, max_tokens=300, messages=MESSAGES, stream=True) as stream:
            return [event.model_dump() for event in stream]


def sdk_async(url: str) -> Any:
    async def both() -> Any:
        headers = headers_of("sdk_async")
        async with anthropic.AsyncAnthropicBedrock(base_url=url, default_headers=headers, **SIGNED) as client:
            return await client.messages.create(model=US, max_tokens=300, messages=MESSAGES)

    return asyncio.run(both())


def sdk_async_stream(url: str) -> Any:
    async def events() -> Any:
        headers = headers_of("sdk_async_stream")
        async with anthropic.AsyncAnthropicBedrock(base_url=url, default_headers=headers, **SIGNED) as client:
            stream = await client.messages.create(model=US, max_tokens=300, messages=MESSAGES, stream=True)
            return [event.model_dump() async for event in stream]

    return asyncio.run(events())


def native_message(url: str) -> Any:
    headers = headers_of("native_message")
    with anthropic.AnthropicBedrockMantle(base_url=url, default_headers=headers, **SIGNED) as client:
        return client.messages.create(model=NATIVE, max_tokens=300, messages=MESSAGES)


def native_stream(url: str) -> Any:
    headers = headers_of("native_stream")
    with anthropic.AnthropicBedrockMantle(base_url=url, default_headers=headers, **SIGNED) as client:
        with client.messages.stream(model=NATIVE, max_tokens=300, messages=MESSAGES) as stream:
            return [event.model_dump() for event in stream]


def converse(url: str) -> Any:
    answer = boto(url, "converse").converse(modelId=ARN, messages=CONVERSATION)
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def converse_stream(url: str) -> Any:
    return list(boto(url, "converse_stream").converse_stream(modelId=US, messages=CONVERSATION)["stream"])


def invoke_model(url: str) -> Any:
    return json.load(boto(url, "invoke_model").invoke_model(modelId=GLOBAL, body=json.dumps(CLAUDE))["body"])


def invoke_model_with_response_stream(url: str) -> Any:
    client = boto(url, "invoke_model_with_response_stream")
    return list(client.invoke_model_with_response_stream(modelId=US, body=json.dumps(CLAUDE))["body"])


SONNET = 0.0061215  # in a region: 3.30 / 16.50, read 0.33, write 4.125
GLOBAL_SONNET = 0.005565  # 3 / 15, read 0.30, write 3.75


@pytest.mark.parametrize(
    ("call", "model", "cost", "service"),
    [
        (sdk_message, US, HAIKU, "bedrock"),
        (sdk_message_of_a_profile, ARN, SONNET, "bedrock"),
        (sdk_stream, GLOBAL, GLOBAL_SONNET, "bedrock"),
        (sdk_async, US, HAIKU, "bedrock"),
        (sdk_async_stream, US, HAIKU, "bedrock"),
        (native_message, NATIVE, HAIKU, "bedrock-mantle"),
        (native_stream, NATIVE, HAIKU, "bedrock-mantle"),
        (converse, ARN, SONNET, "bedrock"),
        (converse_stream, US, HAIKU, "bedrock"),
        (invoke_model, GLOBAL, GLOBAL_SONNET, "bedrock"),
        (invoke_model_with_response_stream, US, HAIKU, "bedrock"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_an_sdk_that_signs_gets_what_it_gets_without_the_proxy(
    call: Callable[[str], Any], model: str, cost: float, service: str, proxy: Proxy, fake: FakeProvider
) -> None:
    expected = call(fake.url + "/prefix")
    fake.clear()
    assert call(proxy.url + "/bedrock") == expected
    [request] = fake.requests
    assert signer_of(request, PROXYS) == ("AKIAPROXY", "eu-west-1", service)
    assert request.path.startswith("/prefix/")
    assert "modeltrack" not in str(request.headers).lower()
    [event] = proxy.events(app_id=call.__name__)
    assert (event["provider"], event["model"], event["cost_usd"]) == ("bedrock", model, cost)
    assert event["is_streaming"] is ("stream" in call.__name__)
    assert (event["input_tokens"], event["cache_read_tokens"], event["cache_write_tokens"]) == (200, 300, 500)
    assert "usage_estimated" not in event and "error" not in event


def test_a_request_that_is_signed_anew_each_time_is_still_the_same_request(proxy: Proxy, fake: FakeProvider) -> None:
    headers = headers_of("cache", **{"X-ModelTrack-No-Cache": "0"})
    with anthropic.AnthropicBedrock(base_url=proxy.url + "/bedrock", default_headers=headers, **SIGNED) as client:
        first, second = (client.messages.create(model=US, max_tokens=1, messages=MESSAGES) for _ in range(2))
    assert first == second and len(fake.requests) == 1
    assert [event["cost_usd"] for event in proxy.events(app_id="cache")] == [HAIKU, 0]


@pytest.mark.parametrize("kind", ["invoke", INVOKE_STREAM])
def test_another_models_usage_is_in_the_headers_or_the_streams_metrics(proxy: Proxy, kind: str) -> None:
    url = f"{proxy.url}/bedrock/model/{LLAMA}/{kind}"
    headers = headers_of(f"llama-{kind}", Authorization=f"Bearer {KEY}", **{"X-Fake": "cache_read=0,cache_write=0"})
    assert requests.post(url, json={"prompt": PROMPT}, headers=headers, timeout=10).status_code == 200
    [event] = proxy.events(app_id=f"llama-{kind}")
    assert (event["input_tokens"], event["output_tokens"], event["model"]) == (200, 200, LLAMA)
    assert event["cost_usd"] == 0.000088  # 0.22 / 0.22
    assert "usage_estimated" not in event
