"""The vendors' SDKs with nothing but a ModelTrack key: they work, and raise their own errors in one attempt."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import anthropic
import openai
import pytest
from botocore.exceptions import ClientError

from demo.fake_provider.server import FakeProvider
from tests.e2e.callers.people import KEYS, OWN, PUT_IN, assert_no_key, credentials_in
from tests.e2e.conftest import PROMPT, Proxy
from tests.e2e.providers.bedrock.clients import CONVERSATION, NATIVE, NO_AWS, PROXYS, US, session
from tests.e2e.providers.sdk_clients import DATED
from tests.e2e.providers.sigv4 import signer_of

MESSAGES: Any = [{"role": "user", "content": PROMPT}]
Call = Callable[[str, str, dict[str, str], list[Any]], Any]
"""Makes one call with the SDK at a proxy, with a key, with more headers; it notes each attempt in the list."""


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NO_AWS.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE", "AWS_REGION", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def options(sdk: Any, url: str, headers: dict[str, str], attempts: list[Any]) -> Any:
    http = sdk.DefaultHttpxClient(event_hooks={"request": [attempts.append]})
    return {"base_url": url, "default_headers": headers, "max_retries": 3, "http_client": http}


def message(client: Any, model: str = "claude-haiku-4-5") -> Any:
    with client:
        return client.messages.create(model=model, max_tokens=9, messages=MESSAGES)


def chat(client: openai.OpenAI) -> Any:
    with client:
        return client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)


def claude(url: str, key: str, headers: dict[str, str], attempts: list[Any]) -> Any:
    return message(anthropic.Anthropic(api_key=key, **options(anthropic, url, headers, attempts)))


def gpt(url: str, key: str, headers: dict[str, str], attempts: list[Any]) -> Any:
    return chat(openai.OpenAI(api_key=key, **options(openai, url + "/v1", headers, attempts)))


def gpt_stream(url: str, key: str, headers: dict[str, str], attempts: list[Any]) -> Any:
    with openai.OpenAI(api_key=key, **options(openai, url + "/v1", headers, attempts)) as client:
        return list(client.responses.create(model="gpt-4o-mini", input=PROMPT, stream=True))


def gpt_models(url: str, key: str, headers: dict[str, str], attempts: list[Any]) -> Any:
    """A request that is not tracked."""
    with openai.OpenAI(api_key=key, **options(openai, url + "/v1", headers, attempts)) as client:
        return client.models.list()


def claude_with_openais(url: str, key: str, headers: dict[str, str], attempts: list[Any]) -> Any:
    """OpenAI's SDK at Anthropic's chat completions."""
    headers = headers | {"anthropic-version": "2023-06-01"}
    return chat(openai.OpenAI(api_key=key, **options(openai, url + "/v1", headers, attempts)))


def azure(url: str, key: str, headers: dict[str, str], attempts: list[Any]) -> Any:
    told = options(openai, "", headers, attempts) | {"base_url": None, "azure_endpoint": url + "/azure"}
    return chat(openai.AzureOpenAI(api_key=key, api_version=DATED, **told))


def azure_v1(url: str, key: str, headers: dict[str, str], attempts: list[Any]) -> Any:
    return chat(openai.OpenAI(api_key=key, **options(openai, url + "/azure/v1", headers, attempts)))


def foundry(url: str, key: str, headers: dict[str, str], attempts: list[Any]) -> Any:
    return message(
        anthropic.AnthropicFoundry(api_key=key, **options(anthropic, url + "/azure/anthropic", headers, attempts))
    )


def bedrock(url: str, key: str, headers: dict[str, str], attempts: list[Any]) -> Any:
    told = options(anthropic, url + "/bedrock", headers, attempts)
    return message(anthropic.AnthropicBedrock(api_key=key, aws_region="us-east-1", **told), US)


def mantle(url: str, key: str, headers: dict[str, str], attempts: list[Any]) -> Any:
    told = options(anthropic, url + "/bedrock", headers, attempts)
    return message(anthropic.AnthropicBedrockMantle(api_key=key, aws_region="us-east-1", **told), NATIVE)


OF_FOUNDRY = PUT_IN["azure"] | {"x-api-key": PUT_IN["azure"]["api-key"]}
OF_CHAT = {"authorization": f"Bearer {PUT_IN['anthropic']['x-api-key']}"}
CALLS: dict[Call, tuple[Any, dict[str, str]]] = {
    claude: (anthropic, PUT_IN["anthropic"]),
    gpt: (openai, PUT_IN["openai"]),
    gpt_stream: (openai, PUT_IN["openai"]),
    gpt_models: (openai, PUT_IN["openai"]),
    claude_with_openais: (openai, OF_CHAT),
    azure: (openai, PUT_IN["azure"]),
    azure_v1: (openai, PUT_IN["azure"]),
    foundry: (anthropic, OF_FOUNDRY),
    bedrock: (anthropic, PUT_IN["bedrock"]),
    mantle: (anthropic, PUT_IN["bedrock"]),
}
each_call = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)


@each_call
def test_an_sdk_needs_nothing_but_the_key(keys_only: Proxy, fake: FakeProvider, call: Call) -> None:
    attempts: list[Any] = []
    call(keys_only.url, KEYS["chatbot"], {"X-ModelTrack-No-Cache": "1"}, attempts)
    [request] = fake.requests
    assert_no_key(request)
    assert credentials_in(request) == CALLS[call][1]
    assert len(attempts) == 1


@each_call
def test_the_key_may_be_the_password_of_the_base_url(keys_only: Proxy, fake: FakeProvider, call: Call) -> None:
    """An SDK sends it in the place of its own key, where that is a Bearer token."""
    url = keys_only.url.replace("://", f"://any:{KEYS['chatbot']}@")
    call(url, OWN, {"X-ModelTrack-No-Cache": "1"}, [])
    [request] = fake.requests
    assert_no_key(request)
    sent = credentials_in(request)
    assert sent == CALLS[call][1] or set(sent.values()) == {OWN}


@each_call
@pytest.mark.parametrize("id", ["unknown", "disabled", "ended", ""])
def test_a_key_that_is_not_valid_raises_the_sdks_authentication_error(
    keys_only: Proxy, fake: FakeProvider, call: Call, id: str
) -> None:
    sdk, attempts = CALLS[call][0], list[Any]()
    with pytest.raises(sdk.AuthenticationError, match="no valid ModelTrack key") as error:
        call(keys_only.url, KEYS.get(id, OWN), {}, attempts)
    assert (len(attempts), fake.requests, error.value.status_code) == (1, [], 401)
    if sdk is openai:
        assert error.value.code == "invalid_api_key"
    else:
        assert error.value.body["error"]["type"] == "authentication_error"


@each_call
def test_a_header_against_the_key_raises_the_sdks_permission_error(
    keys_only: Proxy, fake: FakeProvider, call: Call
) -> None:
    sdk, attempts = CALLS[call][0], list[Any]()
    with pytest.raises(sdk.PermissionDeniedError, match=r"'chatbot' is for the team 'product'.* says 'research'"):
        call(keys_only.url, KEYS["chatbot"], {"X-ModelTrack-Team": "research"}, attempts)
    assert (len(attempts), fake.requests) == (1, [])


@pytest.mark.parametrize("call", [azure, bedrock, mantle, foundry], ids=lambda call: call.__name__)
def test_a_provider_that_the_key_is_not_for_does_too(keys_only: Proxy, fake: FakeProvider, call: Call) -> None:
    sdk, attempts = CALLS[call][0], list[Any]()
    with pytest.raises(sdk.PermissionDeniedError, match="'limited' is not for the provider"):
        call(keys_only.url, KEYS["limited"], {}, attempts)
    assert (len(attempts), fake.requests) == (1, [])


def test_a_model_that_the_key_is_not_for_does_too(keys_only: Proxy, fake: FakeProvider) -> None:
    attempts: list[Any] = []
    told = options(anthropic, keys_only.url, {}, attempts)
    with pytest.raises(anthropic.PermissionDeniedError, match="'limited' is not for the model 'claude-sonnet-4-6'"):
        message(anthropic.Anthropic(api_key=KEYS["limited"], **told), "claude-sonnet-4-6")
    assert (len(attempts), fake.requests) == (1, [])
    claude(keys_only.url, KEYS["limited"], {}, [])
    gpt(keys_only.url, KEYS["limited"], {}, [])
    assert len(fake.requests) == 2


def converse(url: str, headers: dict[str, str]) -> Any:
    """Call with boto3, which signs, and takes headers by a hook."""

    def add(params: dict[str, Any], **_: Any) -> None:
        params["headers"] |= {"X-ModelTrack-No-Cache": "1", **headers}

    with closing(session().client("bedrock-runtime", endpoint_url=url + "/bedrock")) as client:
        client.meta.events.register("before-call.bedrock-runtime", add)
        return client.converse(modelId=US, messages=CONVERSATION)


def test_a_signature_beside_a_key_is_made_anew_by_the_proxy(keys_only: Proxy, fake: FakeProvider) -> None:
    before = len(keys_only.events())
    converse(keys_only.url, {"X-ModelTrack-Key": KEYS["chatbot"]})
    [request] = fake.requests
    assert_no_key(request)
    assert signer_of(request, PROXYS)[0] == "AKIAPROXY"
    [event] = keys_only.events()[before:]
    assert (event["team"], event["app_id"], event["provider"]) == ("Product", "chatbot", "bedrock")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-ModelTrack-Team": "product"}, 401),
        ({"X-ModelTrack-Key": KEYS["disabled"]}, 401),
        ({"X-ModelTrack-Key": KEYS["limited"]}, 403),
        ({"X-ModelTrack-Key": KEYS["evals"], "X-ModelTrack-Team": "product"}, 403),
    ],
)
def test_boto3_is_refused_in_one_attempt(
    keys_only: Proxy, fake: FakeProvider, headers: dict[str, str], status: int
) -> None:
    with pytest.raises(ClientError) as error:
        converse(keys_only.url, headers)
    metadata = error.value.response["ResponseMetadata"]
    assert (metadata["HTTPStatusCode"], metadata["RetryAttempts"], fake.requests) == (status, 0, [])
