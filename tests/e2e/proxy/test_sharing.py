"""Several proxies on one DATA_DIR."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.e2e.calls import post
from tests.e2e.conftest import PROMPT, Proxy, until

WORDS = PROMPT + "x" * 4000  # about the 1000 tokens that the fake provider says it is


def ask(proxy: Proxy, team: str, stream: bool = False) -> requests.Response:
    messages = [{"role": "user", "content": WORDS}]
    return post(proxy, team, fake="delay=0.01", stream=stream, messages=messages)


@pytest.fixture(scope="module")
def pair(make_proxy: Callable[..., Proxy]) -> tuple[Proxy, Proxy]:
    def budget(team: str, limit: float) -> dict[str, Any]:
        return {"team": team, "monthly_limit": limit, "action": "block"}

    budgets = [budget("both", 0.006), budget("burst", 0.3), budget("streams", 0.3)]
    budgets += [budget("all at once", 0.05), budget("all streams at once", 0.05)]
    one = make_proxy(files={"budgets.json": {"budgets": budgets}})
    return one, make_proxy(DATA_DIR=str(one.data))


def test_what_one_has_spent_is_refused_by_the_other(pair: tuple[Proxy, Proxy]) -> None:
    assert ask(pair[0], "both").status_code == 200
    assert ask(pair[1], "both").status_code == 429
    assert pair[1].get("/stats")["budgets"][0]["spend_usd"] == 0.006


@pytest.mark.parametrize("stream", [False, True])
def test_a_burst_on_both_overshoots_by_what_the_other_has_in_flight_at_most(
    pair: tuple[Proxy, Proxy], stream: bool
) -> None:
    team, workers = ("streams" if stream else "burst"), 8
    turns = itertools.cycle(pair)
    with ThreadPoolExecutor(workers) as pool:
        answers = list(pool.map(lambda _: ask(next(turns), team, stream), range(200)))
    events = pair[0].events(team=team)
    assert len(events) == len(answers) == 200
    spent = sum(round(event["cost_usd"] * 10**9) for event in events)
    assert 300_000_000 <= spent <= 300_000_000 + 6_000_000 * (1 + workers)
    for proxy in pair:
        until(lambda proxy=proxy: proxy.get("/stats")["in_flight"] == 0)
        assert proxy.get("/stats")["reserved_usd"] == 0


@pytest.mark.parametrize(("team", "stream"), [("all at once", False), ("all streams at once", True)])
def test_of_200_at_once_each_admits_what_it_would_alone_at_most(
    pair: tuple[Proxy, Proxy], team: str, stream: bool
) -> None:
    """$0.05 at $0.006 a call: what the other one has in flight is its limit and one call at most."""
    turns = itertools.cycle(pair)
    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda _: ask(next(turns), team, stream), range(200)))
    assert {answer.status_code for answer in answers} == {200, 429}
    events = pair[0].events(team=team)
    assert len(events) == 200
    assert 44_000_000 <= sum(round(event["cost_usd"] * 10**9) for event in events) <= 2 * 56_000_000
    for proxy in pair:
        until(lambda proxy=proxy: proxy.get("/stats")["in_flight"] == 0)
        assert proxy.get("/stats")["reserved_usd"] == 0


def test_each_counts_all_events_once(pair: tuple[Proxy, Proxy]) -> None:
    for proxy in pair:
        ask(proxy, "nobody")
    teams = ["both", "burst", "streams", "all at once", "all streams at once"]
    spent = [round(sum(event["cost_usd"] for event in pair[0].events(team=team)), 9) for team in teams]
    for proxy in pair:
        until(lambda proxy=proxy: [b["spend_usd"] for b in proxy.get("/stats")["budgets"]] == spent)
