"""Adapt mitmproxy's handler of one client's connection to what is asked of it here."""

from asyncio import StreamWriter

from mitmproxy.proxy import commands
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler

from addons.engine.connections.phases import Kind, Phase, open_tls, phase_of


class ClientConnection:
    __slots__ = ("_context", "_handler", "_watchdog", "_writer")

    def __init__(self, handler: ProxyConnectionHandler, context: Context) -> None:
        """`context` is that of the outermost layer."""
        self._handler = handler
        self._context = context
        self._watchdog = handler.timeout_watchdog
        writer = handler.transports[handler.client].writer
        self._writer = writer if isinstance(writer, StreamWriter) else None

    @property
    def stamp(self) -> float:
        return self._watchdog.last_activity

    @property
    def is_held(self) -> bool:
        """Tell whether a hook waits for something, or nothing is read while somebody else is slow to take what came."""
        return self._watchdog.blocker > 0 or self._handler._drain_lock.locked()

    @property
    def unsent(self) -> int:
        """Return how many bytes wait for the client to read."""
        return self._writer.transport.get_write_buffer_size() if self._writer else 0

    def phase(self) -> Phase:
        found = phase_of(self._context)
        io = self._handler.transports.get(self._handler.client)
        is_settled = io is not None and io.handler is not None
        return Phase(Kind.SENDING) if found.kind is Kind.IDLE and (not is_settled or self.unsent) else found

    def close(self, reason: str) -> None:
        """Have mitmproxy end the connection, as it does after `tcp_timeout`; what is under way on it ends as well."""
        io = self._handler.transports.get(self._handler.client)
        if io and io.handler:
            io.handler.cancel(reason)

    def abort(self) -> None:
        """Drop what the client does not read."""
        if self._writer:
            self._writer.transport.abort()

    def refuse(self, status: int, message: str) -> None:
        """Send an error before anything has been read; mitmproxy closes the connection."""
        if self._writer:
            self._writer.write(_http1.make_error_response(status, message))

    def time_out(self, phase: Phase, message: str) -> None:
        """End a connection whose client is too slow, with a 408 where it has not been answered yet."""
        reader = phase.reader
        if self._writer and reader and (reader.response is None or reader.response.status_code < 200):
            pieces = [_http1.make_error_response(408, message)]
            for tls in open_tls(reader):
                sent = [each for piece in pieces for each in tls.send_data(piece)]
                pieces = [each.data for each in sent if isinstance(each, commands.SendData)]
            self._writer.write(b"".join(pieces))
        self.close("too slow")
