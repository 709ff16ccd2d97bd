"""Measure ModelTrack beside bare mitmdump, on loopback: `make bench`. It takes some minutes.

The two are measured in turns within one run, so that the ratios hold even on a busy machine. `--quick` ends sooner, but
its figures mean nothing. The load comes from bench/load.py, in this process. PEER_URL (or LITELLM) names another
gateway to measure as well: it must take Anthropic's and OpenAI's paths, and send them on to the provider at
`--provider-port`.
"""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from bench import crowd, delays, memory, startup, throughput, upstream_tls
from bench.targets import Target, bare, modeltrack, provider, write_settings


@dataclass(frozen=True)
class Plan:
    seconds: float = 0.7
    rounds: int = 7
    sizes: Sequence[int] = (1_000, 200_000)
    clients: Sequence[int] = (1, 16, 128)
    streams: int = 200
    tokens_a_second: int = 50
    stream_rounds: Sequence[tuple[float, int]] = ((2, 9), (30, 1))
    """Seconds of a round's streams, and number of rounds. Short rounds are many: a stream has only one first byte."""
    events: int = 1_000_000
    events_this_month: int = 50_000
    requests: Sequence[int] = (10_000, 50_000, 100_000)
    crowd: tuple[int, int, float] = (2_000, 500, 20)
    """Connections that say nothing, those that never end a head, and MB a second of refused uploads."""
    crowd_rounds: tuple[float, int] = (3, 5)


QUICK = Plan(0.2, 1, (1_000,), (4,), 4, 50, ((0.2, 1),), 4_000, 400, (40, 80), (20, 5, 1), (0.2, 1))


def parts(names: Sequence[str]) -> Iterator[tuple[str, Callable[[Plan, int], None]]]:
    known = {
        "throughput": rates,
        "streams": streams,
        "startup": starts,
        "memory": residents,
        "tls": tls,
        "crowd": crowds,
    }
    return ((name, known[name]) for name in (names or known))


_STREAMING = ("--set", "stream_large_bodies=1")
"""Without this, bare mitmdump holds a stream back until its end."""


def _folder(stack: ExitStack) -> Path:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="modeltrack-bench-")))
    write_settings(folder)
    return folder


def _peer() -> list[Target]:
    url = os.environ.get("PEER_URL") or os.environ.get("LITELLM")
    return [Target("peer", url.rstrip("/"))] if url else []


def rates(plan: Plan, port: int) -> None:
    print("| what | body | clients | mitmdump -q | ModelTrack | | CPU of a request: | | | the provider's own limit |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    with ExitStack() as stack:
        upstream = stack.enter_context(provider("--no-record", "--port", str(port)))
        theirs = stack.enter_context(bare(_folder(stack), upstream.url))
        ours = stack.enter_context(modeltrack(_folder(stack), upstream.url))
        streaming = stack.enter_context(bare(_folder(stack), upstream.url, *_STREAMING))
        peers = _peer()
        *whole, streamed = throughput.KINDS
        both = replace(streamed, name="streams, mitmdump told to pass them on")
        compared = [*((kind, theirs, plan.sizes) for kind in (*whole, streamed)), (both, streaming, plan.sizes[:1])]
        for kind, other, sizes in compared:
            for size in sizes:
                for clients in plan.clients:
                    targets = [other, ours, *peers]
                    their, our, *peer = throughput.compare(targets, kind, size, clients, plan.seconds, plan.rounds)
                    limit = throughput.run(
                        upstream, kind.requests(throughput.prepared(size, kind.stream)), clients, 0.2
                    )
                    beside = "".join(f" peer {p.rate:.0f}/s, {our.rate / p.rate:.2f}x |" for p in peer)
                    print(
                        f"| {kind.name} | {size // 1000} KB | {clients} | {their.rate:.0f}/s | {our.rate:.0f}/s "
                        f"| **{our.rate / their.rate:.2f}x** | {their.cpu_us:.0f} us | {our.cpu_us:.0f} us "
                        f"| **{their.cpu_us / our.cpu_us:.2f}x** | {limit.rate:.0f}/s |{beside}",
                        flush=True,
                    )


def streams(plan: Plan, port: int) -> None:
    rate = f"{plan.tokens_a_second} chunks a second each"
    print(f"{plan.streams} streams at once, {rate}; milliseconds, median of the rounds; worst: of all rounds\n")
    print("| | seconds | rounds | first byte p50 | p99 | a chunk's delay p50 | p99 | worst | CPU, cores |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for seconds, rounds in plan.stream_rounds:
        _streams(plan, seconds, rounds)


def _streams(plan: Plan, seconds: float, rounds: int) -> None:
    chunks = max(1, int(seconds * plan.tokens_a_second))
    with ExitStack() as stack:
        args = (str(chunks), str(1 / plan.tokens_a_second))
        upstream = stack.enter_context(provider(*args, module="bench.ticker"))
        theirs = stack.enter_context(bare(_folder(stack), upstream.url, *_STREAMING))
        ours = stack.enter_context(modeltrack(_folder(stack), upstream.url))
        targets = [upstream, theirs, ours, *_peer()]
        found: list[list[delays.Delays]] = [[] for _ in targets]
        for _ in range(rounds):
            for target, each in zip(targets, found, strict=True):
                each.append(delays.measure(target, plan.streams, chunks, seconds * 4 + 60))
    for target, each in zip(targets, found, strict=True):
        name = "the provider itself" if target is upstream else target.name
        first, rest = [one.first for one in each], [one.chunks for one in each]
        figures = [_usual(first, 50), _usual(first, 99), _usual(rest, 50), _usual(rest, 99), max(map(max, rest))]
        shown = " | ".join(f"{figure:.1f}" for figure in figures)
        print(f"| {name} | {seconds:g} | {rounds} | {shown} | {median(one.cores for one in each):.2f} |", flush=True)


def _usual(rounds: list[list[float]], percent: float) -> float:
    """Return the median of the rounds' percentiles, since a machine that pauses spoils single rounds."""
    return median(delays.percentile(values, percent) for values in rounds)


def starts(plan: Plan, port: int) -> None:
    empty, long = startup.compare(plan.events, plan.events_this_month, plan.rounds)
    what = f"{plan.events:,} events ({plan.events_this_month:,} of this month)"
    print(f"start until ready: {empty:.2f} s with an empty log, {long:.2f} s with {what}: **{long / empty:.2f}x**")


def residents(plan: Plan, port: int) -> None:
    with tempfile.TemporaryDirectory() as name, provider("--no-record") as upstream:
        for done, megabytes, _ in memory.grow(Path(name), upstream.url, plan.requests):
            print(f"resident after {done:,} requests: {megabytes:.0f} MB", flush=True)


def tls(plan: Plan, port: int) -> None:
    print(f"{upstream_tls.CLIENTS} clients, ModelTrack")
    print("| | requests | p50 | p99 | CPU of a request |")
    print("|---|--:|--:|--:|--:|")
    for name, total in upstream_tls.compare(plan.seconds, plan.rounds):
        p50, p99 = (delays.percentile(total.latencies, percent) * 1000 for percent in (50, 99))
        print(f"| {name} | {total.rate:.0f}/s | {p50:.1f} ms | {p99:.1f} ms | {total.cpu_us:.0f} us |", flush=True)


def crowds(plan: Plan, port: int) -> None:
    with tempfile.TemporaryDirectory() as name, provider("--no-record") as upstream:
        crowd.report(crowd.measure(Path(name), upstream.url, *plan.crowd, *plan.crowd_rounds))


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the processes started here end too
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument(
        "parts", nargs="*", help="throughput, streams, startup, memory, tls, crowd; default: all of them"
    )
    parser.add_argument("--quick", action="store_true", help="tiny numbers: only to see that the benchmarks run")
    parser.add_argument(
        "--provider-port", type=int, default=0, help="port of the fake provider, which a peer's configuration needs"
    )
    args = parser.parse_args()
    plan = QUICK if args.quick else Plan()
    for name, measure in parts(args.parts):
        print(f"\n## {name}\n", flush=True)
        measure(plan, args.provider_port)


if __name__ == "__main__":
    main()
