"""AbsentClients: read an answer on after its client has gone, and answer a client that has only closed its own side.

mitmproxy takes a client's FIN for its end and drops the connection to the provider, which bills the call all the same.
Here the end is only noted. What comes is measured, cached, and written to the client, which may still read it; once
that fails, it is only read. addons/flow/abandoned.py decides for how long, and which calls are not worth it.

To hang up, a layer is woken, and does what mitmproxy would have done at the client's end.
"""

import asyncio
import socket
import sys
import time
from functools import partial
from typing import Any

from mitmproxy import ctx
from mitmproxy.connection import Connection
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http._http1 import Http1Connection, Http1Server
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.utils import asyncio_utils

from addons.core import Core
from addons.engine.replacing import Fix, Replacement
from addons.engine.touchpoints.for_fixes import ABSENT_CLIENTS
from addons.flow import abandoned

MOST_EARLY = 2**20
"""Bytes that a client may send before it has its answer. mitmproxy keeps them without a limit."""
_CHECK_SECONDS = 0.5
_UNACKED = slice(24, 28)
"""Where Linux's `struct tcp_info` has the number of segments that are not acknowledged."""
_NEVER = 10.0**8  # a layer is woken when it is to hang up, and not by the clock

_wait: Any = Http1Connection.wait
_handle_event: Any = Http1Connection._handle_event
_handle_connection: Any = ConnectionHandler.handle_connection


class Absence:
    """A client that has closed its side, or is gone, before the end of an answer."""

    def __init__(self, server: Http1Server, handler: ConnectionHandler) -> None:
        layers = reversed(server.context.layers)
        self.server = server
        self.handler = handler
        self.since = time.monotonic()
        self.over = asyncio.Event()
        self.wakeup = commands.RequestWakeup(_NEVER)
        self.is_woken = False
        self.is_counted = False
        """Whether it is a call of ours, which the status pages count."""
        self._http: HttpLayer = next(each for each in layers if isinstance(each, HttpLayer))
        self._written = 0
        self._is_gone = server.response is not None  # whoever wants all of a stream does not close in the middle of it

    @property
    def stream(self) -> HttpStream | None:
        return self._http.streams.get(self.server.stream_id)

    @property
    def size(self) -> int:
        """Return the bytes of an answer in one piece that have come so far."""
        return len(self.stream.response_body_buf) if self.stream else 0

    @property
    def is_gone(self) -> bool:
        """Tell whether it is known that the client does not read any more, by what became of the last write to it."""
        if not self._is_gone:
            io = self.handler.transports.get(self.handler.client)
            writer: Any = io.writer if io else None
            self._is_gone = writer is None or writer.is_closing() or _has_failed(writer)
        return self._is_gone

    @property
    def is_reading(self) -> bool:
        """Tell whether the client takes a stream although it has closed its side."""
        return self._written > 1 and not self.is_gone

    @property
    def has_read(self) -> bool:
        """Tell whether the client's system has taken all of a stream so far, which it does for no closed socket."""
        io = self.handler.transports.get(self.handler.client)
        return self.is_reading and io is not None and _is_acknowledged(io.writer)

    def note_write(self) -> None:
        self._written += 1


def _has_failed(writer: Any) -> bool:
    """Ask the system whether the client has refused what was written: asyncio does not look after a FIN has come."""
    found = writer.get_extra_info("socket")
    return found is not None and found.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


def _is_acknowledged(writer: Any) -> bool:
    """Ask the system whether the client's has taken all that was written; only Linux says so."""
    found = writer.get_extra_info("socket")
    if found is None or sys.platform != "linux" or writer.transport.get_write_buffer_size():
        return False
    info = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _UNACKED.stop)
    return not any(info[_UNACKED])


class Absences:
    """All absences, by the id of the client's connection, and when they end."""

    def __init__(self) -> None:
        self.core: Core | None = None
        self._all: dict[str, Absence] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, server: Http1Server) -> Absence | None:
        """Note that a client has closed its side; None where that is to be its end, as in mitmproxy."""
        core, client = self.core, server.context.client
        if core is None or core.failure or client.id in self._all or not hasattr(ctx, "master"):
            return None
        proxyserver = ctx.master.addons.get("proxyserver")
        handler = proxyserver.connections.get(client.id) if proxyserver else None
        if handler is None:
            return None
        absence = Absence(server, handler)
        if not absence.stream or not abandoned.leave(core, absence.stream.flow):
            return None
        absence.is_counted = abandoned.is_counted(absence.stream.flow)
        if absence.is_counted:
            core.counts.abandoned += 1
            core.counts.abandoned_now += 1
        self._all[client.id] = absence
        self.review_soon(absence)
        if not self._timer:
            self._timer = asyncio.get_running_loop().call_later(_CHECK_SECONDS, self._check)
        return absence

    def end(self, absence: Absence) -> None:
        if not absence.over.is_set():
            absence.over.set()
            self._all.pop(absence.handler.client.id, None)
            if self.core and absence.is_counted:
                self.core.counts.abandoned_now -= 1

    def end_all(self) -> None:
        for absence in list(self._all.values()):
            self.end(absence)
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def review_soon(self, absence: Absence) -> None:
        """Review it once all that has come with this event has been read."""
        asyncio.get_running_loop().call_soon(self._review, absence)

    async def stay(self, handler: ConnectionHandler, reason: str) -> None:
        """Keep a connection whose client is gone until its answer has been read.

        `reason` is mitmproxy's why the client's connection ends.
        """
        absence = self._all.get(handler.client.id)
        if absence and reason.startswith("Error sending data"):
            self._review(absence)
            await absence.over.wait()
        elif absence and reason == "timeout":
            self._hang_up(absence)  # nothing has come for as long as `tcp_timeout` says

    def _review(self, absence: Absence) -> None:
        if absence.over.is_set() or absence.is_woken or not self.core:
            return
        stream = absence.stream
        seconds = time.monotonic() - absence.since
        if stream is not None and stream.flow.response and stream.flow.response.stream:
            abandoned.note(stream.flow, has_read=absence.has_read, is_gone=absence.is_gone)
        if stream is None or abandoned.hangs_up(
            self.core, stream.flow, seconds, is_gone=absence.is_gone, is_reading=absence.is_reading
        ):
            self._hang_up(absence)

    def _hang_up(self, absence: Absence) -> None:
        absence.is_woken = True
        handler = absence.handler
        work = handler.server_event(events.Wakeup(absence.wakeup))
        asyncio_utils.create_task(work, name="hang up", keep_ref=True, client=handler.client.peername)

    def _check(self) -> None:
        self._timer = None
        for absence in list(self._all.values()):
            self._review(absence)
        waiting = [absence for absence in self._all.values() if not absence.is_woken]
        if sum(absence.size for absence in waiting) > abandoned.MOST_BYTES:
            self._hang_up(max(waiting, key=lambda absence: absence.size))
        if self._all:
            self._timer = asyncio.get_running_loop().call_later(_CHECK_SECONDS, self._check)


_absences = Absences()


def wait(server: Http1Connection, event: events.Event) -> layer.CommandGenerator[None]:
    if isinstance(event, events.DataReceived) and len(server.buf) > MOST_EARLY:
        event = events.ConnectionClosed(server.conn)  # a client that goes on sending, and not the next request
        yield from _wait(server, event)
        return
    is_end = isinstance(event, events.ConnectionClosed) and isinstance(server, Http1Server)
    absence = _absences.begin(server) if is_end else None  # type: ignore[arg-type]
    if absence is None:
        yield from _wait(server, event)
        return
    server._handle_event = partial(_after_the_end, absence)  # type: ignore[method-assign]
    yield absence.wakeup


def _after_the_end(absence: Absence, event: events.Event) -> layer.CommandGenerator[None]:
    """Take the place of the layer's `_handle_event` from the client's end on."""
    server = absence.server
    closed = events.ConnectionClosed(server.conn)
    if isinstance(event, events.ConnectionClosed):
        return
    if isinstance(event, events.Wakeup):
        _absences.end(absence)
        if server.state == server.wait:
            yield from _wait(server, closed)
        return
    yield from _handle_event(server, event)
    if server.state in (server.passthrough, server.read_body):  # another protocol, or a part of another request
        _absences.end(absence)
        server._handle_event = partial(_handle_event, server)  # type: ignore[method-assign]  # the end is told once
        yield from server.state(closed)
    elif server.state != server.wait:  # all that the client asked for has been answered
        _absences.end(absence)
        server.state = server.done
        yield commands.CloseConnection(server.conn)
    elif isinstance(event, http_events.ResponseProtocolError):
        _absences.end(absence)
    elif isinstance(event, http_events.ResponseHeaders | http_events.ResponseData):
        absence.note_write()
        _absences.review_soon(absence)


async def handle_connection(handler: ConnectionHandler, connection: Connection) -> None:
    """Handle a connection as mitmproxy does, but keep a client's that cannot be written to while it is read on for."""
    try:
        await _handle_connection(handler, connection)
    except asyncio.CancelledError as reason:
        if connection is handler.client:
            await _absences.stay(handler, str(reason))
        raise


class AbsentClients(Fix):
    name = "absent clients"
    relies_on = ABSENT_CLIENTS
    replacements = (
        Replacement(Http1Connection, "wait", wait),
        Replacement(ConnectionHandler, "handle_connection", handle_connection),
    )

    def load(self, loader: object) -> None:
        super().load(loader)
        _absences.core = self._core

    def done(self) -> None:
        _absences.end_all()
        _absences.core = None
        super().done()
