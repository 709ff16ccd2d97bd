"""What a whole answer costs does not depend on whether its client stays to read it."""

import contextlib
from collections.abc import Callable

import openai
import pytest

from demo.fake_provider.server import FakeProvider
from tests.e2e.absent.by_hand import (
    ANSWER,
    BASE_URL_AND_TUNNEL,
    COST,
    LEAVING,
    Client,
    NewClient,
    Provider,
    figures,
    is_noticed,
    only_event,
)
from tests.e2e.conftest import KEY, PROMPT, Proxy, until


@BASE_URL_AND_TUNNEL
@pytest.mark.parametrize("leave", LEAVING)
def test_a_whole_answer_is_billed_as_reported_and_kept_for_the_next_who_asks(
    new_client: NewClient, proxy: Proxy, provider: Provider, leave: Callable[[Client], None], tunnel: bool
) -> None:
    app = f"whole {leave.__name__} {tunnel}"
    client = new_client(proxy, tunnel=tunnel).ask(app, stop=[app])
    asked = provider.next()
    before = proxy.get("/stats")["abandoned"]["total"]
    leave(client)
    assert is_noticed(proxy) and proxy.get("/stats")["reserved_usd"] > 0
    asked.answer(ANSWER)
    assert figures(only_event(proxy, app)) == (499, "client_disconnected", COST, None)
    assert proxy.get("/stats")["abandoned"]["total"] == before + 1
    again = new_client(proxy, tunnel=tunnel).ask(f"{app} again", stop=[app]).read_until(b'"usage"')
    assert b"X-ModelTrack-Cache: HIT" in again and not provider.is_asked_again()


@BASE_URL_AND_TUNNEL
def test_a_client_that_half_closes_gets_its_whole_answer(
    new_client: NewClient, proxy: Proxy, provider: Provider, tunnel: bool
) -> None:
    client = new_client(proxy, tunnel=tunnel).ask(f"half {tunnel}", stop=[f"half {tunnel}"])
    client.half_close()
    provider.next().answer(ANSWER)
    assert b"HTTP/1.1 200 " in client.read_until(b'"completion_tokens": 200')
    assert only_event(proxy, f"half {tunnel}")["cost_usd"] == COST


def test_a_client_that_half_closes_gets_an_answer_that_is_not_metered(
    new_client: NewClient, proxy: Proxy, provider: Provider
) -> None:
    client = new_client(proxy, "/v1/moderations").ask()
    client.half_close()
    provider.next().answer({"results": []})
    assert b'{"results": []}' in client.read_all()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("leave", LEAVING)
def test_a_call_that_the_provider_refuses_costs_nothing(
    new_client: NewClient, proxy: Proxy, provider: Provider, leave: Callable[[Client], None], stream: bool
) -> None:
    app = f"refused {leave.__name__} {stream}"
    client = new_client(proxy).ask(app, stop=[app], stream=stream)
    asked = provider.next()
    leave(client)
    assert is_noticed(proxy)
    asked.answer({"error": {"type": "invalid_api_key"}}, 401)
    assert figures(only_event(proxy, app)) == (499, "client_disconnected", 0, None)


def test_a_client_that_times_out_and_retries_pays_once(make_proxy: Callable[..., Proxy], fake: FakeProvider) -> None:
    proxy = make_proxy()
    proxy.ready()
    with openai.OpenAI(
        api_key=KEY, base_url=proxy.url + "/v1", timeout=1, max_retries=2, default_headers={"X-Fake": "delay=3"}
    ) as client:
        with contextlib.suppress(openai.APITimeoutError):  # where the third try began a moment too early
            client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": PROMPT}])
    until(lambda: not proxy.get("/stats")["in_flight"])
    assert len(fake.requests) == 1
    assert sum(event["cost_usd"] for event in proxy.events()) == COST
    assert {event.get("cache_hit") for event in proxy.events() if not event["cost_usd"]} <= {True}


def test_a_client_that_waits_for_the_answer_to_another_and_leaves_buys_none_of_its_own(
    new_client: NewClient, proxy: Proxy, provider: Provider
) -> None:
    first = new_client(proxy).ask("leads", stop=["x"])
    asked = provider.next()
    second = new_client(proxy).ask("follows", stop=["x"])
    until(lambda: proxy.get("/cache/stats")["waiting"] == 1)
    second.close()
    assert is_noticed(proxy)
    asked.answer({"error": {"type": "server_error"}}, 500)
    assert b"500" in first.read_until(b"server_error")
    assert figures(only_event(proxy, "follows")) == (499, "client_disconnected", 0, None)
    assert not provider.is_asked_again()


def test_a_second_request_on_the_connection_is_answered_after_a_half_close(
    new_client: NewClient, proxy: Proxy, provider: Provider
) -> None:
    client = new_client(proxy).ask("pipelined 1", seed=1001).ask("pipelined 2", seed=1002)
    client.half_close()
    asked = provider.next()
    asked.answer(ANSWER)
    provider_again = type(asked)(asked.connection)
    provider_again.answer(ANSWER)
    assert client.read_all().count(b"HTTP/1.1 200 ") == 2
    only_event(proxy, "pipelined 2")
