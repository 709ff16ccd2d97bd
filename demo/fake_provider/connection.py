"""Serve one connection to the fake provider: read the requests, and answer each as its `Reply` says."""

import asyncio
import gzip
import json
import re
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Protocol
from urllib.parse import unquote

import orjson

from demo.fake_provider import bedrock, openai
from demo.fake_provider.answers import Api, Reply, anthropic_events, anthropic_message, error, other
from demo.fake_provider.messages import ReceivedRequest, head, split_body, split_head
from demo.fake_provider.refusals import refusal
from demo.fake_provider.websocket import ResponsesSocket, accept

# The end of the path decides, and the first pattern that matches; the model may be in the path.
_APIS: list[tuple[re.Pattern[str], Api]] = [
    (re.compile(r"/v1/messages$"), Api(anthropic_message, anthropic_events)),
    (re.compile(r"/chat/completions$"), openai.CHAT),
    (re.compile(r"/responses$"), openai.RESPONSES),
    (re.compile(r"/embeddings$"), openai.EMBEDDINGS),
    (re.compile(r"/completions$"), openai.COMPLETIONS),
    (re.compile(r"/model/([^/]+)/invoke$"), bedrock.INVOKE),
    (re.compile(r"/model/([^/]+)/invoke-with-response-stream$"), bedrock.INVOKE_STREAM),
    (re.compile(r"/model/([^/]+)/converse$"), bedrock.CONVERSE),
    (re.compile(r"/model/([^/]+)/converse-stream$"), bedrock.CONVERSE_STREAM),
]


def _find_api(path: str) -> tuple[Api, str] | None:
    """Return the API of a path and the model that the path names, "" where it names none; None for other paths."""
    for pattern, api in _APIS:
        if match := pattern.search(path):
            return api, unquote(match[1]) if pattern.groups else ""
    return None


class Provider(Protocol):
    """Give the connections what all of them share; FakeProvider is one."""

    record: bool
    defaults: Reply
    recorded: deque[ReceivedRequest]
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
        self._provider.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._provider.connections.discard(self)
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
            self._send_json(400, {"error": str(problem)}, close=True)

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
        self._close = (request.header("connection") or "").lower() == "close"
        if path.startswith("/_fake/"):
            status, answer = provider.control(request.method, path, request.body)
            self._send_json(status, answer)
            return
        if provider.record:
            provider.recorded.append(request)
        is_anthropic = "/messages" in path or request.header("anthropic-version") is not None
        try:
            reply = provider.defaults.told(request.header("x-fake") or "")
            body = _parsed(request.body) if request.method == "POST" else {}
            if not isinstance(body, dict):
                raise ValueError("the body is not a JSON object")
        except ValueError as problem:
            self._send_json(400, error(is_anthropic, 400, str(problem)))
            return
        key = request.header("sec-websocket-key")
        if key and request.method == "GET" and reply.status == 200 and path.endswith("/responses"):
            self._upgrade(request, key, reply)
            return
        found = _find_api(path) if request.method == "POST" else None
        if not found and request.method == "GET" and path.endswith("/responses/resp_fake"):
            self._send_json(200, openai.response(reply.model or "gpt-4o", reply))
            return
        if not found:
            self._send_json(*other(path, is_anthropic, reply))
            return
        api, path_model = found
        model = reply.model or path_model or str(body.get("model"))
        if reply.absent and reply.absent in (path_model, body.get("model")):
            self._send_json(404, error(is_anthropic, 404, f"model: {reply.absent}"))
            return
        if reply.strict and (message := refusal(path_model or str(body.get("model")), body)):
            self._send_json(400, error(is_anthropic, 400, message))
            return
        if api is openai.RESPONSES and body.get("background") is True:
            reply = openai.in_background(reply)
        streams = api.always_streams or body.get("stream") is True
        if streams and api.events and reply.status == 200 and not reply.garbage:
            self._start(self._stream(api.events(model, reply, body), reply, api.content_type))
            return
        answer = api.answer(model, reply) if reply.status == 200 else error(is_anthropic, reply.status, "told to fail")
        headers = api.headers(reply) if reply.status == 200 else []
        content = b"<p>This is not JSON</p>" if reply.garbage else orjson.dumps(answer)
        if reply.delay or reply.hold or reply.hangup >= 0:
            self._start(self._late(content, reply, headers))
        else:
            self._send(reply.status, content, reply, headers)

    def _upgrade(self, request: ReceivedRequest, key: str, reply: Reply) -> None:
        def record(message: bytes) -> None:
            if self._provider.record:
                self._provider.recorded.append(ReceivedRequest("MESSAGE", request.path, request.headers, message))

        self.transport.write(accept(key))
        self._socket = ResponsesSocket(self.transport, reply, record, self._provider.wait_for_release)
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

    async def _late(self, content: bytes, reply: Reply, headers: list[str]) -> None:
        await asyncio.sleep(reply.delay)
        if reply.hold:
            await self._provider.wait_for_release()
        if reply.hangup < 0:
            self._send(reply.status, content, reply, headers)
            return
        if reply.hangup:
            self.transport.write(head(reply.status, f"Content-Length: {len(content)}") + content[: len(content) // 2])
            await asyncio.sleep(0.05)  # so that the half arrives before the reset does
        self.transport.abort()

    async def _stream(self, events: Iterator[bytes], reply: Reply, content_type: str) -> None:
        if reply.delay:
            await asyncio.sleep(reply.delay)
        if reply.hangup == 0:
            self.transport.abort()
            return
        encoding = ["Content-Encoding: gzip"] if reply.gzip else []
        pack = zlib.compressobj(wbits=31) if reply.gzip else None
        begin = head(200, "Transfer-Encoding: chunked", *encoding, content_type=content_type)
        for number, event in enumerate(events, 1):
            if number == reply.corrupt:
                event = event[:-1] + bytes([event[-1] ^ 1])
            if pack:
                event = pack.compress(event) + pack.flush(zlib.Z_SYNC_FLUSH)
            self.transport.write(begin + b"%x\r\n%b\r\n" % (len(event), event))
            begin = b""
            if number == reply.hangup:
                await asyncio.sleep(0.05)
                self.transport.abort()
                return
            if number == reply.hold:
                await self._provider.wait_for_release()
            if reply.gap:
                await asyncio.sleep(reply.gap)
        rest = pack.flush() if pack else b""
        self.transport.write((b"%x\r\n%b\r\n" % (len(rest), rest) if rest else b"") + b"0\r\n\r\n")
        if self._close:
            self.transport.close()

    def _send(
        self,
        status: int,
        content: bytes,
        reply: Reply | None = None,
        headers: Sequence[str] = (),
        close: bool = False,
    ) -> None:
        encoding = []
        if reply and reply.gzip:
            content = gzip.compress(content, 1, mtime=0)
            encoding = ["Content-Encoding: gzip"]
        self.transport.write(head(status, f"Content-Length: {len(content)}", *encoding, *headers) + content)
        if close or self._close:
            self.transport.close()

    _close = False

    def _send_json(self, status: int, answer: Any, close: bool = False) -> None:
        self._send(status, orjson.dumps(answer), close=close)


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)  # it accepts half of a surrogate pair, which orjson refuses
