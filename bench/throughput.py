"""Compare how many requests per second ModelTrack and bare mitmdump take before the same provider.

They are measured in turns within one run, so that the ratio holds even on a busy machine.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import orjson

from bench.load import Result, load, request
from bench.targets import APP, TEAM, Target

PATH, MODEL = "/v1/messages", "claude-haiku-4-5"
_NUMBER = "%012d"
_TURN = 'She said: "the quick brown fox"\njumps over the lazy dog, again. ' * 30
_numbers = itertools.count(1)


def prepared(size: int, stream: bool = False) -> bytes:
    """Return a POST with a body of about `size` bytes. It contains `%012d`, to be replaced by a number."""
    turns = [{"role": "user", "content": f"question {_NUMBER} "}]
    while (missing := size - len(orjson.dumps(turns)) - 150) > 0:
        role = "assistant" if len(turns) % 2 else "user"
        turns.append({"role": role, "content": [{"type": "text", "text": _TURN[:missing]}]})  # type: ignore[dict-item]
    body = {"model": MODEL, "max_tokens": 100, "stream": stream, "system": "Be brief.", "messages": turns}
    headers = {"X_ModelTrack_Team": TEAM, "X_ModelTrack_App": APP, "X_Api_Key": "bench", "User_Agent": "bench/1"}
    content = orjson.dumps(body)
    made = request(PATH, content.replace(_NUMBER.encode(), b"0" * 12), **headers)
    head, _, _ = made.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n" + content


def all_different(post: bytes) -> Iterator[bytes]:
    before, _, after = post.partition(_NUMBER.encode())
    return (b"%b%012d%b" % (before, number, after) for number in _numbers)


def all_the_same(post: bytes) -> Iterator[bytes]:
    return itertools.repeat(post.replace(_NUMBER.encode(), b"0" * 12))


@dataclass(frozen=True)
class Kind:
    name: str
    stream: bool
    requests: Callable[[bytes], Iterator[bytes]]


KINDS = (
    Kind("misses", False, all_different),
    Kind("hits", False, all_the_same),
    Kind("streams", True, all_different),
)


@dataclass
class Rounds:
    """The figures of one target. The medians count, since a machine that pauses spoils single rounds."""

    rates: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)
    """Microseconds of CPU per request that the target's own process used."""
    latencies: list[float] = field(default_factory=list)
    """Seconds."""

    def add(self, result: Result, cpu: float) -> None:
        self.rates.append(result.rate)
        self.cpus.append(cpu / len(result.latencies) * 1e6)
        self.latencies += result.latencies

    @property
    def rate(self) -> float:
        return median(self.rates)

    @property
    def cpu_us(self) -> float:
        return median(self.cpus)


def for_a_while(requests: Iterator[bytes], seconds: float) -> Iterator[bytes]:
    end = time.perf_counter() + seconds
    return itertools.takewhile(lambda _: time.perf_counter() < end, requests)


def run(
    target: Target, requests: Iterator[bytes], clients: int, seconds: float, how: Callable[..., Any] = load
) -> Result:
    result: Result = asyncio.run(how(target.url, for_a_while(requests, seconds), clients, seconds + 60))
    if set(result.statuses) != {200}:
        raise RuntimeError(f"{target.name} answered {result.statuses}")
    return result


def compare(targets: list[Target], kind: Kind, size: int, clients: int, seconds: float, rounds: int) -> list[Rounds]:
    post = prepared(size, kind.stream)
    found = [Rounds() for _ in targets]
    for number in range(rounds + 1):
        for target, total in zip(targets, found, strict=True):
            before = target.cpu()
            result = run(target, kind.requests(post), clients, seconds if number else min(seconds, 0.2))
            if number:  # the first round warms up
                total.add(result, target.cpu() - before)
    return found
