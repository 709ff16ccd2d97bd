"""The real SDKs, told nothing but another base URL."""

from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest

from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import KEY, PROMPT, Proxy

MESSAGES = [{"role": "user", "content": PROMPT}]
CLAUDE: Any = {"model": "claude-sonnet-4-6", "max_tokens": 300, "messages": MESSAGES}
GPT: Any = {"model": "gpt-4o", "messages": MESSAGES}
TEAM = {"X-ModelTrack-Team": "sdk"}


def claude_message(url: str) -> Any:
    with anthropic.Anthropic(api_key=KEY, base_url=url, default_headers=TEAM) as client:
        return client.messages.create(**CLAUDE)


def claude_stream(url: str) -> Any:
    with anthropic.Anthropic(api_key=KEY, base_url=url, default_headers=TEAM) as client:
        with client.messages.stream(**CLAUDE) as stream:
            events = [event.model_dump() for event in stream]
        return events, stream.get_final_message()


async def claude_message_async(url: str) -> Any:
    async with anthropic.AsyncAnthropic(api_key=KEY, base_url=url, default_headers=TEAM) as client:
        return await client.messages.create(**CLAUDE)


async def claude_stream_async(url: str) -> Any:
    async with anthropic.AsyncAnthropic(api_key=KEY, base_url=url, default_headers=TEAM) as client:
        async with client.messages.stream(**CLAUDE) as stream:
            events = [event.model_dump() async for event in stream]
        return events, await stream.get_final_message()


def gpt_completion(url: str) -> Any:
    with openai.OpenAI(api_key=KEY, base_url=url + "/v1", default_headers=TEAM) as client:
        return client.chat.completions.create(**GPT)


def gpt_stream(url: str) -> Any:
    with openai.OpenAI(api_key=KEY, base_url=url + "/v1", default_headers=TEAM) as client:
        return [chunk.model_dump() for chunk in client.chat.completions.create(**GPT, stream=True)]


def gpt_stream_with_usage(url: str) -> Any:
    with openai.OpenAI(api_key=KEY, base_url=url + "/v1", default_headers=TEAM) as client:
        stream = client.chat.completions.create(**GPT, stream=True, stream_options={"include_usage": True})
        return [chunk.model_dump() for chunk in stream]


async def gpt_completion_async(url: str) -> Any:
    async with openai.AsyncOpenAI(api_key=KEY, base_url=url + "/v1", default_headers=TEAM) as client:
        return await client.chat.completions.create(**GPT)


async def gpt_stream_async(url: str) -> Any:
    async with openai.AsyncOpenAI(api_key=KEY, base_url=url + "/v1", default_headers=TEAM) as client:
        return [chunk.model_dump() async for chunk in await client.chat.completions.create(**GPT, stream=True)]


@pytest.mark.parametrize(
    "call", [claude_message, claude_stream, gpt_completion, gpt_stream_with_usage], ids=lambda call: call.__name__
)
def test_an_sdk_gets_the_objects_that_it_gets_without_the_proxy(
    call: Callable[[str], Any], proxy: Proxy, fake: FakeProvider
) -> None:
    assert call(proxy.url) == call(fake.url)


@pytest.mark.parametrize("call", [claude_message_async, claude_stream_async, gpt_completion_async])
async def test_an_async_sdk_does_too(call: Callable[[str], Any], proxy: Proxy, fake: FakeProvider) -> None:
    assert await call(proxy.url) == await call(fake.url)


def without_null_usage(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A stream that reports its usage at the end says null in each chunk before, which the proxy leaves there."""
    return [{name: value for name, value in chunk.items() if name != "usage"} for chunk in chunks]


def test_a_stream_that_did_not_ask_for_its_usage_does_not_show_it(proxy: Proxy, fake: FakeProvider) -> None:
    chunks = gpt_stream(proxy.url)
    assert without_null_usage(chunks) == without_null_usage(gpt_stream(fake.url))
    assert all(chunk["choices"] and not chunk["usage"] for chunk in chunks)
    assert proxy.events(is_streaming=True, model="gpt-4o")[-1]["output_tokens"] == 200


async def test_an_async_stream_does_not_show_it_either(proxy: Proxy, fake: FakeProvider) -> None:
    through = await gpt_stream_async(proxy.url)
    assert without_null_usage(through) == without_null_usage(await gpt_stream_async(fake.url))


NO_MONEY = {"budgets": [{"team": "broke", "monthly_limit": 0.000001, "action": "block"}]}


@pytest.fixture(scope="module")
def spent(make_proxy: Callable[..., Proxy]) -> Proxy:
    """A proxy whose team `broke` has spent its budget."""
    proxy = make_proxy(files={"budgets.json": NO_MONEY})
    with openai.OpenAI(
        api_key=KEY, base_url=proxy.url + "/v1", default_headers={"X-ModelTrack-Team": "broke"}
    ) as client:
        client.chat.completions.create(**GPT)
    return proxy


MESSAGE = "Team 'broke' has exceeded monthly budget of $0.000001 (current: $0.0045)"


def test_a_spent_budget_raises_anthropics_rate_limit_error_after_one_attempt(spent: Proxy, fake: FakeProvider) -> None:
    headers = {"X-ModelTrack-Team": "broke", "X-ModelTrack-App": "anthropic"}
    with anthropic.Anthropic(api_key=KEY, base_url=spent.url, default_headers=headers, max_retries=5) as client:
        with pytest.raises(anthropic.RateLimitError, match="exceeded monthly budget") as error:
            client.messages.create(**CLAUDE)
    assert MESSAGE in error.value.message
    assert len(spent.events(app_id="anthropic", status_code=429, blocked_by="budget")) == 1
    assert fake.requests == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_spent_budget_raises_openais_rate_limit_error_after_one_attempt(
    spent: Proxy, fake: FakeProvider, stream: bool
) -> None:
    app = f"openai-{stream}"
    headers = {"X-ModelTrack-Team": "broke", "X-ModelTrack-App": app}
    with openai.OpenAI(api_key=KEY, base_url=spent.url + "/v1", default_headers=headers, max_retries=5) as client:
        with pytest.raises(openai.RateLimitError) as error:
            client.chat.completions.create(**GPT, stream=stream)
    assert MESSAGE in error.value.message
    assert error.value.code == "budget_exceeded"
    assert len(spent.events(app_id=app, status_code=429, blocked_by="budget", cost_usd=0)) == 1
    assert fake.requests == []


def test_an_error_of_the_provider_comes_back_unchanged(proxy: Proxy, fake: FakeProvider) -> None:
    headers = TEAM | {"X-Fake": "status=529", "X-ModelTrack-No-Cache": "true"}
    errors = []
    for url in (fake.url, proxy.url):
        with anthropic.Anthropic(api_key=KEY, base_url=url, default_headers=headers, max_retries=0) as client:
            with pytest.raises(anthropic.APIStatusError) as error:
                client.messages.create(**CLAUDE)
            errors.append((error.value.status_code, error.value.body, error.value.request_id))
    assert errors[0] == errors[1]
    assert proxy.events(status_code=529)[-1]["cost_usd"] == 0
