"""Fuzz for longer, or the same again: `make fuzz`, with SEED, FIRST, REQUESTS and ANSWERS in the environment.

`BARE=1` sends the requests to a mitmdump without ModelTrack, to tell its own faults from the engine's.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from demo.fake_provider.server import FakeProvider
from tests.e2e.conftest import Proxy
from tests.e2e.fuzz.peers import Unanswered
from tests.e2e.fuzz.runs import SEED, at, check, environment, fuzz_answers, fuzz_requests, write_budgets

_BARE_SECONDS = 10
"""How long an answer of mitmproxy alone is waited for: some never come."""


def main() -> int:
    seed, first = int(os.environ.get("SEED", SEED)), int(os.environ.get("FIRST", 0))
    requests, answers = int(os.environ.get("REQUESTS", 200_000)), int(os.environ.get("ANSWERS", 50_000))
    is_bare, failed = bool(os.environ.get("BARE")), False

    def started(url: str) -> Proxy:
        proxy = Proxy(Path(tempfile.mkdtemp(dir=folder)), environment(url), at(url) if is_bare else ())
        if is_bare:
            proxy.bare()
        else:
            write_budgets(proxy)
        return proxy.start()

    with tempfile.TemporaryDirectory(prefix="modeltrack-fuzz-") as folder, FakeProvider(record=False) as provider:
        begun = time.monotonic()
        proxies = []
        try:
            proxies.append(started(provider.url))
            print(
                "requests",
                seed,
                fuzz_requests(proxies[0], seed, range(first, first + requests), _BARE_SECONDS if is_bare else 0),
                flush=True,
            )
            if not is_bare:
                check(proxies[0], provider.books.report()["entries"])
                proxy, statuses = fuzz_answers(started, seed, range(first, first + answers))
                proxies.append(proxy)
                print("answers", seed, statuses, flush=True)
                check(proxy)
        except* Unanswered as group:
            print(*group.exceptions, sep="\n", file=sys.stderr)
            failed = True
        finally:
            for proxy in proxies:
                proxy.stop()
            print(f"{time.monotonic() - begun:.0f} s; errors in the log:")
            for proxy in proxies:
                lines = proxy.output.read_bytes().splitlines()
                print(sum(b"crashed" in line or b"Traceback" in line for line in lines), "of", len(lines), "lines")
    return failed


if __name__ == "__main__":
    sys.exit(main())
