"""The halves of the fuzzer: send mutations to a proxy and see that they come to an end; and what holds after it."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from bench.targets import resident_mb
from tests.e2e.conftest import KEY, Proxy, free_port, until
from tests.e2e.fuzz.corpus import ANSWERS, MODEL, REQUESTS
from tests.e2e.fuzz.peers import RawProvider, send_all, send_whole

SEED = 14
BUDGETS = {"budgets": [{"team": "fuzz", "monthly_limit": 1000000, "action": "block"}]}
_MOST_GROWTH_MB = 60
"""More than a warm proxy grows, and far less than what was sent."""


def environment(url: str) -> dict[str, str]:
    """Return the settings of a proxy that sends everything to one address, or nowhere."""
    names = ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "BEDROCK_ENDPOINT_URL")
    return {**dict.fromkeys(names, url), "TUNNEL_OTHER_HOSTS": "none", "ABANDONED_SECONDS": "5"}


def at(url: str) -> tuple[str, ...]:
    """Return the arguments of a mitmdump without ModelTrack that sends everything to one address."""
    return ("--mode", f"reverse:{url}", "--set", "connection_strategy=lazy", "-p", str(free_port()))


def write_budgets(proxy: Proxy) -> None:
    proxy.write("budgets.json", BUDGETS)


def port_of(proxy: Proxy) -> int:
    return int(proxy.url.rpartition(":")[2])


def fuzz_requests(proxy: Proxy, seed: int, numbers: range, patience: float = 0) -> dict[str, int]:
    """Send mutated requests, and return how many answers there were by status; `patience` is that of `send_all`."""
    before = resident_mb(proxy.process.pid)
    statuses = asyncio.run(send_all(port_of(proxy), seed, numbers, REQUESTS, patience))
    if patience:
        return statuses
    until(lambda: resident_mb(proxy.process.pid) - before < _MOST_GROWTH_MB, 30)
    return statuses


def fuzz_answers(start: Callable[[str], Proxy], seed: int, numbers: range) -> tuple[Proxy, dict[str, int]]:
    """Start a proxy in front of a provider whose answers are mutated, and return it with the answers by status."""

    async def run() -> tuple[Proxy, dict[str, int]]:
        provider = RawProvider(seed, ANSWERS)
        server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            proxy = await asyncio.to_thread(start, f"http://127.0.0.1:{port}")
            return proxy, await send_whole(port_of(proxy), numbers)

    return asyncio.run(run())


def check(proxy: Proxy, accepted: Sequence[dict[str, Any]] = ()) -> None:
    """Assert that nothing is left of what was sent, and that each call which a provider has accepted has one event."""
    stats = until(lambda: _at_rest(proxy))
    assert (stats["reserved_usd"], stats["abandoned"]["now"], stats["event_log"]["lost"]) == (0, 0, 0)
    assert proxy.process.poll() is None
    events = proxy.events()
    assert len({event["event_id"] for event in events}) == len(events)
    billed = Counter(event["model"] for event in events if event["cost_usd"] != 0 and not event.get("unmetered"))
    entered = Counter(entry["model"] for entry in accepted)
    # Turns on a WebSocket that its client leaves may be estimated before the provider has seen them.
    assert not accepted or billed.pop(MODEL) >= entered.pop(MODEL)
    assert not accepted or billed.total() == entered.total(), (billed - entered, entered - billed)
    log = proxy.log
    assert KEY not in log and "Traceback" not in log and "crashed" not in log, log[-3000:]


def _at_rest(proxy: Proxy) -> dict[str, Any] | None:
    stats: dict[str, Any] = json.loads(json.dumps(proxy.get("/stats")))
    return stats if not stats["in_flight"] and not stats["abandoned"]["now"] else None
