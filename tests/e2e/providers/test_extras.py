"""Check what is billed beside plain tokens, and what is not billed at all. Costs are sums done by hand."""

from typing import Any

import pytest
import requests

from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import PROMPT, Proxy, until
from tests.e2e.providers.sdk_clients import MESSAGES, claude, only_event, openai_client, told


@pytest.mark.parametrize("outcome", ["incomplete", "failed"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_response_that_ends_otherwise_is_billed_what_it_reports(proxy: Proxy, outcome: str, stream: bool) -> None:
    app = f"{outcome}-{stream}"
    with openai_client(told(proxy.url, app, f"cache_read=300,outcome={outcome}")) as client:
        if stream:
            *_, last = client.responses.create(model="gpt-4o", input=PROMPT, stream=True)
            assert last.type == f"response.{outcome}"
        else:
            assert client.responses.create(model="gpt-4o", input=PROMPT).status == outcome
    event = only_event(proxy, app)
    assert (event["cost_usd"], event["output_tokens"]) == (0.004875, 200)


def test_a_response_in_the_background_is_billed_once_however_often_it_is_fetched(proxy: Proxy) -> None:
    untracked = proxy.get("/stats")["untracked_requests"]
    with openai_client(told(proxy.url, "background")) as client:
        queued = client.responses.create(model="gpt-4o", input=PROMPT, background=True, max_output_tokens=500)
        assert (queued.status, queued.usage) == ("queued", None)
        fetched = [client.responses.retrieve(queued.id) for _ in range(2)]
    assert [response.status for response in fetched] == ["completed"] * 2
    event = only_event(proxy, "background")
    assert event["usage_estimated"] is True
    # What it may have put out, at 10 USD per million, and the prompt, at 2.5.
    assert event["output_tokens"] == 500
    assert event["cost_usd"] == (500 * 10_000 + event["input_tokens"] * 2_500) / 10**9
    assert proxy.get("/stats")["untracked_requests"] == untracked + 2


def test_a_stream_in_the_background_that_breaks_off_is_billed_as_if_it_went_on(proxy: Proxy) -> None:
    body = {"model": "gpt-4o", "input": PROMPT, "background": True, "stream": True}
    headers = {"X-ModelTrack-App": "background-cut", "X-Fake": "hold=1"}
    with requests.post(proxy.url + "/v1/responses", json=body, headers=headers, stream=True, timeout=20) as answer:
        next(answer.iter_content(None))
    [event] = until(lambda: proxy.events(app_id="background-cut"))
    assert (event["output_tokens"], event["usage_estimated"]) == (4096, True)


@pytest.mark.parametrize(
    ("model", "settings", "tokens", "cost"),
    [
        # 6000 millionths for 1000 / 200 at 3 / 15, and two searches at 10 USD per thousand
        ("claude-sonnet-4-6", "web_searches=2", 1000, 0.026),
        # a compaction of 4000 at 3 on top
        ("claude-sonnet-4-6", "compaction=4000", 5000, 0.018),
        ("claude-opus-4-8", "speed=fast", 1000, 0.02),  # 10 / 50
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_anthropics_extras_are_billed(
    proxy: Proxy, model: str, settings: str, tokens: int, cost: float, stream: bool
) -> None:
    app = f"{settings}-{stream}"
    with claude(told(proxy.url, app, settings)) as client:
        if stream:
            with client.messages.stream(model=model, max_tokens=9, messages=MESSAGES) as answer:
                answer.until_done()
        else:
            client.messages.create(model=model, max_tokens=9, messages=MESSAGES)
    event = only_event(proxy, app)
    assert (event["input_tokens"], event["output_tokens"], event["cost_usd"]) == (tokens, 200, cost)


@pytest.mark.parametrize("stream", [False, True])
def test_searches_of_the_responses_api_are_billed(proxy: Proxy, stream: bool) -> None:
    with openai_client(told(proxy.url, f"search-{stream}", "web_searches=3")) as client:
        answer = client.responses.create(model="gpt-5", input=PROMPT, stream=stream)
        list(answer)
    # 1000 / 200 at 1.25 / 10 and three searches at 10 USD per thousand
    assert only_event(proxy, f"search-{stream}")["cost_usd"] == 0.03325


def test_what_is_no_generation_passes_and_is_counted_as_untracked(proxy: Proxy, fake: FakeProvider) -> None:
    before = proxy.get("/stats")["untracked_requests"]
    batch: Any = [{"custom_id": "1", "params": {"model": "claude-sonnet-4-6", "max_tokens": 9, "messages": MESSAGES}}]
    with claude(told(proxy.url, "untracked", "")) as client, claude(told(fake.url)) as direct:
        counted = client.messages.count_tokens(model="claude-sonnet-4-6", messages=MESSAGES)
        assert counted == direct.messages.count_tokens(model="claude-sonnet-4-6", messages=MESSAGES)
        assert client.models.list().data == []
        created = client.messages.batches.create(requests=batch)
        assert created.id == client.messages.batches.retrieve(created.id).id == "msgbatch_fake"
    [event] = proxy.events(app_id="untracked")  # of the batch, which is paid for when it is done
    assert (event["unmetered"], event["cost_usd"]) == (True, None)
    assert proxy.get("/stats")["untracked_requests"] == before + 4
