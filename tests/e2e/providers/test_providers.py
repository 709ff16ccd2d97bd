"""Every kind of call of the OpenAI and Azure SDKs: what the client gets, what the event says, what it costs.

The fake provider answers with 1000 input tokens, 300 more read from the cache, and 200 output tokens:
gpt-4o (2.5 / 1.25 / 10 USD per million) costs 2500 + 375 + 2000 = 4875 millionths of a dollar.
"""

from collections.abc import Callable
from typing import Any

import openai
import pytest

from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import KEY, PROMPT, Proxy
from tests.e2e.providers.sdk_clients import (
    DATED,
    MESSAGES,
    azure_client,
    foundry,
    only_event,
    openai_client,
    same_as_direct,
    told,
)

PRICES = {
    "models": [
        {"provider": "azure", "model": "prod-mini", "same_as": "gpt-4o-mini"},
        {"provider": "azure", "model": "reserved", "input": 0.1, "output": 0.2},
    ]
}


@pytest.fixture(scope="module")
def proxy(make_proxy: Callable[..., Proxy], fake: FakeProvider) -> Proxy:
    return make_proxy(files={"pricing.json": PRICES}, AZURE_OPENAI_ENDPOINT=fake.url)


@pytest.fixture(scope="module")
def dated_proxy(make_proxy: Callable[..., Proxy], fake: FakeProvider) -> Proxy:
    return make_proxy(AZURE_OPENAI_ENDPOINT=fake.url, AZURE_OPENAI_API_VERSION=DATED)


def chat(client: openai.OpenAI) -> Any:
    return client.chat.completions.create(model="gpt-4o", messages=MESSAGES)


def chat_stream(client: openai.OpenAI) -> Any:
    stream = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
    return [chunk.model_dump() for chunk in stream]


def chat_stream_with_usage(client: openai.OpenAI) -> Any:
    options: Any = {"include_usage": True}
    stream = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True, stream_options=options)
    chunks = [chunk.model_dump() for chunk in stream]
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["completion_tokens"] == 200
    return chunks


def responses(client: openai.OpenAI) -> Any:
    return client.responses.create(model="gpt-4o", input=PROMPT)


def responses_stream(client: openai.OpenAI) -> Any:
    events = [event.model_dump() for event in client.responses.create(model="gpt-4o", input=PROMPT, stream=True)]
    assert events[-1]["type"] == "response.completed"
    return events


def embeddings(client: openai.OpenAI) -> Any:
    return client.embeddings.create(model="text-embedding-3-small", input=[PROMPT, PROMPT])


def completions(client: openai.OpenAI) -> Any:
    return client.completions.create(model="gpt-3.5-turbo-instruct", prompt=PROMPT)


def completions_stream(client: openai.OpenAI) -> Any:
    chunks = list(client.completions.create(model="gpt-3.5-turbo-instruct", prompt=PROMPT, stream=True))
    assert all(chunk.choices for chunk in chunks)
    return [chunk.model_dump() for chunk in chunks]


def completions_stream_with_usage(client: openai.OpenAI) -> Any:
    options: Any = {"include_usage": True}
    stream = client.completions.create(
        model="gpt-3.5-turbo-instruct", prompt=PROMPT, stream=True, stream_options=options
    )
    chunks = [chunk.model_dump() for chunk in stream]
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["completion_tokens"] == 200
    return chunks


CALLS = {
    chat: 0.004875,
    chat_stream: 0.004875,
    chat_stream_with_usage: 0.004875,
    responses: 0.004875,
    responses_stream: 0.004875,
    embeddings: 0.00002,  # 1000 at 0.02 per million
    completions: 0.00235,  # 1300 at 1.5 and 200 at 2; it has no price for cached input
    completions_stream: 0.00235,
    completions_stream_with_usage: 0.00235,
}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_openais_calls_are_metered(call: Callable[[Any], Any], proxy: Proxy, fake: FakeProvider) -> None:
    app = f"openai-{call.__name__}"
    same_as_direct(call, openai_client(told(proxy.url, app)), openai_client(told(fake.url)))
    event = only_event(proxy, app)
    assert (event["provider"], event["cost_usd"], "usage_estimated" in event) == ("openai", CALLS[call], False)
    assert event["is_streaming"] is ("stream" in call.__name__)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_so_are_those_of_azure_by_deployment(call: Callable[[Any], Any], proxy: Proxy, fake: FakeProvider) -> None:
    app = f"azure-{call.__name__}"
    same_as_direct(call, azure_client(told(proxy.url + "/azure", app)), azure_client(told(fake.url)))
    event = only_event(proxy, app)
    assert (event["provider"], event["cost_usd"], "usage_estimated" in event) == ("azure", CALLS[call], False)
    through, direct = fake.requests
    assert through.path == direct.path and f"api-version={DATED}" in through.path
    assert ("/openai/deployments/" in through.path) is ("responses" not in call.__name__)
    assert through.header("api-key") == KEY


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_so_are_those_of_azures_v1_api(call: Callable[[Any], Any], proxy: Proxy, fake: FakeProvider) -> None:
    app = f"azure-v1-{call.__name__}"
    same_as_direct(call, openai_client(told(proxy.url + "/azure", app)), openai_client(told(fake.url + "/openai")))
    event = only_event(proxy, app)
    assert (event["provider"], event["cost_usd"]) == ("azure", CALLS[call])
    through, direct = fake.requests
    assert through.path == direct.path and through.path.startswith("/openai/v1/")
    assert through.header("authorization") == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("call", "path"),
    [
        (chat_stream, f"/openai/deployments/gpt-4o/chat/completions?api-version={DATED}"),
        (embeddings, f"/openai/deployments/text-embedding-3-small/embeddings?api-version={DATED}"),
        (responses, f"/openai/responses?api-version={DATED}"),
    ],
)
def test_a_dated_api_version_turns_v1_paths_into_deployments(
    call: Callable[[Any], Any], path: str, dated_proxy: Proxy, fake: FakeProvider
) -> None:
    app = f"dated-{call.__name__}"
    same_as_direct(call, openai_client(told(dated_proxy.url + "/azure", app)), openai_client(told(fake.url)))
    assert only_event(dated_proxy, app)["cost_usd"] == CALLS[call]
    assert fake.requests[0].path == path


async def test_an_aad_token_passes_and_stays_out_of_the_log(proxy: Proxy, fake: FakeProvider) -> None:
    to = told(proxy.url + "/azure", "aad")
    async with openai.AsyncAzureOpenAI(
        azure_ad_token=KEY, azure_endpoint=to.base_url, api_version=DATED, default_headers=to.headers
    ) as client:
        await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    [request] = fake.requests
    assert (request.header("authorization"), request.header("api-key")) == (f"Bearer {KEY}", None)
    assert not [name for name, _ in request.headers if name.lower().startswith("x-modeltrack")]
    assert only_event(proxy, "aad")["cost_usd"] == 0.004875


def test_a_stream_of_an_old_azure_version_is_not_asked_for_its_usage_which_it_would_refuse(
    proxy: Proxy, fake: FakeProvider
) -> None:
    to = told(proxy.url + "/azure", "old")
    same_as_direct(chat_stream, azure_client(to, "2024-06-01"), azure_client(told(fake.url), "2024-06-01"))
    assert fake.requests[0].body == fake.requests[1].body
    event = only_event(proxy, "old")
    assert event["usage_estimated"] is True and event["output_tokens"] == 20  # 79 characters


@pytest.mark.parametrize(
    ("deployment", "answers", "billed", "cost"),
    [
        ("prod-chat", "gpt-4o-2024-08-06", "gpt-4o-2024-08-06", 0.0045),  # 1000 / 200 at 2.5 / 10
        ("prod-mini", "prod-mini", "prod-mini", 0.00027),  # as gpt-4o-mini: 0.15 / 0.6
        ("prod-mini", "gpt-4o-2024-08-06", "prod-mini", 0.00027),
        ("reserved", "gpt-4o-2024-08-06", "reserved", 0.00014),  # 0.1 / 0.2
        ("nobodys", "nobodys", "nobodys", None),
    ],
)
def test_a_deployment_is_billed_as_pricing_json_says_or_as_the_model_that_it_answers_with(
    proxy: Proxy, deployment: str, answers: str, billed: str, cost: float | None
) -> None:
    app = f"{deployment}-{answers}"
    with azure_client(told(proxy.url + "/azure", app, f"model={answers}")) as client:
        client.chat.completions.create(model=deployment, messages=MESSAGES)
    event = only_event(proxy, app)
    assert (event["model"], event["cost_usd"]) == (billed, cost)


def message(client: Any) -> Any:
    return client.messages.create(model="claude-sonnet-4-6", max_tokens=9, messages=MESSAGES)


def message_stream(client: Any) -> Any:
    with client.messages.stream(model="claude-sonnet-4-6", max_tokens=9, messages=MESSAGES) as stream:
        return [event.model_dump() for event in stream]


@pytest.mark.parametrize("call", [message, message_stream])
def test_claude_at_azure_is_metered(call: Callable[[Any], Any], proxy: Proxy, fake: FakeProvider) -> None:
    app = f"foundry-{call.__name__}"
    same_as_direct(call, foundry(told(proxy.url + "/azure", app)), foundry(told(fake.url)))
    event = only_event(proxy, app)
    # 1000 at 3, 300 at 0.3, 200 at 15
    assert (event["provider"], event["model"], event["cost_usd"]) == ("azure", "claude-sonnet-4-6", 0.00609)
    assert [request.path for request in fake.requests] == ["/anthropic/v1/messages"] * 2
    assert fake.requests[0].header("api-key") == fake.requests[1].header("api-key") == KEY
