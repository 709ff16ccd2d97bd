"""Chunks: read a chunked body in as few pieces as it came in, and without its trailers.

mitmproxy takes each chunk through all of its layers, and writes it, on its own, though several usually come together.
Trailers, fields after the last chunk, make its layer crash and leave the connection hanging. They are discarded, as
RFC 9112 (section 7.1.2) allows for a recipient that passes the body on under a length of its own.
"""

from h11 import Data, EndOfMessage, ProtocolError
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy.proxy.layers.http import _http1

from addons.engine.replacing import Fix, Replacement
from addons.engine.touchpoints.for_fixes import CHUNKS


class _Reader(ChunkedReader):
    """Reads a chunked body. mitmproxy calls it until it returns None."""

    def __init__(self) -> None:
        super().__init__()
        self._next: EndOfMessage | ProtocolError | None = None

    def __call__(self, buffer: ReceiveBuffer) -> Data | EndOfMessage | None:
        """Return all the data that is there in one piece, and what follows it at the next call."""
        pieces = []
        event = self._next or self._read(buffer)
        while isinstance(event, Data):
            pieces.append(event.data)
            event = self._read(buffer)
        if pieces:
            self._next = event
            return Data(data=b"".join(pieces) if len(pieces) > 1 else pieces[0])
        if isinstance(event, ProtocolError):
            raise event
        return event

    def _read(self, buffer: ReceiveBuffer) -> Data | EndOfMessage | ProtocolError | None:
        try:
            event = super().__call__(buffer)
        except ProtocolError as error:
            return error
        return EndOfMessage() if isinstance(event, EndOfMessage) else event


class Chunks(Fix):
    name = "chunks"
    relies_on = CHUNKS
    replacements = (Replacement(_http1, "ChunkedReader", _Reader),)
