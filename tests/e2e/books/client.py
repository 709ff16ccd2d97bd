"""Make the planned calls: those whose client reads all with httpx2, the others on a socket that is left half-way."""

import asyncio
import contextlib
import json
import random
import socket
import struct
from collections.abc import Iterable

import httpx2
from websockets.asyncio.client import connect

from tests.e2e.books.drafts import ARRIVAL, Call, Case

_TIMEOUT = 60.0
_FINAL = ("response.completed", "error")


class Caller:
    """Make calls to the proxy at a port of this machine, so many at once."""

    def __init__(self, port: int, at_once: int) -> None:
        self._port = port
        self._at_once = at_once
        self.stuck: list[str] = []
        """The traces of the calls that got no answer in a minute."""

    def make(self, cases: Iterable[Case]) -> None:
        """Make all calls, and return when each has been answered or left."""
        asyncio.run(self._make(cases))

    async def _make(self, cases: Iterable[Case]) -> None:
        waiting = iter(list(cases))
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=self._at_once)
        async with httpx2.AsyncClient(limits=limits, timeout=_TIMEOUT, trust_env=False) as client:

            async def work() -> None:
                for case in waiting:
                    if case.on_a_socket:
                        await self._talk(case)
                        continue
                    if case.together:
                        await asyncio.gather(*(self._call(client, call) for call in case.calls))
                        continue
                    for call in case.calls:
                        await self._call(client, call)

            await asyncio.gather(*(work() for _ in range(self._at_once)))

    async def _talk(self, case: Case) -> None:
        """Make the calls of a case one after the other on a WebSocket."""
        first = case.calls[0]
        url = f"ws://127.0.0.1:{self._port}{first.path}"
        try:
            async with asyncio.timeout(_TIMEOUT), connect(url, additional_headers=first.headers, proxy=None) as talk:
                for call in case.calls:
                    await talk.send(call.body.decode())
                    while json.loads(await talk.recv())["type"] not in _FINAL:
                        pass
        except TimeoutError:
            self.stuck.append(first.trace)

    async def _call(self, client: httpx2.AsyncClient, call: Call) -> None:
        try:
            await self._make_call(client, call)
        except (TimeoutError, httpx2.TimeoutException):
            self.stuck.append(call.trace)

    async def _make_call(self, client: httpx2.AsyncClient, call: Call) -> None:
        if call.stage == "stays":
            url = f"http://127.0.0.1:{self._port}{call.path}"
            with contextlib.suppress(httpx2.RemoteProtocolError):  # the provider may break off
                await client.post(url, content=call.body, headers=call.headers)
            return
        async with asyncio.timeout(_TIMEOUT):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                await _leave(call, reader, writer)
            finally:
                _hang_up(writer, call)


async def _leave(call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a request, and return when its client leaves."""
    head = f"POST {call.path} HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\nContent-Length: {len(call.body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in {"Accept": "*/*", **call.headers}.items())
    body = call.body[: len(call.body) // 2] if call.stage == "in the request" else call.body
    writer.write(head.encode() + b"\r\n" + body)
    if call.stage == "half-closes":
        writer.write_eof()  # at once: whoever closes its side in the middle of a stream counts as gone
    await writer.drain()
    match call.stage:
        case "in the request":
            await asyncio.sleep(ARRIVAL)
        case "half-closes":
            await _read_to_end(reader)
        case "before the head":
            await asyncio.sleep(call.leaves_after)
        case "after the head":
            await reader.readuntil(b"\r\n\r\n")
        case "in mid stream":
            await reader.readuntil(b"\r\n\r\n")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(call.leaves_after):
                    await _read_to_end(reader)
        case "at the end":
            seen = await reader.readuntil(b"\r\n\r\n")
            while not call.form.is_over(seen) and (chunk := await reader.read(65536)):
                seen += chunk


async def _read_to_end(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass


def _hang_up(writer: asyncio.StreamWriter, call: Call) -> None:
    """Close the connection: every other client resets it, as one that is killed does."""
    if random.Random(call.trace).random() < 0.5:
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
