"""Upstreams: forget connections to providers that are closed, and notice one that is silently gone.

mitmproxy keeps every connection that a client's requests were sent on for as long as the client stays, and looks
through all of them at each request. Its sockets are without TCP keep-alive, so a provider that drops without a word, as
behind a firewall that has forgotten the connection, holds a call until tcp_timeout.
"""

import contextlib
import socket
from typing import Any

from mitmproxy import ctx
from mitmproxy.connection import Client, Connection, ConnectionState
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers.http import GetHttpConnection, HttpLayer
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from addons.engine.replacing import Fix, Replacement
from addons.engine.touchpoints.for_fixes import UPSTREAMS

_CLOSED_KEPT = 8
"""The last ones are kept, because an event for one of them may be under way."""

_KEEP_ALIVE = (
    (("TCP_KEEPIDLE", "TCP_KEEPALIVE"), 30),
    (("TCP_KEEPINTVL",), 10),
    (("TCP_KEEPCNT",), 3),
    (("TCP_USER_TIMEOUT",), 60_000),
)
"""A host that answers nothing is noticed within a minute. One that thinks for an hour answers the probes.

macOS has another name for the first, and only Linux has the last.
"""
_OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, known[0]), value)
        for names, value in _KEEP_ALIVE
        if (known := [name for name in names if hasattr(socket, name)])
    ),
)

_layer: Any = HttpLayer
_get_connection: Any = HttpLayer.get_connection


def get_connection(self: HttpLayer, event: GetHttpConnection, *, reuse: bool = True) -> layer.CommandGenerator[None]:
    if len(self.connections) > _CLOSED_KEPT:
        closed = [
            each
            for each in self.connections
            if each.state is ConnectionState.CLOSED and each is not self.context.client
            if each not in self.waiting_for_establishment
        ]
        for each in closed[:-_CLOSED_KEPT]:
            del self.connections[each]
    found: layer.CommandGenerator[None] = _get_connection(self, event, reuse=reuse)
    return found


class Upstreams(Fix):
    name = "upstreams"
    relies_on = UPSTREAMS
    replacements = (Replacement(_layer, "get_connection", get_connection),)

    def server_connected(self, data: ServerConnectionHookData) -> None:
        _keep_alive(data.client, data.server)

    def client_connected(self, client: Client) -> None:
        """Notice a client that is silently gone too: what it has asked for, and its connection, are held for it."""
        _keep_alive(client, client)


def _keep_alive(client: Client, end: Connection) -> None:
    """Set the options of a socket of this client's handler; a system that does not take one does without."""
    handler = ctx.master.addons.get("proxyserver").connections.get(client.id)
    io = handler.transports.get(end) if handler else None
    found = io.writer.get_extra_info("socket") if io and end.transport_protocol == "tcp" else None
    if found:
        with contextlib.suppress(OSError):
            for level, option, value in _OPTIONS:
                found.setsockopt(level, option, value)
