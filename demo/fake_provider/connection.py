"""Serve one connection to the fake provider: read the requests, and answer each as its `Reply` says."""

import asyncio
from collections import deque
from dataclasses import replace
from typing import Any, Protocol

import orjson

from demo.fake_provider import responses
from demo.fake_provider.answers import Api, Reply, error, other
from demo.fake_provider.apis import charged_as, find_api, is_known, read_body
from demo.fake_provider.books import Books, Entry
from demo.fake_provider.messages import ReceivedRequest, split_body, split_head
from demo.fake_provider.oddities import NOT_ACCEPTED, no_answer, reported
from demo.fake_provider.refusals import refusal
from demo.fake_provider.sending import Sender, Whole
from demo.fake_provider.websocket import ResponsesSocket, accept


class Provider(Protocol):
    """Give the connections what all of them share; FakeProvider is one."""

    record: bool
    defaults: Reply
    recorded: deque[ReceivedRequest]
    books: Books
    connections: "set[Connection]"

    def control(self, method: str, path: str, body: bytes) -> tuple[int, Any]: ...

    async def wait_for_release(self) -> None: ...


class Connection(asyncio.Protocol):
    """Speak HTTP/1.1 with one client, with keep-alive and pipelining; requests are answered one at a time."""

    transport: asyncio.Transport

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._buffer = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._continued = False
        self._socket: ResponsesSocket | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._sender = Sender(transport, self._provider.books, self._provider.wait_for_release)
        self._provider.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._provider.connections.discard(self)
        self._sender.lost()
        if self._task:
            self._task.cancel()
        if self._socket:
            self._socket.lost()

    def data_received(self, data: bytes) -> None:
        if self._socket:
            self._socket.feed(data)
            return
        self._buffer += data
        if not self._task:
            self._next()

    def _next(self) -> None:
        try:
            while not self._task and not self._socket and (request := self._parse()):
                self._answer(request)
        except ValueError as problem:
            self._sender.closes = True
            self._sender.json(400, {"error": str(problem)})

    def _parse(self) -> ReceivedRequest | None:
        """Return the next request, None while it is not complete."""
        if not (found := split_head(self._buffer)):
            return None
        method, path, headers, size = found
        lower = {name.lower(): value for name, value in headers}
        if lower.get("expect", "").lower() == "100-continue" and not self._continued:
            self._continued = True
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not (rest := split_body(self._buffer, lower, size)):
            return None
        del self._buffer[: rest[1]]
        self._continued = False
        return ReceivedRequest(method, path, headers, rest[0])

    def _answer(self, request: ReceivedRequest) -> None:
        provider = self._provider
        path = request.path.partition("?")[0]
        self._sender.closes = (request.header("connection") or "").lower() == "close"
        if path.startswith(("/_fake/", "/__books")):
            status, answer = provider.control(request.method, path, request.body)
            self._sender.json(status, answer)
            return
        if provider.record:
            provider.recorded.append(request)
        is_anthropic = "/messages" in path or request.header("anthropic-version") is not None
        try:
            reply = provider.defaults.told(request.header("x-fake") or "")
            body = read_body(request) if request.method == "POST" else {}
            if reply.refuses in body:
                raise ValueError(f"unknown field {reply.refuses!r}")
        except ValueError as problem:
            self._sender.json(400, error(is_anthropic, 400, str(problem)))
            return
        if not is_known(request):
            reply = replace(reply, status=401)
        key = request.header("sec-websocket-key")
        if key and request.method == "GET" and reply.status == 200 and path.endswith(("/responses", "/realtime")):
            self._upgrade(request, key, reply)
            return
        found = find_api(path) if request.method == "POST" else None
        if found:
            self._answer_call(path, *found, body, reply, is_anthropic)
        elif request.method == "GET" and path.endswith("/responses/resp_fake"):
            self._sender.json(200, responses.response(reply.model or "gpt-4o", reply))
        else:
            self._sender.json(*other(path, is_anthropic, reply))

    def _answer_call(
        self, path: str, api: Api, path_model: str, body: dict[str, Any], reply: Reply, is_anthropic: bool
    ) -> None:
        asked = path_model or str(body.get("model"))
        model = reply.model or asked
        if reply.absent and reply.absent in (path_model, body.get("model")):
            self._sender.json(404, error(is_anthropic, 404, f"model: {reply.absent}"))
            return
        if reply.strict and (message := refusal(asked, body)):
            self._sender.json(400, error(is_anthropic, 400, message))
            return
        if api is responses.RESPONSES and body.get("background") is True:
            reply = responses.in_background(reply)
        streams = api.events is not None and (api.always_streams or body.get("stream") is True)
        is_accepted = reply.status == 200 and not reply.garbage and reply.odd not in NOT_ACCEPTED

        def enter() -> Entry:
            charged = charged_as(path_model, asked, reply.model)
            return self._provider.books.enter(path, charged, reply, streamed=streams, has_output=api.has_output)

        if streams and api.events and is_accepted:
            self._start(self._sender.stream(api.events(model, reported(reply), body), api.content_type, reply, enter))
            return
        if reply.status != 200:
            answer = Whole(reply.status, orjson.dumps(error(is_anthropic, reply.status, "told to fail")))
        elif reply.odd in NOT_ACCEPTED:
            answer = Whole(200, *no_answer(reply.odd))
        else:
            content = b"<p>This is not JSON</p>" if reply.garbage else orjson.dumps(api.answer(model, reported(reply)))
            answer = Whole(200, content, headers=tuple(api.headers(reply)))
        # It is charged whole, whether or not anybody waits for it.
        entry = enter() if is_accepted and reply.hangup != 0 else None
        if reply.delay or reply.pace or reply.hold or reply.hangup >= 0:
            self._start(self._sender.late(answer, reply, entry))
        else:
            self._sender.whole(answer, reply, entry)

    def _upgrade(self, request: ReceivedRequest, key: str, reply: Reply) -> None:
        def record(message: bytes) -> None:
            if self._provider.record:
                self._provider.recorded.append(ReceivedRequest("MESSAGE", request.path, request.headers, message))

        self.transport.write(accept(key))
        self._socket = ResponsesSocket(
            self.transport, reply, record, self._provider.wait_for_release, self._provider.books
        )
        data = bytes(self._buffer)
        self._buffer.clear()
        self._socket.feed(data)

    def _start(self, work: Any) -> None:
        self._task = asyncio.get_running_loop().create_task(work)
        self._task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._task = None
        if not task.cancelled() and task.exception():
            self.transport.abort()
        elif not self.transport.is_closing():
            self._next()
