"""Send answers as their `Reply` says: at once or late, whole or in events, to the end or until it hangs up itself."""

import asyncio
import gzip
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from demo.fake_provider.answers import Final, Generated, Reply, pieces
from demo.fake_provider.books import Books, Entry
from demo.fake_provider.messages import head
from demo.fake_provider.oddities import bent, content_type

_ARRIVAL = 0.05
"""The seconds after which what was sent has arrived, before a reset would throw it away."""


@dataclass(frozen=True, slots=True)
class Whole:
    """Hold an answer that is not streamed."""

    status: int
    content: bytes
    content_type: str = "application/json"
    headers: tuple[str, ...] = ()


class Sender:
    """Send the answers of one connection, one after the other."""

    closes = False
    """Whether the connection ends with the answer."""
    _entry: Entry | None = None

    def __init__(
        self, transport: asyncio.Transport, books: Books, wait_for_release: Callable[[], Awaitable[None]]
    ) -> None:
        self._transport = transport
        self._books = books
        self._wait_for_release = wait_for_release

    def lost(self) -> None:
        """Write down that the client has hung up."""
        if self._entry:
            self._books.end(self._entry, finished=False)

    def json(self, status: int, answer: Any) -> None:
        self.whole(Whole(status, orjson.dumps(answer)))

    def whole(self, answer: Whole, reply: Reply | None = None, entry: Entry | None = None) -> None:
        content, encoding = answer.content, []
        if reply and reply.gzip:
            content = gzip.compress(content, 1, mtime=0)
            encoding = ["Content-Encoding: gzip"]
        headers = (f"Content-Length: {len(content)}", *encoding, *answer.headers)
        self._transport.write(head(answer.status, *headers, content_type=answer.content_type) + content)
        self._end(entry)

    async def late(self, answer: Whole, reply: Reply, entry: Entry | None) -> None:
        """Send an answer once it has been generated, if it is one that was accepted."""
        self._entry = entry
        generating = entry.output_tokens / reply.pace if entry and reply.pace else 0
        await asyncio.sleep(reply.delay + generating)
        if reply.hold:
            await self._wait_for_release()
        if reply.hangup < 0:
            self.whole(answer, reply, entry)
            return
        if reply.hangup:
            size = len(answer.content)
            self._transport.write(head(answer.status, f"Content-Length: {size}") + answer.content[: size // 2])
            await asyncio.sleep(_ARRIVAL)
        self._transport.abort()

    async def stream(self, events: Iterator[bytes], usual_type: str, reply: Reply, enter: Callable[[], Entry]) -> None:
        """Send the events; `enter` writes the call into the books, which it is when its head is sent."""
        if reply.delay:
            await asyncio.sleep(reply.delay)
        if reply.hangup == 0:
            self._transport.abort()
            return
        self._entry = entry = enter()
        begin = self._stream_head(content_type(reply, usual_type), reply)
        pack = zlib.compressobj(wbits=31) if reply.gzip else None
        pace = _Pace(reply)
        for number, event in enumerate(bent(events, reply.odd) if reply.odd else events, 1):
            kind = type(event)
            if reply.pace and kind is Generated:
                await pace.wait()
            if number == reply.corrupt:
                event = event[:-1] + bytes([event[-1] ^ 1])
            if pack:
                event = pack.compress(event) + pack.flush(zlib.Z_SYNC_FLUSH)
            self._transport.write(begin + b"%x\r\n%b\r\n" % (len(event), event))
            begin = b""
            if number == reply.hangup:
                await asyncio.sleep(_ARRIVAL)
                self._transport.abort()
                return
            if number == reply.hold:
                await self._wait_for_release()
            if pause := reply.gap + (reply.tail if kind is Final else 0):
                await asyncio.sleep(pause)
        rest = pack.flush() if pack else b""
        self._transport.write((b"%x\r\n%b\r\n" % (len(rest), rest) if rest else b"") + b"0\r\n\r\n")
        self._end(entry)

    def _stream_head(self, kind: str, reply: Reply) -> bytes:
        encoding = ["Content-Encoding: gzip"] if reply.gzip else []
        return head(200, "Transfer-Encoding: chunked", *encoding, content_type=kind)

    def _end(self, entry: Entry | None) -> None:
        if entry:
            self._books.end(entry, finished=True)
        self._entry = None
        if self.closes:
            self._transport.close()


class _Pace:
    """Wait until the next piece of a stream has been generated: the reasoning comes first, then the text evenly."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._started = time.monotonic()
        self._parts = len(pieces(reply))
        self._sent = 0

    async def wait(self) -> None:
        reply = self._reply
        self._sent += 1
        tokens = reply.reasoning + (reply.output_tokens - reply.reasoning) * self._sent / self._parts
        await asyncio.sleep(max(0.0, self._started + tokens / reply.pace - time.monotonic()))
