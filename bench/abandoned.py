"""Measure what it costs to read calls on whose clients have gone: `python -m bench.abandoned [calls]`.

That many calls wait for their answers while their clients are there, then without them. Each time the memory is taken,
and the rate of other calls; at the end, that every call has its event as the provider reported it.
"""

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

from bench import memory, throughput
from bench.load import request
from bench.targets import Target, modeltrack, provider, resident_mb, write_settings

_CLIENTS, _SECONDS, _ROUNDS = 16, 1.0, 5


async def _ask(url: str, calls: int) -> list[asyncio.StreamWriter]:
    host, port = url.removeprefix("http://").split(":")
    writers = []
    for number in range(calls):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(request("/v1/messages", memory.body(number, "claude-sonnet-4-6"), X_Fake="hold=1"))
        await writer.drain()
        writers.append(writer)
    return writers


async def _leave(writers: list[asyncio.StreamWriter]) -> None:
    for writer in writers:
        writer.close()


def _stats(target: Target) -> Any:
    return requests.get(target.url + "/stats", timeout=60).json()


def _until(target: Target, name: str, wanted: int) -> None:
    while (found := _stats(target)[name]) != wanted and found != {"now": wanted, "total": wanted}:
        time.sleep(0.05)


def _report(what: str, target: Target) -> None:
    memory_taken = resident_mb(target.pid)
    [found] = throughput.compare([target], throughput.KINDS[0], 1000, _CLIENTS, _SECONDS, _ROUNDS)
    print(f"| {what} | {memory_taken:.0f} MB | {found.rate:.0f}/s | {found.cpu_us:.0f} us |", flush=True)


async def _measure(calls: int, folder: Path, upstream: Target) -> None:
    write_settings(folder)
    with modeltrack(folder, upstream.url) as target:
        print("| | memory | other calls, 16 clients, 1 KB | CPU of one |\n|---|--:|--:|--:|")
        await asyncio.to_thread(_report, "before", target)
        writers = await _ask(target.url, calls)
        await asyncio.to_thread(_until, target, "in_flight", calls)
        await asyncio.to_thread(_report, f"{calls} calls wait with their clients", target)
        await _leave(writers)
        await asyncio.to_thread(_until, target, "abandoned", calls)
        await asyncio.to_thread(_report, f"{calls} calls wait without them", target)
        requests.post(upstream.url + "/_fake/release", timeout=60)
        await asyncio.to_thread(_until, target, "in_flight", 0)
        await asyncio.to_thread(_report, "after their answers", target)
    events = [json.loads(line) for line in (folder / "cost_events.jsonl").read_bytes().splitlines()]
    left = [event for event in events if event.get("error") == "client_disconnected"]
    exact = sum(event["cost_usd"] == 0.006 and not event.get("usage_estimated") for event in left)
    print(f"\n{len(left)} events of abandoned calls, {exact} of them as the provider reported; {os.cpu_count()} cores")


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory() as name, provider("--no-record") as upstream:
        asyncio.run(_measure(calls, Path(name), upstream))


if __name__ == "__main__":
    main()
