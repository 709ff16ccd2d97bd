"""Bedrock with the real SDKs. They sign for the proxy, the proxy for AWS: each signature that arrives is verified."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from typing import Any

import anthropic
import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import KEY, PROMPT, SECRET, Proxy, until
from tests.e2e.providers.sigv4 import signer_of

CLIENTS = {"AKIACLIENT": f"client-{SECRET}"}
PROXYS = {"AKIAPROXY": f"proxy-{SECRET}"}
NO_AWS = {
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}

US = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
GLOBAL = "global.anthropic.claude-sonnet-4-6"
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-6"
LLAMA = "meta.llama3-1-8b-instruct-v1:0"
NATIVE = "anthropic.claude-haiku-4-5-20251001"

MESSAGES: Any = [{"role": "user", "content": PROMPT}]
CLAUDE: Any = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 300, "messages": MESSAGES}
CONVERSATION: Any = [{"role": "user", "content": [{"text": PROMPT}]}]

RULES = {
    "rules": [
        {
            "name": "cheaper",
            "trigger": "budget_percent_above",
            "threshold": 0,
            "from_models": ["claude-sonnet-4-6"],
            "to_model": "claude-haiku-4-5",
            "provider": "bedrock",
        }
    ]
}
BUDGETS = {"budgets": [{"team": "thrifty", "monthly_limit": 1000, "action": "warn"}]}


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeProvider]:
    with FakeProvider(input_tokens=200, cache_read=300, cache_write=500) as provider:
        yield provider


@pytest.fixture(scope="module")
def proxy(make_proxy: Callable[..., Proxy], fake: FakeProvider) -> Proxy:
    """In another region than its clients, at an endpoint with a path prefix."""
    return make_proxy(
        files={"budgets.json": BUDGETS, "routing.json": RULES},
        BEDROCK_ENDPOINT_URL=fake.url + "/prefix",
        BEDROCK_REGION="eu-west-1",
        AWS_ACCESS_KEY_ID="AKIAPROXY",
        AWS_SECRET_ACCESS_KEY=PROXYS["AKIAPROXY"],
        MAX_REQUEST_BYTES="100000",
        **NO_AWS,
    )


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients' configuration is what the tests say."""
    for name, value in NO_AWS.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


SIGNED: Any = {"aws_access_key": "AKIACLIENT", "aws_secret_key": CLIENTS["AKIACLIENT"], "aws_region": "us-east-1"}
BEARER: Any = {"api_key": KEY, "aws_region": "us-east-1"}


def headers_of(app: str, **others: str) -> dict[str, str]:
    return {"X-ModelTrack-Team": "bedrock", "X-ModelTrack-App": app, "X-ModelTrack-No-Cache": "1"} | others


@cache
def session() -> Any:
    """It takes long to make, and reads descriptions of all services."""
    credentials = {"aws_access_key_id": "AKIACLIENT", "aws_secret_access_key": CLIENTS["AKIACLIENT"]}
    return boto3.Session(region_name="us-east-1", **credentials)


def boto(url: str, app: str, fake: str = "", team: str = "bedrock") -> Any:
    """boto3's client, one attempt a call."""
    config = Config(retries={"total_max_attempts": 1})
    client = session().client("bedrock-runtime", endpoint_url=url, config=config)

    def add_headers(params: dict[str, Any], **_: Any) -> None:
        params["headers"] |= headers_of(app) | {"X-ModelTrack-Team": team, "X-Fake": fake}

    client.meta.events.register("before-call.bedrock-runtime", add_headers)
    return client


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


# 200 in, 300 read, 500 written, 200 out, in USD per million tokens:
HAIKU = 0.0020405  # in a region: 1.10 / 5.50, read 0.11, write 1.375
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


@pytest.mark.parametrize("spelling", ["us.anthropic.claude-haiku-4-5-20251001-v1:0", US.replace(":", "%3A")])
def test_the_model_goes_on_as_the_client_spells_it_and_is_signed_so(
    proxy: Proxy, fake: FakeProvider, spelling: str
) -> None:
    authorization = "AWS4-HMAC-SHA256 Credential=AKIACLIENT/x/us-east-1/bedrock/aws4_request, SignedHeaders=host"
    app = f"spelling-{len(spelling)}"
    headers = headers_of(app, Authorization=authorization, **{"X-Amz-Security-Token": "t"})
    answer = requests.post(f"{proxy.url}/bedrock/model/{spelling}/invoke", json=CLAUDE, headers=headers, timeout=10)
    assert answer.status_code == 200
    [request] = fake.requests
    assert request.path == f"/prefix/model/{spelling}/invoke"
    assert signer_of(request, PROXYS)[0] == "AKIAPROXY"
    assert request.header("x-amz-security-token") is None
    assert [event["model"] for event in proxy.events(app_id=app)] == [US]


def test_a_request_that_is_signed_anew_each_time_is_still_the_same_request(proxy: Proxy, fake: FakeProvider) -> None:
    headers = headers_of("cache", **{"X-ModelTrack-No-Cache": "0"})
    with anthropic.AnthropicBedrock(base_url=proxy.url + "/bedrock", default_headers=headers, **SIGNED) as client:
        first, second = (client.messages.create(model=US, max_tokens=1, messages=MESSAGES) for _ in range(2))
    assert first == second and len(fake.requests) == 1
    assert [event["cost_usd"] for event in proxy.events(app_id="cache")] == [HAIKU, 0]


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
    assert proxy.events(app_id=call.__name__) == []


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


def rewritten_sdk(url: str) -> Any:
    headers = headers_of("rewritten_sdk") | {"X-ModelTrack-Team": "thrifty"}
    with anthropic.AnthropicBedrock(base_url=url, default_headers=headers, **SIGNED) as client:
        raw = client.messages.with_raw_response.create(
            model="us.anthropic.claude-sonnet-4-6", max_tokens=300, messages=MESSAGES
        )
    return raw.headers


def rewritten_native(url: str) -> Any:
    headers = headers_of("rewritten_native") | {"X-ModelTrack-Team": "thrifty"}
    with anthropic.AnthropicBedrockMantle(base_url=url, default_headers=headers, **SIGNED) as client:
        raw = client.messages.with_raw_response.create(
            model="us.anthropic.claude-sonnet-4-6", max_tokens=300, messages=MESSAGES
        )
    return raw.headers


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


INVOKE_STREAM, CONVERSE_STREAM = "invoke-with-response-stream", "converse-stream"
BODIES = {INVOKE_STREAM: CLAUDE, CONVERSE_STREAM: {"messages": CONVERSATION}}


def open_stream(url: str, kind: str, app: str, fake: str, model: str = US) -> requests.Response:
    return requests.post(
        f"{url}/model/{model}/{kind}",
        json=BODIES[kind],
        headers=headers_of(app, Authorization=f"Bearer {KEY}", **{"X-Fake": fake}),
        stream=True,
        timeout=20,
    )


@pytest.mark.parametrize("corrupt", [1, 4])
@pytest.mark.parametrize("kind", [INVOKE_STREAM, CONVERSE_STREAM])
def test_a_damaged_stream_passes_as_it_is_and_its_usage_is_estimated(
    proxy: Proxy, fake: FakeProvider, kind: str, corrupt: int
) -> None:
    app = f"corrupt-{kind}-{corrupt}"
    through = open_stream(proxy.url + "/bedrock", kind, app, f"corrupt={corrupt},gap=0.01").content
    assert through == open_stream(fake.url, kind, app, f"corrupt={corrupt}").content
    [event] = until(lambda: proxy.events(app_id=app))
    assert (event["status_code"], event["usage_estimated"]) == (200, True)
    assert (
        event["input_tokens"] > 0 and event["output_tokens"] == {1: 0, 4: 8 if kind == CONVERSE_STREAM else 4}[corrupt]
    )
    assert "not an AWS event stream: ChecksumMismatch" in proxy.log and "ERROR" not in proxy.log


def failing_boto_converse(url: str) -> Any:
    client = boto(url, "failing_boto_converse", "fail=4")
    with closing(client), closing(client.converse_stream(modelId=US, messages=CONVERSATION)["stream"]) as stream:
        with pytest.raises(EventStreamError) as error:
            list(stream)
    return str(error.value)


def failing_boto_invoke(url: str) -> Any:
    client = boto(url, "failing_boto_invoke", "fail=4")
    answer = client.invoke_model_with_response_stream(modelId=US, body=json.dumps(CLAUDE))
    with closing(client), closing(answer["body"]) as stream:
        with pytest.raises(EventStreamError) as error:
            list(stream)
    return str(error.value)


def failing_sdk(url: str) -> Any:
    headers = headers_of("failing_sdk") | {"X-Fake": "fail=4"}
    with anthropic.AnthropicBedrock(base_url=url, default_headers=headers, **SIGNED) as client:
        with pytest.raises(Exception, match=r".") as error:
            list(client.messages.create(model=US, max_tokens=300, messages=MESSAGES, stream=True))
    return type(error.value), str(error.value)


@pytest.mark.parametrize(
    "call", [failing_boto_converse, failing_boto_invoke, failing_sdk], ids=lambda call: call.__name__
)
def test_an_exception_in_a_stream_reaches_the_client_and_what_came_is_billed(
    call: Callable[[str], Any], proxy: Proxy, fake: FakeProvider
) -> None:
    assert call(proxy.url + "/bedrock") == call(fake.url)
    [event] = until(lambda: proxy.events(app_id=call.__name__))
    assert (event["error"], event["status_code"], event["usage_estimated"]) == ("throttlingException", 200, True)
    assert 0 < event["output_tokens"] < 20 and event["cost_usd"] > 0


@pytest.mark.parametrize(("kind", "model"), [(INVOKE_STREAM, US), (CONVERSE_STREAM, US), (INVOKE_STREAM, LLAMA)])
def test_a_stream_that_the_provider_cuts_short_is_billed_for_what_came(proxy: Proxy, kind: str, model: str) -> None:
    app = f"cut-{kind}-{model[:2]}"
    with pytest.raises(requests.RequestException):
        _ = open_stream(proxy.url + "/bedrock", kind, app, "hangup=4", model).content
    [event] = until(lambda: proxy.events(app_id=app))
    assert (event["error"], event["usage_estimated"]) == ("upstream_disconnected", True)
    assert 0 < event["output_tokens"] < 20 and event["cost_usd"] > 0


@pytest.mark.parametrize("kind", [INVOKE_STREAM, CONVERSE_STREAM])
def test_a_stream_that_the_client_leaves_is_billed_for_what_came(proxy: Proxy, fake: FakeProvider, kind: str) -> None:
    answer = open_stream(proxy.url + "/bedrock", kind, f"left-{kind}", "hold=4")
    answer.raw.read(1)
    assert fake.waiting.wait(10)
    answer.raw._fp.fp.raw._sock.shutdown(socket.SHUT_RDWR)
    answer.close()
    [event] = until(lambda: proxy.events(app_id=f"left-{kind}"))
    assert (event["status_code"], event["error"]) == (499, "client_disconnected")
    assert event["usage_estimated"] and 0 < event["output_tokens"] < 20


@pytest.mark.parametrize("kind", ["invoke", INVOKE_STREAM])
def test_another_models_usage_is_in_the_headers_or_the_streams_metrics(proxy: Proxy, kind: str) -> None:
    url = f"{proxy.url}/bedrock/model/{LLAMA}/{kind}"
    headers = headers_of(f"llama-{kind}", Authorization=f"Bearer {KEY}", **{"X-Fake": "cache_read=0,cache_write=0"})
    assert requests.post(url, json={"prompt": PROMPT}, headers=headers, timeout=10).status_code == 200
    [event] = proxy.events(app_id=f"llama-{kind}")
    assert (event["input_tokens"], event["output_tokens"], event["model"]) == (200, 200, LLAMA)
    assert event["cost_usd"] == 0.000088  # 0.22 / 0.22
    assert "usage_estimated" not in event
