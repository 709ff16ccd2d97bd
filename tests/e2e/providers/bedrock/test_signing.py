"""Test that the proxy signs for AWS what the SDKs have signed for the proxy."""

import json
from collections.abc import Callable
from typing import Any

import anthropic
import pytest
import requests
from botocore.exceptions import ClientError

from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import KEY, PROMPT, Proxy
from tests.e2e.providers.bedrock.clients import (
    BEARER,
    CLAUDE,
    CONVERSATION,
    HAIKU,
    MESSAGES,
    NATIVE,
    NO_AWS,
    PROXYS,
    SIGNED,
    US,
    boto,
    headers_of,
)
from tests.e2e.providers.sigv4 import signer_of


@pytest.mark.parametrize("spelling", ["us.anthropic.claude-haiku-4-5-20251001-v1:0", US.replace(":", "%3A")])
def test_the_model_goes_on_as_the_client_spells_it_and_is_signed_so(
    proxy: Proxy, fake: FakeProvider, spelling: str
) -> None:
    scope = "Credential=AKIACLIENT/x/us-east-1/bedrock/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"
    app = f"spelling-{len(spelling)}"
    headers = headers_of(app, Authorization=authorization, **{"X-Amz-Security-Token": "t"})
    answer = requests.post(f"{proxy.url}/bedrock/model/{spelling}/invoke", json=CLAUDE, headers=headers, timeout=10)
    assert answer.status_code == 200
    [request] = fake.requests
    assert request.path == f"/prefix/model/{spelling}/invoke"
    assert signer_of(request, PROXYS)[0] == "AKIAPROXY"
    assert request.header("x-amz-security-token") is None
    assert [event["model"] for event in proxy.events(app_id=app)] == [US]


def bearer_sdk(url: str) -> None:
    with anthropic.AnthropicBedrock(base_url=url, default_headers=headers_of("bearer_sdk"), **BEARER) as client:
        client.messages.create(model=US, max_tokens=300, messages=MESSAGES)


def bearer_native(url: str) -> None:
    headers = headers_of("bearer_native")
    with anthropic.AnthropicBedrockMantle(base_url=url, default_headers=headers, **BEARER) as client:
        client.messages.create(model=NATIVE, max_tokens=300, messages=MESSAGES)


@pytest.mark.parametrize("call", [bearer_sdk, bearer_native], ids=lambda call: call.__name__)
def test_a_bearer_key_passes_untouched(
    call: Callable[[str], Any], proxy: Proxy, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", KEY)
    call(proxy.url + "/bedrock")
    [request] = fake.requests
    assert request.header("authorization") == f"Bearer {KEY}"
    assert request.header("x-amz-date") is None
    assert [event["cost_usd"] for event in proxy.events(app_id=call.__name__)] == [HAIKU]


@pytest.fixture(scope="module")
def without_credentials(make_proxy: Callable[..., Proxy], fake: FakeProvider) -> Proxy:
    return make_proxy(BEDROCK_ENDPOINT_URL=fake.url, **NO_AWS)


def test_without_credentials_of_its_own_the_proxy_says_so(without_credentials: Proxy, fake: FakeProvider) -> None:
    url = without_credentials.url + "/bedrock"
    with anthropic.AnthropicBedrock(base_url=url, default_headers=headers_of("none"), **SIGNED) as client:
        with pytest.raises(anthropic.InternalServerError, match="has no AWS credentials") as error:
            client.messages.create(model=US, max_tokens=300, messages=MESSAGES)
    assert error.value.status_code == 503
    body: Any = error.value.body
    assert (body["type"], body["error"]["type"]) == ("error", "no_aws_credentials")
    assert error.value.response.headers["x-should-retry"] == "false"
    [event] = without_credentials.events(app_id="none")  # one attempt
    assert (event["status_code"], event["error"], event["cost_usd"]) == (503, "no_aws_credentials", 0)
    assert (event["model"], event["input_tokens"]) == (US, 0)
    assert fake.requests == []


def test_boto3_can_read_the_proxys_errors(without_credentials: Proxy, fake: FakeProvider) -> None:
    client = boto(without_credentials.url + "/bedrock", "none-boto")
    for call in (
        lambda: client.converse(modelId=US, messages=CONVERSATION),
        lambda: client.invoke_model(modelId=US, body=json.dumps(CLAUDE)),
        lambda: client.list_async_invokes(),
    ):
        with pytest.raises(ClientError, match="has no AWS credentials") as error:
            call()
        assert error.value.response["Error"]["Code"] == "no_aws_credentials"
    assert len(without_credentials.events(app_id="none-boto", status_code=503)) == 2
    assert fake.requests == []


def test_a_bearer_key_needs_no_credentials_of_the_proxy(without_credentials: Proxy, fake: FakeProvider) -> None:
    bearer_sdk(without_credentials.url + "/bedrock")
    assert fake.requests[0].path == f"/model/{US}/invoke"


def count_tokens(client: Any) -> Any:
    return client.count_tokens(modelId=US, input={"converse": {"messages": CONVERSATION}})["inputTokens"]


def list_async_invokes(client: Any) -> Any:
    return client.list_async_invokes(statusEquals="InProgress", maxResults=3)["asyncInvokeSummaries"]


def start_async_invoke(client: Any) -> Any:
    output = {"s3OutputDataConfig": {"s3Uri": "s3://a-bucket"}}
    return client.start_async_invoke(
        modelId="amazon.nova-reel-v1:0", modelInput={"text": PROMPT}, outputDataConfig=output, clientRequestToken="1"
    )["invocationArn"]


@pytest.mark.parametrize("call", [count_tokens, list_async_invokes, start_async_invoke], ids=lambda call: call.__name__)
def test_calls_that_are_only_passed_on_are_signed_too(
    call: Callable[[Any], Any], proxy: Proxy, fake: FakeProvider
) -> None:
    before = proxy.get("/stats")["untracked_requests"]
    expected = call(boto(fake.url + "/prefix", call.__name__))
    assert call(boto(proxy.url + "/bedrock", call.__name__)) == expected
    direct, through = fake.requests
    assert signer_of(through, PROXYS) == ("AKIAPROXY", "eu-west-1", "bedrock")
    assert (through.method, through.path, through.body) == (direct.method, direct.path, direct.body)
    assert through.header("x-modeltrack-app") is None
    assert proxy.get("/stats")["untracked_requests"] == before + 1
    events = [(event["unmetered"], event["cost_usd"]) for event in proxy.events(app_id=call.__name__)]
    assert events == ([(True, None)] if call is start_async_invoke else [])  # an invoke makes something


def test_a_native_call_that_is_only_passed_on_is_signed_for_its_service(proxy: Proxy, fake: FakeProvider) -> None:
    with anthropic.AnthropicBedrockMantle(base_url=proxy.url + "/bedrock", **SIGNED) as client:
        assert client.messages.count_tokens(model=NATIVE, messages=MESSAGES).input_tokens == 200
    assert signer_of(fake.requests[0], PROXYS)[2] == "bedrock-mantle"


def test_what_has_to_be_held_to_be_signed_may_not_be_larger_than_other_bodies(proxy: Proxy, fake: FakeProvider) -> None:
    client = boto(proxy.url + "/bedrock", "large")
    with pytest.raises(ClientError, match="limit that MAX_REQUEST_BYTES sets") as error:
        client.count_tokens(modelId=US, input={"invokeModel": {"body": b"x" * 200_000}})
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert fake.requests == []


def rewritten(client: Any) -> Any:
    with client:
        raw = client.messages.with_raw_response.create(
            model="us.anthropic.claude-sonnet-4-6", max_tokens=300, messages=MESSAGES
        )
    return raw.headers


def rewritten_sdk(url: str) -> Any:
    headers = headers_of("rewritten_sdk") | {"X-ModelTrack-Team": "thrifty"}
    return rewritten(anthropic.AnthropicBedrock(base_url=url, default_headers=headers, **SIGNED))


def rewritten_native(url: str) -> Any:
    headers = headers_of("rewritten_native") | {"X-ModelTrack-Team": "thrifty"}
    return rewritten(anthropic.AnthropicBedrockMantle(base_url=url, default_headers=headers, **SIGNED))


def rewritten_boto(url: str) -> Any:
    client = boto(url, "rewritten_boto", team="thrifty")
    answer = client.converse_stream(modelId="us.anthropic.claude-sonnet-4-6", messages=CONVERSATION)
    list(answer["stream"])
    return answer["ResponseMetadata"]["HTTPHeaders"]


@pytest.mark.parametrize("call", [rewritten_sdk, rewritten_native, rewritten_boto], ids=lambda call: call.__name__)
def test_a_downgraded_call_is_signed_with_its_new_model(
    call: Callable[[str], Any], proxy: Proxy, fake: FakeProvider
) -> None:
    headers = call(proxy.url + "/bedrock")
    assert headers["x-modeltrack-routed-to"] == US
    [request] = fake.requests
    assert signer_of(request, PROXYS)[0] == "AKIAPROXY"
    assert (f"/model/{US}/" in request.path) or json.loads(request.body)["model"] == US
    [event] = proxy.events(app_id=call.__name__)
    assert (event["routed_from"], event["routed_to"]) == ("us.anthropic.claude-sonnet-4-6", US)
    assert (event["cost_usd"], event["saved_usd"]) == (HAIKU, 0.004081)
