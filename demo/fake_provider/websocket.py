"""Speak OpenAI's Responses API on a WebSocket.

Each `response.create` is answered as the `X-Fake` header of the upgrade says, or its own metadata:
`{"fake": "output_tokens=7"}`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import orjson
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import CloseConnection, Message, Ping, TextMessage
from wsproto.utilities import generate_accept_token

from demo.fake_provider.answers import Reply, error
from demo.fake_provider.apis import charged_as
from demo.fake_provider.books import Books
from demo.fake_provider.responses import response_parts


def accept(key: str) -> bytes:
    """Return the answer that accepts the upgrade to a WebSocket."""
    head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s"
    return (head % generate_accept_token(key.encode()).decode() + "\r\n\r\n").encode()


class ResponsesSocket:
    """Answer the requests on a WebSocket: those on one lane in order, those on different lanes at the same time."""

    def __init__(
        self,
        transport: asyncio.Transport,
        reply: Reply,
        record: Callable[[bytes], None],
        wait_for_release: Callable[[], Awaitable[None]],
        books: Books,
    ) -> None:
        self._transport = transport
        self._reply = reply
        self._record = record
        self._wait_for_release = wait_for_release
        self._books = books
        self._connection = Connection(ConnectionType.SERVER)
        self._message: list[Any] = []
        self._lanes: dict[str, asyncio.Lock] = {}
        self._last: dict[str, Any] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def feed(self, data: bytes) -> None:
        self._connection.receive_data(data)
        for event in self._connection.events():
            if isinstance(event, Ping):
                self._transport.write(self._connection.send(event.response()))
            elif isinstance(event, CloseConnection):
                if self._connection.state is ConnectionState.REMOTE_CLOSING:
                    self._transport.write(self._connection.send(event.response()))
                self._transport.close()
            elif isinstance(event, Message):
                self._message.append(event.data)
                if event.message_finished:
                    parts, self._message = self._message, []
                    if isinstance(event, TextMessage):
                        self._receive("".join(parts).encode())
                    else:
                        self._send_error("the message is binary, and must be text")

    def lost(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _receive(self, content: bytes) -> None:
        self._record(content)
        try:
            event = orjson.loads(content)
            kind = event["type"]
        except (orjson.JSONDecodeError, TypeError, KeyError):
            self._send_error("the message is not a JSON object with a `type`")
            return
        if kind == "response.steer":
            steer = {"id": "steer_fake", "previous_response_id": event["previous_response_id"]}
            self._send({"type": "response.steer.accepted", "sequence_number": 0, "steer": steer})
            event = self._last
        elif kind != "response.create":
            self._send_error(f"unknown event {kind!r}: use response.create or response.steer")
            return
        self._last = event
        task = asyncio.get_running_loop().create_task(self._answer(event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, body: dict[str, Any]) -> None:
        lane = {"stream_id": body["stream_id"]} if "stream_id" in body else {}
        async with self._lanes.setdefault(body.get("stream_id", ""), asyncio.Lock()):
            try:
                reply = self._reply.told((body.get("metadata") or {}).get("fake", ""))
            except ValueError as problem:
                self._send_error(str(problem), **lane)
                return
            await asyncio.sleep(reply.delay)
            if reply.status != 200:
                self._send_error("told to fail", reply.status, **lane)
                return
            if reply.garbage:
                self._transport.write(self._connection.send(TextMessage("This is not JSON")))
            if reply.hangup == 0:
                self._transport.abort()
                return
            if body.get("generate") is False:  # Codex's prewarm: the input is read, and nothing is written
                reply = replace(reply, text="", characters=0, tool=0, output_tokens=0, reasoning=0)
                reply = replace(reply, web_searches=0, shown_searches=-1, drawn=0, drawn_from=0)
            asked = str(body.get("model"))
            entry = self._books.enter("websocket", charged_as("", asked, reply.model), reply, streamed=True)
            try:
                await self._send_parts(response_parts(reply.model or asked, reply), reply, lane)
            finally:
                self._books.end(entry, finished=not self._transport.is_closing())

    async def _send_parts(self, parts: Iterator[dict[str, Any]], reply: Reply, lane: dict[str, str]) -> None:
        for number, part in enumerate(parts, 1):
            self._send(part | lane)
            if number == reply.hangup:
                await asyncio.sleep(0.05)  # so that it arrives before the reset does
                self._transport.abort()
                return
            if number == reply.hold:
                await self._wait_for_release()
            if reply.gap:
                await asyncio.sleep(reply.gap)

    def _send_error(self, message: str, status: int = 400, **lane: str) -> None:
        self._send({"type": "error", "status": status, **error(False, status, message), **lane})

    def _send(self, event: dict[str, Any]) -> None:
        if self._connection.state is ConnectionState.OPEN:
            self._transport.write(self._connection.send(TextMessage(orjson.dumps(event).decode())))
