"""A leak shows as growth; `python -m bench.memory` does the same with 50,000 requests."""

import asyncio
from collections.abc import Callable

from bench.load import load
from bench.memory import BUDGETS, requests
from bench.targets import resident_mb
from demo.__main__ import RULES
from tests.e2e.conftest import Proxy


def test_memory_stays_flat_over_requests_of_all_kinds(make_proxy: Callable[..., Proxy]) -> None:
    proxy = make_proxy(files={"budgets.json": BUDGETS, "routing.json": RULES}, CACHE_MAX_ENTRIES="50")
    asyncio.run(load(proxy.url, requests(0, 1600), 16))
    before = resident_mb(proxy.process.pid)
    result = asyncio.run(load(proxy.url, requests(1600, 3200), 16))
    assert sum(result.statuses.values()) == 3200
    assert len(proxy.events()) == 4800 * 15 // 16  # the other path in 16 is not tracked
    assert resident_mb(proxy.process.pid) - before < 10
    stats = proxy.get("/stats")
    assert (stats["in_flight"], stats["reserved_usd"]) == (0, 0)
