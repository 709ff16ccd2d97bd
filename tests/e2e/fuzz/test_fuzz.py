"""Mutations of real requests and answers at a running proxy: each connection comes to its end, and so does each call.

A failure names the seed and the number; `make fuzz SEED=… FIRST=… REQUESTS=1` sends the same bytes again.
"""

from collections.abc import Callable

from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import Proxy
from tests.e2e.fuzz.runs import BUDGETS, SEED, check, environment, fuzz_answers, fuzz_requests

REQUESTS, ANSWERS = 20_000, 5_000


def test_every_mutated_request_comes_to_an_end_and_every_accepted_call_has_one_event(
    make_proxy: Callable[..., Proxy],
) -> None:
    with FakeProvider(record=False) as provider:
        proxy = make_proxy(start=False, files={"budgets.json": BUDGETS}, **environment(provider.url))
        statuses = fuzz_requests(proxy.start(), SEED, range(REQUESTS))
        check(proxy, provider.books.report()["entries"])
    assert sum(statuses.values()) == REQUESTS
    assert {"200", "400", "404", "closed"} <= statuses.keys(), statuses
    assert "500" not in statuses, statuses


def test_every_mutated_answer_reaches_its_client_and_every_call_has_one_event(make_proxy: Callable[..., Proxy]) -> None:
    def start(url: str) -> Proxy:
        return make_proxy(files={"budgets.json": BUDGETS}, **environment(url))

    proxy, statuses = fuzz_answers(start, SEED, range(ANSWERS))
    check(proxy)
    assert sum(statuses.values()) == ANSWERS == len(proxy.events(app_id="answers"))
    assert {"200", "502"} <= statuses.keys(), statuses
