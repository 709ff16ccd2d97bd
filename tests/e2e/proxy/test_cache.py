"""The cache in a running proxy: which requests are given an answer again, and which are not."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests

from demo.fake_provider.server import FakeProvider
from tests.e2e.calls import ANTHROPIC, send
from tests.e2e.conftest import KEY, PROMPT, Proxy, until

BODY: dict[str, Any] = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 100,
    "temperature": 0.5,
    "system": "be brief",
    "tools": [],
    "messages": [{"role": "user", "content": PROMPT}],
}


def ask(proxy: Proxy, body: Any, *, key: str = KEY, **headers: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {key}", "anthropic-version": "2023-06-01"} | headers
    answer = send(proxy.url + ANTHROPIC, body, **headers)
    assert answer.status_code == 200, answer.text
    return answer


def test_an_identical_request_is_answered_from_the_cache_for_nothing(proxy: Proxy, fake: FakeProvider) -> None:
    body = BODY | {"system": "identical"}
    first = ask(proxy, body)
    second = ask(proxy, body, **{"X-ModelTrack-Team": "cached", "X-Request-Id": "another"})
    assert len(fake.requests) == 1
    assert first.headers["X-ModelTrack-Cache"] == "MISS"
    assert second.headers["X-ModelTrack-Cache"] == "HIT"
    assert second.headers["X-ModelTrack-Cache-Savings"] == "$0.006"
    assert second.content == first.content
    assert second.headers["Content-Type"] == first.headers["Content-Type"]
    assert second.headers["request-id"] == first.headers["request-id"]
    [event] = proxy.events(team="cached")
    expected = {"cache_hit": True, "cost_usd": 0, "saved_usd": 0.006, "output_tokens": 200, "model": BODY["model"]}
    assert {name: event[name] for name in expected} == expected


def test_key_order_and_white_space_do_not_matter(proxy: Proxy) -> None:
    body = BODY | {"system": "order"}
    ask(proxy, body)
    other = json.dumps(dict(reversed(body.items())), indent=3, ensure_ascii=False).encode()
    assert ask(proxy, other).headers["X-ModelTrack-Cache"] == "HIT"


def test_an_answer_that_came_compressed_is_served_readable(proxy: Proxy) -> None:
    body = BODY | {"system": "compressed"}
    first = ask(proxy, body, **{"X-Fake": "gzip=1"})
    second = ask(proxy, body, **{"X-Fake": "gzip=1"})
    assert second.headers["X-ModelTrack-Cache"] == "HIT"
    assert first.headers["Content-Encoding"] == "gzip" and "Content-Encoding" not in second.headers
    assert first.json() == second.json()


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Amzn-Bedrock-GuardrailIdentifier": "g"},
        {"x-policy-id": "p"},
        {"x-tenant-id": "t"},
        {"X-Forwarded-User": "u"},
        {"Accept-Language": "de"},
    ],
    ids=str,
)
def test_a_header_that_may_shape_the_answer_is_not_passed_over(proxy: Proxy, headers: dict[str, str]) -> None:
    body = BODY | {"system": f"guarded {headers}"}
    ask(proxy, body)
    answers = [ask(proxy, body, **headers), ask(proxy, body, **headers)]
    assert [answer.headers["X-ModelTrack-Cache"] for answer in answers] == ["MISS", "HIT"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('"seed": 18446744073709551617', '"seed": 18446744073709551618'),
        ('"seed": 1, "seed": 2', '"seed": 2'),
        ('"seed": 2, "seed": 1', '"seed": 2, "seed": 3'),
    ],
)
def test_bodies_that_only_look_alike_when_they_are_parsed_are_different(proxy: Proxy, one: str, other: str) -> None:
    for member in (one, other):
        body = json.dumps(BODY | {"system": one})[:-1] + f", {member}}}"
        answer = send(proxy.url + ANTHROPIC, body.encode())
        assert answer.headers.get("X-ModelTrack-Cache") != "HIT"


@pytest.mark.parametrize(
    "change",
    [
        {"system": "be long"},
        {"temperature": 0.6},
        {"tools": [{"name": "t", "input_schema": {"type": "object"}}]},
        {"max_tokens": 101},
        {"model": "claude-haiku-4-5"},
        {"messages": [{"role": "user", "content": PROMPT + " And bye."}]},
        {"thinking": {"type": "disabled"}},
    ],
    ids=str,
)
def test_another_request_misses(proxy: Proxy, change: dict[str, Any]) -> None:
    ask(proxy, BODY)
    body = BODY | change
    ask(proxy, body | {"metadata": {"user_id": "x"}})  # no part of the key
    assert ask(proxy, body).headers["X-ModelTrack-Cache"] == "HIT"
    assert ask(proxy, BODY | change | {"stop_sequences": [str(change)]}).headers["X-ModelTrack-Cache"] == "MISS"


def test_nobody_is_served_what_another_key_bought(proxy: Proxy) -> None:
    body = BODY | {"system": "credentials"}
    ask(proxy, body)
    assert ask(proxy, body, key=KEY + "2").headers["X-ModelTrack-Cache"] == "MISS"
    assert ask(proxy, body, **{"anthropic-beta": "b"}).headers["X-ModelTrack-Cache"] == "MISS"


def test_a_request_can_opt_out(proxy: Proxy, fake: FakeProvider) -> None:
    body = BODY | {"system": "opt out"}
    for _ in range(2):
        assert "X-ModelTrack-Cache" not in ask(proxy, body, **{"X-ModelTrack-No-Cache": "true"}).headers
    assert len(fake.requests) == 2
    assert ask(proxy, body).headers["X-ModelTrack-Cache"] == "MISS"


@pytest.mark.parametrize("stream", [True, 1, "true"])
def test_streams_are_never_cached(proxy: Proxy, fake: FakeProvider, stream: Any) -> None:
    """The same holds for requests that a provider may take for streams."""
    ask(proxy, BODY)
    fake.clear()
    for _ in range(2):
        assert "X-ModelTrack-Cache" not in ask(proxy, BODY | {"stream": stream}).headers
    assert len(fake.requests) == 2


@pytest.mark.parametrize("settings", ["status=500", "garbage=1", "usage=0"])
def test_only_complete_answers_are_kept(proxy: Proxy, fake: FakeProvider, settings: str) -> None:
    body = BODY | {"system": settings}
    for _ in range(2):
        send(proxy.url + ANTHROPIC, body, **{"X-Fake": settings})
    assert len(fake.requests) == 2


@pytest.mark.parametrize("fails", [False, True])
def test_identical_requests_in_flight_are_made_once(proxy: Proxy, fake: FakeProvider, fails: bool) -> None:
    """Each of the others goes on alone if the first one fails."""
    body, before = BODY | {"system": f"coalesced {fails}"}, proxy.get("/cache/stats")
    statuses: list[str | int] = []

    def ask_for_it() -> None:
        answer = send(proxy.url + ANTHROPIC, body)
        statuses.append(answer.headers["X-ModelTrack-Cache"] if answer.ok else answer.status_code)

    usual, fake.defaults = fake.defaults, fake.defaults.told("hold=1" + (",status=500" if fails else ""))
    first = threading.Thread(target=ask_for_it)
    first.start()
    assert fake.waiting.wait(60)
    fake.defaults = usual
    others = [threading.Thread(target=ask_for_it) for _ in range(3)]
    for thread in others:
        thread.start()
    until(lambda: proxy.get("/cache/stats")["waiting"] == 3)
    fake.release()
    for thread in [first, *others]:
        thread.join(60)
    after = proxy.get("/cache/stats")
    assert sorted(map(str, statuses)) == (["500", "MISS", "MISS", "MISS"] if fails else ["HIT", "HIT", "HIT", "MISS"])
    assert len(fake.requests) == (4 if fails else 1)
    assert after["coalesced"] - before["coalesced"] == (0 if fails else 3)


def test_the_least_recently_used_goes_first(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy(CACHE_MAX_ENTRIES="2")
    one, two, three = (BODY | {"system": name} for name in ("one", "two", "three"))
    outcomes = [ask(proxy, body).headers["X-ModelTrack-Cache"] for body in (one, two, one, three, one, two)]
    assert outcomes == ["MISS", "MISS", "HIT", "MISS", "HIT", "MISS"]
    stats = proxy.get("/cache/stats")
    assert (stats["entries_count"], stats["max_entries"], stats["ttl_seconds"]) == (2, 2, 3600)
    assert (stats["total_hits"], stats["total_misses"], stats["hit_rate_percent"]) == (2, 4, 33.33)
    assert stats["estimated_savings_usd"] == 0.012
    assert stats["bytes"] > 0


def test_nothing_is_served_past_its_time(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy(CACHE_TTL_SECONDS="1")
    ask(proxy, BODY)
    until(lambda: ask(proxy, BODY).headers["X-ModelTrack-Cache"] == "MISS")


def test_the_cache_can_be_turned_off(make_proxy: Callable[..., Proxy], fake: FakeProvider) -> None:
    proxy = make_proxy("--set", "modeltrack_cache_enabled=false", CACHE_ENABLED="true")
    for _ in range(2):
        assert "X-ModelTrack-Cache" not in ask(proxy, BODY).headers
    assert len(fake.requests) == 2
