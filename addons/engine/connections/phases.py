"""Tell what a client's connection is doing, by the layers that mitmproxy has built around it.

It is asked once a second for connections on which something has passed, and costs a request nothing.
"""

from enum import Enum, auto
from typing import NamedTuple

from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import Layer, NextLayer
from mitmproxy.proxy.layers import ClientTLSLayer
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.layers.http._http1 import Http1Server
from mitmproxy.proxy.tunnel import TunnelState


class Kind(Enum):
    IDLE = auto()
    """Nothing is under way, and nothing has come of a next request."""
    HEAD = auto()
    """The head of a request, a CONNECT or a TLS handshake has begun."""
    BODY = auto()
    """The body of a request is expected."""
    BUSY = auto()
    """An answer is under way, or a tunnel or a WebSocket is open."""
    SENDING = auto()
    """All has been answered, and the client has not read the end of it yet."""


class Phase(NamedTuple):
    kind: Kind
    message: tuple[Layer, int] | None = None
    """Tells one head or body from the next; None where too little has come to know."""
    reader: Http1Server | None = None
    """The layer that reads the message, if that is HTTP/1."""

    def goes_on_from(self, earlier: "Phase") -> bool:
        """Return whether it is the same message as earlier."""
        return self.kind is earlier.kind and earlier.message in (None, self.message)


IDLE, BUSY = Phase(Kind.IDLE), Phase(Kind.BUSY)


def phase_of(context: Context) -> Phase:
    """Return the phase of a client's connection; `context` is that of its outermost layer."""
    while True:
        for layer in context.layers:
            if isinstance(layer, ClientTLSLayer) and layer.tunnel_state is TunnelState.ESTABLISHING:
                return Phase(Kind.HEAD, (layer, 0))
        last = context.layers[-1]
        if not isinstance(last, HttpLayer):
            return _undecided(last)
        reader = last.connections.get(context.client)
        if not isinstance(reader, Http1Server):  # HTTP/2, which is off by default
            return BUSY if last.streams else IDLE
        if reader.state != reader.passthrough:
            return _of_http1(reader)
        stream = last.streams.get(reader.stream_id)
        if stream is None or stream.context.layers[-1] is stream:
            return _undecided(stream)
        context = stream.context


def open_tls(reader: Http1Server) -> list[ClientTLSLayer]:
    """Return the TLS layers between a reader and its client's socket, the innermost first."""
    return [layer for layer in reversed(reader.context.layers) if isinstance(layer, ClientTLSLayer)]


def _of_http1(reader: Http1Server) -> Phase:
    message = (reader, reader.stream_id)
    if reader.state in (reader.read_headers, reader.start):
        return Phase(Kind.HEAD, message, reader) if reader.buf else IDLE
    return BUSY if reader.state in (reader.wait, reader.done) else Phase(Kind.BODY, message, reader)


def _undecided(last: Layer | None) -> Phase:
    """Return the phase of a connection whose last layer waits for bytes that tell what comes next."""
    child = getattr(last, "child_layer", None) or getattr(getattr(last, "_handle_event", None), "__self__", None)
    if not isinstance(child, NextLayer) or child.layer is not None:
        return BUSY
    return Phase(Kind.HEAD) if any(isinstance(each, events.DataReceived) for each in child.events) else IDLE
