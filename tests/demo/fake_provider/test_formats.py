"""Test the answers that the fake provider's settings ask for: real SDKs understand all but those meant to be odd."""

import json
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
import requests

from demo.fake_provider.oddities import KINDS
from demo.fake_provider.server import FakeProvider

MESSAGES: Any = [{"role": "user", "content": "hi"}]
TOOL = "tool=1,reasoning=50,text=x"


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


def claude(fake: FakeProvider, settings: str, stream: bool) -> Any:
    headers = {"X-Fake": settings}
    with anthropic.Anthropic(api_key="k", base_url=fake.url, max_retries=0, default_headers=headers) as client:
        asked: Any = {"model": "m", "max_tokens": 1, "messages": MESSAGES}
        if not stream:
            return client.messages.create(**asked)
        with client.messages.stream(**asked) as events:
            return events.get_final_message()


def gpt(fake: FakeProvider, settings: str) -> openai.OpenAI:
    return openai.OpenAI(api_key="k", base_url=fake.url + "/v1", max_retries=0, default_headers={"X-Fake": settings})


@pytest.mark.parametrize("stream", [False, True])
def test_claude_calls_a_tool(fake: FakeProvider, stream: bool) -> None:
    answer = claude(fake, TOOL, stream)
    assert answer.stop_reason == "tool_use"
    assert answer.content[-1].input == {"text": "x"}


@pytest.mark.parametrize("stream", [False, True])
def test_gpt_calls_a_tool(fake: FakeProvider, stream: bool) -> None:
    asked: Any = {"model": "m", "messages": MESSAGES}
    with gpt(fake, TOOL) as client:
        if stream:
            with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as events:
                answer = events.get_final_completion()
        else:
            answer = client.chat.completions.create(**asked)
    [call] = answer.choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("fake", {"text": "x"})
    assert answer.usage.completion_tokens_details.reasoning_tokens == 50


def test_a_response_calls_a_tool_and_says_what_tools_used(fake: FakeProvider) -> None:
    with gpt(fake, TOOL + ",drawn=9,drawn_from=4,web_searches=2") as client:
        whole = client.responses.create(model="m", input="hi")
        streamed = list(client.responses.create(model="m", input="hi", stream=True))[-1].response
    for answer in (whole, streamed):
        assert json.loads(answer.output[-1].arguments) == {"text": "x"}
        assert answer.tool_usage.image_gen.output_tokens == 9
        assert answer.tool_usage.web_search.num_requests == 2


def test_a_text_has_the_length_that_is_asked_for(fake: FakeProvider) -> None:
    for stream in (False, True):
        assert len(claude(fake, "characters=1000,chunks=7", stream).content[0].text) == 1000


@pytest.mark.parametrize("kind", KINDS)
def test_an_odd_answer_differs_from_a_usual_one(fake: FakeProvider, kind: str) -> None:
    def answers(settings: str) -> list[tuple[str | None, bytes]]:
        found = []
        for path in ("/v1/messages", "/v1/chat/completions", "/v1/responses"):
            body = {"model": "m", "stream": True, "stream_options": {"include_usage": True}}
            answer = requests.post(fake.url + path, json=body, headers={"X-Fake": settings}, timeout=10)
            assert answer.status_code == 200
            found.append((answer.headers.get("Content-Type"), answer.content))
        return found

    usual, odd = answers(""), answers(f"odd={kind}")
    assert any(one != other for one, other in zip(usual, odd, strict=True))


def test_a_paced_answer_comes_when_it_has_been_generated(fake: FakeProvider) -> None:
    for stream in (False, True):
        body = {"model": "m", "stream": stream}
        headers = {"X-Fake": "pace=1000,output_tokens=100,reasoning=50"}
        started = time.monotonic()
        assert requests.post(fake.url + "/v1/chat/completions", json=body, headers=headers, timeout=10).ok
        assert time.monotonic() - started >= 0.1
