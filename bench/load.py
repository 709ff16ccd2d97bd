"""Send load over loopback: keep-alive HTTP/1.1 clients that send prepared requests with as little work as possible."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Result:
    seconds: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    """Seconds from a request's first byte out to its answer's last byte in."""
    first_bytes: list[float] = field(default_factory=list)
    """Seconds to the first byte of each answer."""

    @property
    def rate(self) -> float:
        """Return answers per second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, of: list[float], percent: float) -> float:
        """Return a percentile of the values, which are in seconds, in milliseconds."""
        ordered = sorted(of)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] * 1000 if ordered else 0.0


class _Client(asyncio.Protocol):
    """One connection. It sends its next request when the answer to the last one is complete."""

    connected_at: float | None = None
    """When the connection was begun, if that time counts as part of the first request; else None."""

    def __init__(self, requests: Iterator[bytes], result: Result, done: "asyncio.Future[None]") -> None:
        self._requests = requests
        self._result = result
        self._done = done
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            return
        self._is_first = True
        self._buffer.clear()
        self._sent, self.connected_at = self.connected_at or time.perf_counter(), None
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._is_first:
            self._is_first = False
            self._result.first_bytes.append(time.perf_counter() - self._sent)
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end]).lower()
        at = head.find(b"content-length:")
        if at >= 0:
            complete = len(self._buffer) - end - 4 >= int(head[at + 15 :].split(b"\r\n", 1)[0])
        else:
            complete = self._buffer.endswith(b"0\r\n\r\n")
        if complete:
            status = int(head[9:12])
            self._result.statuses[status] = self._result.statuses.get(status, 0) + 1
            self._result.latencies.append(time.perf_counter() - self._sent)
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)


async def load(url: str, requests: Iterator[bytes], clients: int, limit_seconds: float = 600) -> Result:
    """Send all requests with so many clients at once. Raises TimeoutError if that takes longer than the limit."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    result = Result()
    start = time.perf_counter()
    waiting = []
    for _ in range(clients):
        done: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(
            lambda done=done: _Client(requests, result, done),  # type: ignore[misc]
            parts.hostname or "",
            parts.port or 80,
        )
        waiting.append(done)
    async with asyncio.timeout(limit_seconds):
        await asyncio.gather(*waiting)
    result.seconds = time.perf_counter() - start
    return result


async def load_once_each(url: str, requests: Iterator[bytes], clients: int, limit_seconds: float = 600) -> Result:
    """Send all requests like `load`, but each over its own connection. The time to connect counts."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    result = Result()
    start = time.perf_counter()

    async def one_after_another() -> None:
        for each in requests:
            done: asyncio.Future[None] = loop.create_future()
            client = _Client(iter((each,)), result, done)
            client.connected_at = time.perf_counter()
            await loop.create_connection(lambda client=client: client, parts.hostname or "", parts.port or 80)  # type: ignore[misc]
            await done

    async with asyncio.timeout(limit_seconds):
        await asyncio.gather(*(one_after_another() for _ in range(clients)))
    result.seconds = time.perf_counter() - start
    return result


def request(path: str, body: bytes, **headers: str) -> bytes:
    """Return a POST as bytes. In header names `_` stands for `-`."""
    lines = [f"POST {path} HTTP/1.1", "Host: bench", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "\r\n"]).encode() + body
