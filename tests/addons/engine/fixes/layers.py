"""Drive mitmproxy's HTTP/1 layers with bytes, and read what they do in short."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from mitmproxy import connection, options
from mitmproxy.addonmanager import Loader
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, context, events
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.test import tutils

from addons.core import Core
from addons.engine.fixes.heads import Heads
from addons.engine.replacing import Fix
from addons.settings.fields import SETTINGS
from addons.settings.sources import from_options

LIMIT = 16 * 1024
"""The limit of a head in these tests, the least that may be set."""


@contextmanager
def in_force(*fixes: type[Fix]) -> Iterator[Core]:
    """Apply fixes, in the order in which main.py has them."""
    core = Core()
    core.failure = ""
    core.settings = from_options(
        {name: info.default for name, info in SETTINGS.items()} | {"modeltrack_max_head_bytes": LIMIT}
    )
    made = [fix(core) for fix in fixes]
    for each in made:
        each.load(None)
        if isinstance(each, Heads):
            each.configure(set())
    try:
        assert not core.failure
        yield core
    finally:
        for each in reversed(made):
            each.done()


def new_context(tls: bool = False) -> context.Context:
    client = connection.Client(
        peername=("127.0.0.1", 1234),
        sockname=("127.0.0.1", 8080),
        state=ConnectionState.OPEN,
        timestamp_start=0,
        tls=tls,
    )
    made = options.Options()
    Proxyserver().load(Loader(SimpleNamespace(options=made)))  # type: ignore[arg-type, no-untyped-call]
    found = context.Context(client, made)
    found.server = connection.Server(address=("provider", 80))
    found.server.state = ConnectionState.OPEN
    return found


class Driven:
    """A layer, and what it has said and reported so far."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.sent = b""
        self.logged: list[str] = []
        self.reported: list[Any] = []
        self.closed = ""
        """"half" or "whole"."""
        self.woken: list[commands.RequestWakeup] = []
        self.give(events.Start())

    def give(self, event: Any) -> "Driven":
        for command in self.layer.handle_event(event):
            if isinstance(command, commands.SendData):
                self.sent += command.data
            elif isinstance(command, commands.CloseTcpConnection) and command.half_close:
                self.closed = "half"
                command.connection.state &= ~ConnectionState.CAN_WRITE
            elif isinstance(command, commands.CloseConnection):
                self.closed = "whole"
            elif isinstance(command, commands.Log):
                self.logged.append(command.message)
            elif isinstance(command, commands.RequestWakeup):
                self.woken.append(command)
            else:
                assert isinstance(command, ReceiveHttp), command
                self.reported.append(command.event)
        return self

    def receive(self, *pieces: bytes) -> "Driven":
        for piece in pieces:
            self.give(events.DataReceived(self.layer.conn, piece))
        return self

    def end(self) -> "Driven":
        self.layer.conn.state &= ~ConnectionState.CAN_READ
        return self.give(events.ConnectionClosed(self.layer.conn))

    def wake(self) -> "Driven":
        return self.give(events.Wakeup(self.woken.pop()))

    @property
    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.reported]

    @property
    def status(self) -> str:
        return self.sent.split(b" ", 2)[1].decode() if self.sent else ""

    @property
    def body(self) -> bytes:
        return b"".join(event.data for event in self.reported if hasattr(event, "data"))

    @property
    def held(self) -> int:
        """Return how many bytes wait to be read."""
        return len(self.layer.buf)


def server(tls: bool = False) -> Driven:
    return Driven(_http1.Http1Server(new_context(tls)))


def client(method: str = "POST", **headers: str) -> Driven:
    """Return the provider's side, to which a request has been sent."""
    driven = Driven(_http1.Http1Client(new_context()))
    request = tutils.treq(method=method.encode(), content=b"", headers=tutils.http.Headers(host="x", **headers))
    driven.give(http_events.RequestHeaders(1, request, True)).give(http_events.RequestEndOfMessage(1))
    assert not driven.reported
    return driven


def cut(data: bytes) -> Iterator[tuple[bytes, ...]]:
    """Yield the data cut in two at every byte, and byte by byte."""
    for at in range(len(data)):
        yield data[:at], data[at:]
    yield tuple(data[at : at + 1] for at in range(len(data)))
