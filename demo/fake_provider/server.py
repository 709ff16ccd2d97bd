"""Serve a fake provider on loopback that speaks Anthropic, OpenAI and Bedrock: for tests, benchmarks and the demo.

Its answers follow the settings in `Reply`, which are set at start, through POST /_fake/defaults, or for one request by
its header `X-Fake: output_tokens=7,delay=0.5`. It is a raw asyncio protocol, so that it does not limit a benchmark.

GET /__books tells what it has charged for each call that it accepted, by a price list of its own. DELETE /__books
begins new books.

    python -m demo.fake_provider --port 9999 --gap 0.02
"""

import asyncio
import base64
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Self

import orjson

from demo.fake_provider.answers import Reply
from demo.fake_provider.books import Books
from demo.fake_provider.connection import Connection
from demo.fake_provider.messages import ReceivedRequest

_KEPT_REQUESTS = 2000


class FakeProvider:
    """Serve on `url` from a thread, inside of a `with FakeProvider(output_tokens=7) as fake:`."""

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
        self.recorded: deque[ReceivedRequest] = deque(maxlen=_KEPT_REQUESTS)
        self.books = Books(time.monotonic)
        self._held: list[asyncio.Future[None]] = []
        self.connections: set[Connection] = set()

    @property
    def requests(self) -> list[ReceivedRequest]:
        return list(self.recorded)

    def clear(self) -> None:
        """Forget the recorded requests and the books, and let held requests go on."""
        self.recorded.clear()
        self.books.clear()
        self.release()

    def release(self) -> None:
        """Let all held requests go on. When this returns, `waiting` is only about later requests."""
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

    async def wait_for_release(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._held.append(future)
        self.waiting.set()
        await future

    def control(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        match method, path:
            case "GET", "/_fake/requests":
                return 200, [
                    {"method": r.method, "path": r.path, "headers": r.headers, "body_sha256": r.sha256,
                     "body": base64.b64encode(r.body).decode()}
                    for r in self.recorded
                ]  # fmt: skip
            case "POST", "/_fake/release":
                self._release()
            case "POST", "/_fake/reset":
                self.recorded.clear()
                self.books.clear()
            case "GET", "/__books":
                return 200, self.books.report()
            case "DELETE", "/__books":
                self.books.clear()
            case "POST", "/_fake/defaults":
                try:
                    self.defaults = self.defaults.changed({k: str(v) for k, v in orjson.loads(body).items()})
                except (ValueError, AttributeError) as problem:
                    return 400, {"error": str(problem)}
            case _:
                return 404, {"error": f"there is no control {method} {path}"}
        return 200, asdict(self.defaults)

    async def serve(self, started: Callable[[], None]) -> None:
        """Serve until cancelled; call `started` once `url` is known."""
        self._loop = asyncio.get_running_loop()
        server = await self._loop.create_server(lambda: Connection(self), "127.0.0.1", self._port, ssl=self._tls)
        async with server:
            self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            started()
            try:
                await server.serve_forever()
            finally:
                for connection in set(self.connections):
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
