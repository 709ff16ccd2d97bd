"""A provider on loopback that speaks Anthropic and OpenAI: for tests, benchmarks and the demo.

It answers from `Reply`, whose fields are set at start, through POST /_fake/defaults, or for one request by its header
`X-Fake: output_tokens=7,delay=0.5`. A raw asyncio protocol, so that it is never the bottleneck of a benchmark.

    python -m modeltrack_api.fake_provider --port 9999 --gap 0.02
"""

import argparse
import asyncio
import base64
import gzip
import hashlib
import json
import re
import signal
import ssl
import sys
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self
from urllib.parse import unquote

import orjson

from modeltrack_api import fake_bedrock, fake_openai
from modeltrack_api.fake_answers import Api, Reply, anthropic_events, anthropic_message, error, other
from modeltrack_api.fake_websocket import ResponsesSocket, accept

_MAX_HEAD = 64 * 1024
_MAX_BODY = 256 * 2**20
_KEPT_REQUESTS = 2000
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error"}


# By the end of the path; the model may be in front of it.
_APIS: list[tuple[re.Pattern[str], Api]] = [
    (re.compile(r"/v1/messages$"), Api(anthropic_message, anthropic_events)),
    (re.compile(r"/chat/completions$"), fake_openai.CHAT),
    (re.compile(r"/responses$"), fake_openai.RESPONSES),
    (re.compile(r"/embeddings$"), fake_openai.EMBEDDINGS),
    (re.compile(r"/completions$"), fake_openai.COMPLETIONS),
    (re.compile(r"/model/([^/]+)/invoke$"), fake_bedrock.INVOKE),
    (re.compile(r"/model/([^/]+)/invoke-with-response-stream$"), fake_bedrock.INVOKE_STREAM),
    (re.compile(r"/model/([^/]+)/converse$"), fake_bedrock.CONVERSE),
    (re.compile(r"/model/([^/]+)/converse-stream$"), fake_bedrock.CONVERSE_STREAM),
]


def _find_api(path: str) -> tuple[Api, str] | None:
    """And the model, "" where the path does not name it."""
    for pattern, api in _APIS:
        if match := pattern.search(path):
            return api, unquote(match[1]) if pattern.groups else ""
    return None


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    """With the query."""
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


class _Connection(asyncio.Protocol):
    """One client; HTTP/1.1 with keep-alive and pipelining, one request at a time."""

    transport: asyncio.Transport

    def __init__(self, provider: "FakeProvider") -> None:
        self._provider = provider
        self._buffer = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._continued = False
        self._socket: ResponsesSocket | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._provider._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._provider._connections.discard(self)
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

    def _parse(self) -> Request | None:
        """The next request, once it is complete."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 and len(self._buffer) <= _MAX_HEAD:
            return None
        if not 0 <= end <= _MAX_HEAD:
            raise ValueError("headers too large")
        lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        headers = [(name, value.strip()) for name, colon, value in (line.partition(":") for line in lines[1:]) if colon]
        lower = {name.lower(): value for name, value in headers}
        if lower.get("expect", "").lower() == "100-continue" and not self._continued:
            self._continued = True
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in lower.get("transfer-encoding", "").lower():
            found = _unchunk(self._buffer, end + 4)
        else:
            size = int(lower.get("content-length", "0"))
            if size > _MAX_BODY:
                raise ValueError("body too large")
            after = end + 4 + size
            found = (bytes(self._buffer[end + 4 : after]), after) if len(self._buffer) >= after else None
        if not found:
            return None
        del self._buffer[: found[1]]
        self._continued = False
        return Request(method, path, headers, found[0])

    def _answer(self, request: Request) -> None:
        provider = self._provider
        path = request.path.partition("?")[0]
        self._close = (request.header("connection") or "").lower() == "close"
        if path.startswith("/_fake/"):
            status, answer = provider._control(request.method, path, request.body)
            self._send_json(status, answer)
            return
        if provider.record:
            provider._recorded.append(request)
        is_anthropic = "/messages" in path or request.header("anthropic-version") is not None
        try:
            reply = provider.defaults.told(request.header("x-fake") or "")
            body = _parsed(request.body) if request.method == "POST" else {}
            if not isinstance(body, dict):
                raise ValueError("the body is no JSON object")
        except ValueError as problem:
            self._send_json(400, error(is_anthropic, 400, str(problem)))
            return
        key = request.header("sec-websocket-key")
        if key and request.method == "GET" and reply.status == 200 and path.endswith("/responses"):
            self._upgrade(request, key, reply)
            return
        found = _find_api(path) if request.method == "POST" else None
        if not found and request.method == "GET" and path.endswith("/responses/resp_fake"):
            self._send_json(200, fake_openai.response(reply.model or "gpt-4o", reply))
            return
        if not found:
            self._send_json(*other(path, is_anthropic, reply))
            return
        api, path_model = found
        model = reply.model or path_model or str(body.get("model"))
        if api is fake_openai.RESPONSES and body.get("background") is True:
            reply = fake_openai.in_background(reply)
        streams = api.always_streams or body.get("stream") is True
        if streams and api.events and reply.status == 200 and not reply.garbage:
            self._start(self._stream(api.events(model, reply, body), reply, api.content_type))
            return
        answer = (
            api.answer(model, reply) if reply.status == 200 else error(is_anthropic, reply.status, "as it was told")
        )
        headers = api.headers(reply) if reply.status == 200 else []
        content = b"<p>This is not JSON</p>" if reply.garbage else orjson.dumps(answer)
        if reply.delay or reply.hold or reply.hangup >= 0:
            self._start(self._late(content, reply, headers))
        else:
            self._send(reply.status, content, reply, headers)

    def _upgrade(self, request: Request, key: str, reply: Reply) -> None:
        def record(message: bytes) -> None:
            if self._provider.record:
                self._provider._recorded.append(Request("MESSAGE", request.path, request.headers, message))

        self.transport.write(accept(key))
        self._socket = ResponsesSocket(self.transport, reply, record, self._provider._wait_for_release)
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
            await self._provider._wait_for_release()
        if reply.hangup < 0:
            self._send(reply.status, content, reply, headers)
            return
        if reply.hangup:
            self.transport.write(_head(reply.status, f"Content-Length: {len(content)}") + content[: len(content) // 2])
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
        head = _head(200, "Transfer-Encoding: chunked", *encoding, content_type=content_type)
        for number, event in enumerate(events, 1):
            if number == reply.corrupt:
                event = event[:-1] + bytes([event[-1] ^ 1])
            if pack:
                event = pack.compress(event) + pack.flush(zlib.Z_SYNC_FLUSH)
            self.transport.write(head + b"%x\r\n%b\r\n" % (len(event), event))
            head = b""
            if number == reply.hangup:
                await asyncio.sleep(0.05)
                self.transport.abort()
                return
            if number == reply.hold:
                await self._provider._wait_for_release()
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
        self.transport.write(_head(status, f"Content-Length: {len(content)}", *encoding, *headers) + content)
        if close or self._close:
            self.transport.close()

    _close = False

    def _send_json(self, status: int, answer: Any, close: bool = False) -> None:
        self._send(status, orjson.dumps(answer), close=close)


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)  # takes half of a surrogate pair, too


def _head(status: int, *headers: str, content_type: str = "application/json") -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}", f"Content-Type: {content_type}"]
    lines += ["request-id: req_fake", "x-request-id: req_fake", *headers]
    return "\r\n".join([*lines, "\r\n"]).encode()


def _unchunk(buffer: bytearray, at: int) -> tuple[bytes, int] | None:
    """The body of a chunked message and where it ends, once it is there. Trailers are not expected."""
    body = bytearray()
    while (line := buffer.find(b"\r\n", at)) >= 0:
        size = int(bytes(buffer[at:line]).partition(b";")[0], 16)
        after = line + 2 + size + 2
        if len(body) + size > _MAX_BODY:
            raise ValueError("body too large")
        if len(buffer) < after:
            return None
        if size == 0:
            return bytes(body), after
        body += buffer[line + 2 : after - 2]
        at = after
    return None


class FakeProvider:
    """`with FakeProvider(output_tokens=7) as fake:` serves on `fake.url` from a thread of its own."""

    def __init__(
        self, port: int = 0, *, record: bool = True, tls: ssl.SSLContext | None = None, **defaults: Any
    ) -> None:
        self.record = record
        self._tls = tls
        self.defaults = Reply(**defaults)
        self.waiting = threading.Event()
        """Set while a request is being held."""
        self.url = ""
        self._port = port
        self._recorded: deque[Request] = deque(maxlen=_KEPT_REQUESTS)
        self._held: list[asyncio.Future[None]] = []
        self._connections: set[_Connection] = set()

    @property
    def requests(self) -> list[Request]:
        return list(self._recorded)

    def clear(self) -> None:
        """Forget the requests, and let those that are held go on."""
        self._recorded.clear()
        self.release()

    def release(self) -> None:
        """Let all requests that are held go on; when this returns, `waiting` is about later ones."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(self._release)
        self._loop.call_soon_threadsafe(done.set)
        done.wait(10)

    def _release(self) -> None:
        self.waiting.clear()
        held, self._held = self._held, []
        for future in held:
            if not future.done():
                future.set_result(None)

    async def _wait_for_release(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._held.append(future)
        self.waiting.set()
        await future

    def _control(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        match method, path:
            case "GET", "/_fake/requests":
                return 200, [
                    {"method": r.method, "path": r.path, "headers": r.headers, "body_sha256": r.sha256,
                     "body": base64.b64encode(r.body).decode()}
                    for r in self._recorded
                ]  # fmt: skip
            case "POST", "/_fake/release":
                self._release()
            case "POST", "/_fake/reset":
                self._recorded.clear()
            case "POST", "/_fake/defaults":
                try:
                    self.defaults = self.defaults.changed({k: str(v) for k, v in orjson.loads(body).items()})
                except (ValueError, AttributeError) as problem:
                    return 400, {"error": str(problem)}
            case _:
                return 404, {"error": f"no control {method} {path}"}
        return 200, asdict(self.defaults)

    async def serve(self, started: Callable[[], None]) -> None:
        """Until cancelled."""
        self._loop = asyncio.get_running_loop()
        server = await self._loop.create_server(lambda: _Connection(self), "127.0.0.1", self._port, ssl=self._tls)
        async with server:
            self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            started()
            try:
                await server.serve_forever()
            finally:
                for connection in set(self._connections):
                    connection.transport.abort()

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready.set,), daemon=True)
        self._thread.start()
        if not ready.wait(10):
            raise RuntimeError("the fake provider did not start")
        return self

    def _run(self, started: Callable[[], None]) -> None:
        async def main() -> None:
            self._task = asyncio.ensure_future(self.serve(started))
            await asyncio.gather(self._task, return_exceptions=True)

        asyncio.run(main())

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m modeltrack_api.fake_provider", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--no-record", dest="record", action="store_false")
    for item in fields(Reply):
        parser.add_argument(f"--{item.name.replace('_', '-')}", type=type(item.default), default=item.default)
    provider = FakeProvider(**vars(parser.parse_args()))

    async def run() -> None:
        serving = asyncio.ensure_future(provider.serve(lambda: print(provider.url, flush=True)))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
        await asyncio.gather(serving, return_exceptions=True)
        if not serving.cancelled() and (problem := serving.exception()):
            sys.exit(f"fake provider: {problem}")

    asyncio.run(run())


if __name__ == "__main__":
    main()
