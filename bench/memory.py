"""Resident memory of the proxy over many requests of mixed kinds: `python -m bench.memory [requests]`.

Kinds: misses, hits, streams, refusals, errors of the provider, bad requests, downgrades, other paths.
"""

import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.load import load, request
from modeltrack_api.demo import RULES
from modeltrack_api.demo_processes import proxy

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
    """Eight kinds in turn."""
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


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main() -> None:
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    command = [sys.executable, "-m", "modeltrack_api.fake_provider", "--no-record"]
    with tempfile.TemporaryDirectory() as name, subprocess.Popen(command, stdout=subprocess.PIPE) as provider:
        assert provider.stdout
        upstream = provider.stdout.readline().decode().strip()
        folder = Path(name)
        (folder / "budgets.json").write_text(json.dumps(BUDGETS))
        (folder / "routing.json").write_text(json.dumps(RULES))
        try:
            with proxy(folder, upstream) as (url, pid):
                print(f"{0:>8} requests: {resident_mb(pid):7.1f} MB")
                for start in itertools.islice(itertools.count(0, total // STEPS), STEPS):
                    result = asyncio.run(load(url, requests(start, total // STEPS), 16))
                    seen = " ".join(f"{status}: {count}" for status, count in sorted(result.statuses.items()))
                    done = start + total // STEPS
                    print(f"{done:>8} requests: {resident_mb(pid):7.1f} MB  {result.rate:6.0f}/s  {seen}", flush=True)
        finally:
            provider.terminate()


if __name__ == "__main__":
    main()
