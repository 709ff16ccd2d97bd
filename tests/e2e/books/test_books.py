"""Make calls of every kind at random, and compare the bill with the books that the provider keeps.

All follows from a seed: `BOOKS_SEED=7` makes another run, `BOOKS_CALLS=2000` a longer one, `BOOKS_ONLY=12,99` the calls
with these numbers alone, `BOOKS_KIND=audio` those whose kind has the word in it.
"""

import os
from collections.abc import Callable

import pytest

from demo.fake_provider.server import FakeProvider
from tests.e2e.books.client import Caller
from tests.e2e.books.compare import compare
from tests.e2e.books.drafts import Case
from tests.e2e.books.plan import BUDGETS, RULES, case, plan
from tests.e2e.conftest import Proxy, until
from tests.e2e.providers.bedrock.clients import NO_AWS

_SEED = int(os.environ.get("BOOKS_SEED", "1"))
_CALLS = int(os.environ.get("BOOKS_CALLS", "2000"))
_AT_ONCE = int(os.environ.get("BOOKS_AT_ONCE", "48"))
_ONLY, _KIND = os.environ.get("BOOKS_ONLY", ""), os.environ.get("BOOKS_KIND", "")
_DEPLOYMENTS = {"prod-chat": "gpt-4o", "prod-mini": "gpt-4o-mini"}


def _cases() -> list[Case]:
    if _ONLY:
        return [case(_SEED, int(number)) for number in _ONLY.split(",")]
    return [item for item in plan(_SEED, _CALLS) if _KIND in item.kind]


def test_the_bill_is_the_providers_bill(make_proxy: Callable[..., Proxy], fake: FakeProvider) -> None:
    prices = [{"provider": "azure", "model": name, "same_as": model} for name, model in _DEPLOYMENTS.items()]
    proxy = make_proxy(
        files={"budgets.json": BUDGETS, "routing.json": RULES, "pricing.json": {"models": prices}},
        AZURE_OPENAI_ENDPOINT=fake.url,
        BEDROCK_ENDPOINT_URL=fake.url,
        **NO_AWS,
    ).ready()
    cases = _cases()
    calls = sum(len(item.calls) for item in cases)
    caller = Caller(int(proxy.url.rpartition(":")[2]), _AT_ONCE)
    caller.make(cases)
    assert caller.stuck == [], f"seed {_SEED}: these calls got no answer"
    until(lambda: proxy.get("/stats")["in_flight"] == 0)
    until(lambda: not any(entry["open"] for entry in fake.books.report()["entries"]))
    result = compare(cases, proxy.events(), fake.books.report()["entries"])
    print(f"\n{calls} calls: {result.exact} cases exact, {len(result.estimated)} estimated ({result.difference:+.1%})")
    if message := result.message(_SEED, is_whole=not (_ONLY or _KIND)):
        pytest.fail(message, pytrace=False)
    assert proxy.get("/stats")["reserved_usd"] == 0
