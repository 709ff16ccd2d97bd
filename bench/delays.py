"""Measure how late each chunk of many simultaneous streams arrives: from the provider's write to the client's read."""

import asyncio
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import orjson

from bench.load import request
from bench.targets import APP, TEAM, Target
from bench.ticker import SENT

_SPREAD_SECONDS = 1.0
"""The streams begin one after another within this time, as those of users do. Else all chunks would come at once."""


@dataclass
class Delays:
    """The delays of one round, in milliseconds."""

    first: list[float] = field(default_factory=list)
    """From the request to the first chunk."""
    chunks: list[float] = field(default_factory=list)
    """From the provider's write of a chunk to the client's read."""
    cores: float = 0.0
    """CPU that the target's process used, in cores."""


def percentile(values: list[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0


class _Client(asyncio.Protocol):
    def __init__(self, post: bytes, found: Delays, done: "asyncio.Future[None]") -> None:
        self._post, self._found, self._done = post, found, done
        self._tail = b""
        self._has_first = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._sent = time.monotonic_ns()
        transport.write(self._post)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        if not self._has_first:
            self._has_first = True
            self._found.first.append((now - self._sent) / 1e6)
        data = self._tail + data
        end = 0
        for match in SENT.finditer(data):
            self._found.chunks.append((now - int(match[1])) / 1e6)
            end = match.end()
        self._tail = data[end:][-200:]
        if data.endswith(b"0\r\n\r\n"):
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)


def prepared() -> bytes:
    body = {"model": "gpt-4o-mini", "stream": True, "messages": [{"role": "user", "content": "Count."}]}
    return request("/v1/chat/completions", orjson.dumps(body), X_ModelTrack_Team=TEAM, X_ModelTrack_App=APP)


async def _run(url: str, streams: int, found: Delays, limit_seconds: float) -> None:
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    waiting = []
    async with asyncio.timeout(limit_seconds):
        for _ in range(streams):
            done: asyncio.Future[None] = loop.create_future()
            await loop.create_connection(
                lambda done=done: _Client(prepared(), found, done),  # type: ignore[misc]
                parts.hostname or "",
                parts.port or 80,
            )
            waiting.append(done)
            await asyncio.sleep(_SPREAD_SECONDS / streams)
        await asyncio.gather(*waiting)


def measure(target: Target, streams: int, chunks: int, limit_seconds: float) -> Delays:
    """Measure one round. Raises RuntimeError if chunks are missing."""
    found = Delays()
    before, start = target.cpu(), time.monotonic()
    asyncio.run(_run(target.url, streams, found, limit_seconds))
    found.cores = (target.cpu() - before) / (time.monotonic() - start)
    if len(found.chunks) != streams * chunks:
        raise RuntimeError(f"{target.name}: {len(found.chunks)} of {streams * chunks} chunks came")
    return found
