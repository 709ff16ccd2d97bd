"""Measure the proxy's resident memory over many requests of mixed kinds: `python -m bench.memory [requests]`.

The kinds are misses, hits, streams, refusals, errors of the provider, bad requests, downgrades, other paths.
"""

import asyncio
import itertools
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.load import Result, load, request
from bench.targets import modeltrack, provider, resident_mb, write_settings

BUDGETS = {
    "budgets": [
        {"team": "spent", "monthly_limit": 0.000001, "action": "block"},
        {"team": "down", "monthly_limit": 0.000001, "action": "warn"},
    ]
}
STEPS = 5


def body(number: int, model: str, **more: Any) -> bytes:
    messages = [{"role": "user", "content": f"question {number} " + "word " * 200}]
    return json.dumps({"model": model, "max_tokens": 100, "messages": messages} | more).encode()


def requests(start: int, count: int) -> Iterator[bytes]:
    """Yield requests of eight kinds in turn, the first with the number `start`."""
    messages, chat = "/v1/messages", "/v1/chat/completions"
    for n in range(start, start + count):
        match n % 8:
            case 0:
                yield request(messages, body(n, "claude-sonnet-4-6"), X_ModelTrack_Team=f"team{n % 50}")
            case 1:
                yield request(messages, body(n % 40, "claude-haiku-4-5"), X_ModelTrack_Team="hits")
            case 2:
                yield request(messages, body(n, "claude-haiku-4-5", stream=True), X_ModelTrack_App=f"app{n % 50}")
            case 3:
                yield request(chat, body(n, "gpt-4o-mini", stream=True), X_ModelTrack_Session_ID=f"session{n}")
            case 4:
                yield request(messages, body(n, "claude-sonnet-4-6"), X_ModelTrack_Team="spent")
            case 5:
                yield request(messages, body(n, "claude-sonnet-4-6"), X_Fake="status=500")
            case 6:
                yield request(messages, body(n, "claude-sonnet-4-6"), X_ModelTrack_Team="down")
            case 7:
                yield request(chat, b"not JSON") if n % 16 == 7 else request("/v1/moderations", body(n, "m"))


def grow(folder: Path, upstream: str, checkpoints: Sequence[int]) -> Iterator[tuple[int, float, Result]]:
    """Yield at each checkpoint the number of requests, MB of resident memory, and the result since the last one."""
    write_settings(folder)
    (folder / "budgets.json").write_text(json.dumps(BUDGETS))
    with modeltrack(folder, upstream) as target:
        yield 0, resident_mb(target.pid), Result()
        for start, end in itertools.pairwise([0, *checkpoints]):
            result = asyncio.run(load(target.url, requests(start, end - start), 16, 1800))
            yield end, resident_mb(target.pid), result


def main() -> None:
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    checkpoints = [total * step // STEPS for step in range(1, STEPS + 1)]
    with tempfile.TemporaryDirectory() as name, provider("--no-record") as upstream:
        for done, megabytes, result in grow(Path(name), upstream.url, checkpoints):
            seen = " ".join(f"{status}: {count}" for status, count in sorted(result.statuses.items()))
            print(f"{done:>8} requests: {megabytes:7.1f} MB  {result.rate:6.0f}/s  {seen}", flush=True)


if __name__ == "__main__":
    main()
