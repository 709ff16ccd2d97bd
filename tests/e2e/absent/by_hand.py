"""A client and a provider whose every byte a test sends by hand, so that it decides what happens before what."""

import contextlib
import json
import socket
import ssl
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import pytest

from tests.e2e.calls import ANTHROPIC, OPENAI
from tests.e2e.conftest import KEY, PROMPT, Proxy, until

ANSWER = {"model": "gpt-4o", "choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 200}}
COST = 0.0045
"""What ANSWER costs, in USD."""

_HOSTS = {OPENAI: "api.openai.com", ANTHROPIC: "api.anthropic.com"}
_MODELS = {OPENAI: "gpt-4o", ANTHROPIC: "claude-sonnet-4-6"}


class Client:
    """One connection to the proxy, through which a call is made and then left."""

    def __init__(self, proxy: Proxy, path: str = OPENAI, tunnel: bool = False) -> None:
        self._path = path
        self.socket = socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])), timeout=60)
        if tunnel:
            host = _HOSTS[path]
            self.socket.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
            assert self.socket.recv(65536).startswith(b"HTTP/1.1 200 ")
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket, server_hostname=host)

    def ask(self, app: str = "", *headers: str, **body: Any) -> Self:
        usual = {
            "model": _MODELS.get(self._path),
            "max_tokens": 5000,
            "messages": [{"role": "user", "content": PROMPT}],
        }
        return self.send(app, json.dumps(usual | body).encode(), *headers)

    def send(self, app: str, content: bytes, *headers: str) -> Self:
        head = [f"POST {self._path} HTTP/1.1", "Host: x", f"Authorization: Bearer {KEY}", f"X-ModelTrack-App: {app}"]
        head += ["X-ModelTrack-Team: by hand", f"Content-Length: {len(content)}", *headers, "", ""]
        self.socket.sendall("\r\n".join(head).encode() + content)
        return self

    def read_until(self, end: bytes) -> bytes:
        found = b""
        while end not in found:
            piece = self.socket.recv(65536)
            assert piece, found
            found += piece
        return found

    def read_all(self) -> bytes:
        return b"".join(iter(lambda: self.socket.recv(65536), b""))

    def close(self) -> None:
        """Leave as most clients do: the system sends a FIN."""
        self.socket.close()

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def half_close(self) -> None:
        """Send a FIN and stay to read, in a tunnel too, where `self.socket.shutdown` would end the TLS as well."""
        socket.socket.shutdown(self.socket, socket.SHUT_WR)


class Asked:
    """A request that the provider has received."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.connection.settimeout(60)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.connection.recv(65536)
        self.head, _, self.body = received.partition(b"\r\n\r\n")
        lengths = [line for line in self.head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        while lengths and len(self.body) < int(lengths[0].partition(b":")[2]):
            self.body += self.connection.recv(65536)

    def answer(self, body: object, status: int = 200) -> None:
        content = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        self.connection.sendall(head.encode() + content)

    def begin(self, *events: bytes) -> None:
        self.connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        self.go_on(*events)

    def go_on(self, *events: bytes) -> None:
        self.connection.sendall(b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events))

    def end(self, *events: bytes) -> None:
        self.go_on(*events)
        self.connection.sendall(b"0\r\n\r\n")

    def is_hung_up(self) -> bool:
        """Wait until the proxy closes the connection."""
        try:
            return self.connection.recv(1) == b""
        except ConnectionResetError:
            return True


class Provider:
    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open = contextlib.ExitStack()

    def next(self) -> Asked:
        self._listener.settimeout(60)
        return Asked(self._open.enter_context(self._listener.accept()[0]))

    def is_asked_again(self) -> bool:
        self._listener.setblocking(False)
        try:
            self._open.enter_context(self._listener.accept()[0])
        except BlockingIOError:
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._open.close()
        self._listener.close()


NewClient = Callable[..., Client]
LEAVING: list[Callable[[Client], None]] = [Client.close, Client.reset]
BASE_URL_AND_TUNNEL = pytest.mark.parametrize("tunnel", [False, True], ids=["base URL", "HTTPS_PROXY"])


def chunk(**content: Any) -> bytes:
    return b"data: " + json.dumps({"model": "gpt-4o", **content}).encode() + b"\n\n"


def words(text: str, finish: str | None = None) -> bytes:
    return chunk(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": finish}])


USAGE = chunk(choices=[], usage={"prompt_tokens": 1000, "completion_tokens": 97_500})
DONE = b"data: [DONE]\n\n"


def named(kind: str, **content: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **content})}\n\n".encode()


def behind(make_proxy: Callable[..., Proxy], provider: Provider, **settings: Any) -> Proxy:
    """Start a proxy in front of this provider."""
    return make_proxy(OPENAI_BASE_URL=provider.url, ANTHROPIC_BASE_URL=provider.url, **settings)


def only_event(proxy: Proxy, app: str) -> dict[str, Any]:
    """Return the event of the app's one call, once nothing is left of the call."""
    [event] = until(lambda: proxy.events(app_id=app))

    def is_idle() -> bool:
        stats = proxy.get("/stats")
        return (stats["in_flight"], stats["reserved_usd"], stats["abandoned"]["now"]) == (0, 0, 0)

    until(is_idle)
    assert "Traceback" not in proxy.log and "crashed" not in proxy.log
    return event


def is_noticed(proxy: Proxy) -> bool:
    """Wait until the proxy knows that the client of a call has left."""
    return bool(until(lambda: proxy.get("/stats")["abandoned"]["now"] == 1))


def figures(event: dict[str, Any]) -> tuple[Any, ...]:
    return event["status_code"], event.get("error"), event["cost_usd"], event.get("usage_estimated")
