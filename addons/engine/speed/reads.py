"""WideReader: take what has come of a large body in pieces of 256 KiB, where mitmproxy takes 64 KiB.

Each piece goes through all layers of its connection, and a body that is held is held either way.
"""

from asyncio import StreamReader
from collections.abc import Awaitable

from mitmproxy.connection import Connection
from mitmproxy.proxy.server import ConnectionHandler

_MOST_READ = 256 * 2**10
"""As much as asyncio itself takes at once: `asyncio.selector_events._SelectorTransport.max_size`."""


class WideReader:
    """Stands in for a connection's StreamReader, of which mitmproxy uses nothing but `read`."""

    __slots__ = ("_reader",)

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader

    def read(self, _: int) -> Awaitable[bytes]:
        return self._reader.read(_MOST_READ)


def widen(handler: ConnectionHandler, connection: Connection) -> None:
    """Have a connection read in large pieces; one whose datagrams are messages stays as it is."""
    io = handler.transports.get(connection)
    if io and type(io.reader) is StreamReader:
        io.reader = WideReader(io.reader)  # type: ignore[assignment]
