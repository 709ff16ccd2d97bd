"""Refuse a request whose head or body cannot be read, in such a way that its client reads the refusal.

A connection that is closed while its client still sends is reset, and the reset takes the answer with it (RFC 9112,
section 9.6). So after the answer only this side is closed, and what still comes is thrown away, up to a bound.
"""

from typing import Any

from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http._http1 import Http1Server

from addons.engine.fixes.json_errors import assembled

MOST_DRAINED = 2**20
_DRAIN_SECONDS = 2.0


def refuse(server: Http1Server, status: int, kind: str, text: str) -> layer.CommandGenerator[None]:
    """Answer, unless an answer has begun, and end the connection."""
    server.buf.maybe_extract_at_most(len(server.buf))
    is_told = server.response is None and bool(server.conn.state & ConnectionState.CAN_WRITE)
    if is_told:
        yield commands.SendData(server.conn, assembled(status, kind, text))
    if not is_told or not server.conn.state & ConnectionState.CAN_READ:
        server.state = server.done
        yield commands.CloseConnection(server.conn)
        return
    server.state = _Drain(server)
    if not server.conn.tls:  # a tunnel has no half close
        yield commands.CloseTcpConnection(server.conn, half_close=True)
    yield commands.RequestWakeup(_DRAIN_SECONDS)


class _Drain:
    """The state of a connection whose request has been refused."""

    def __init__(self, server: Http1Server) -> None:
        self._server = server
        self._left = MOST_DRAINED

    def __call__(self, event: Any) -> layer.CommandGenerator[None]:
        server = self._server
        server.buf.maybe_extract_at_most(len(server.buf))
        if isinstance(event, events.DataReceived):
            self._left -= len(event.data)
            if self._left >= 0:
                return
        server.state = server.done
        yield commands.CloseConnection(server.conn)
