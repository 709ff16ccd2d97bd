"""Chunks: read a chunked body in as few pieces as it came in, and without its trailers; bound what is not data in it.

mitmproxy takes each chunk through all of its layers, and writes it, on its own, though several usually come together.
Trailers, fields after the last chunk, make its layer crash and leave the connection hanging. They are discarded, as
RFC 9112 (section 7.1.2) allows for a recipient that passes the body on under a length of its own. A chunk's extension
and trailers may have any size there, and an error quotes them; here they are an error as soon as they are too large.
"""

from typing import Any

from h11 import Data, EndOfMessage, ProtocolError, RemoteProtocolError
from h11._readers import ChunkedReader, ContentLengthReader
from h11._receivebuffer import ReceiveBuffer, blank_line_regex
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._http1 import Http1Connection, Http1Server

from addons.engine.fixes.refusing import refuse
from addons.engine.replacing import Fix, Replacement
from addons.engine.touchpoints.for_fixes import CHUNKS
from addons.flow.wordings import ANSWERS_BODY, INVALID_REQUEST, REQUESTS_BODY

_LINE_BYTES = 16 * 2**10
"""The line that begins a chunk, with its extension, and all trailers together."""
_TOO_LARGE = 431
_FREE_BYTES = 16
"""Size of the line that begins a chunk, and of the line end after it, that is not counted as excess."""
_MOST_EXCESS = 16 * 2**10
"""How many bytes these lines may have beyond that, less twice the data between them, at any time."""


class _Reader(ChunkedReader):
    """Reads a chunked body. mitmproxy calls it until it returns None."""

    def __init__(self) -> None:
        super().__init__()
        self._next: EndOfMessage | ProtocolError | None = None
        self._excess = 0

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
        size = len(buffer)
        if size > _LINE_BYTES and self._is_too_large(buffer):
            return RemoteProtocolError("too large", _TOO_LARGE)
        try:
            event = super().__call__(buffer)
        except ProtocolError as error:
            return error
        if isinstance(event, Data):
            excess = self._excess + size - len(buffer) - _FREE_BYTES - 3 * len(event.data)
            self._excess = excess if excess > 0 else 0
            return event if excess <= _MOST_EXCESS else RemoteProtocolError("too large", _TOO_LARGE)
        return EndOfMessage() if isinstance(event, EndOfMessage) else event

    def _is_too_large(self, buffer: ReceiveBuffer) -> bool:
        """Tell whether the framing that comes next is larger than it may be, however much has come with it."""
        if self._reading_trailer:
            is_end = buffer._data.startswith((b"\r\n", b"\n"))
            return not is_end and blank_line_regex.search(buffer._data, 0, _LINE_BYTES) is None
        start = len(self._bytes_to_discard)
        end = start + _LINE_BYTES
        return not self._bytes_in_chunk and len(buffer) >= end and buffer._data.find(b"\r\n", start, end) < 0


def read_body(connection: Http1Connection, event: events.Event) -> layer.CommandGenerator[None]:
    """Do as mitmproxy, but answer a client that has made an error, and quote nothing that was sent."""
    assert connection.stream_id is not None and connection.request
    reader, size = connection.body_reader, len(connection.buf)
    if type(reader) is ContentLengthReader and 0 < size <= reader._remaining:  # h11 would copy it four times
        data = bytes(connection.buf)
        connection.buf = ReceiveBuffer()
        reader._remaining -= size
        yield ReceiveHttp(connection.ReceiveData(connection.stream_id, data))
        if reader._remaining and isinstance(event, events.DataReceived):
            return
    while True:
        try:
            if isinstance(event, events.DataReceived):
                found = connection.body_reader(connection.buf)
            else:
                found = connection.body_reader.read_eof()
        except ProtocolError as error:
            yield from _broken(connection, event, error)
            return
        if found is None:
            return
        if isinstance(found, Data):
            if data := bytes(found.data):
                yield ReceiveHttp(connection.ReceiveData(connection.stream_id, data))
            continue
        if connection.request.data.method.upper() != b"CONNECT":
            yield ReceiveHttp(connection.ReceiveEndOfMessage(connection.stream_id))
        is_request = isinstance(connection, Http1Server)
        yield from connection.mark_done(request=is_request, response=not is_request)
        return


def _broken(connection: Http1Connection, event: events.Event, error: ProtocolError) -> layer.CommandGenerator[None]:
    assert connection.stream_id is not None and connection.request
    is_request = isinstance(connection, Http1Server)
    if connection.request.data.method.upper() == b"CONNECT":  # what is in the tunnel knows nothing of a body around it
        yield commands.CloseConnection(connection.conn)
        return
    what = REQUESTS_BODY if is_request else ANSWERS_BODY
    if isinstance(event, events.ConnectionClosed):
        message = "Client disconnected." if is_request else f"{ANSWERS_BODY} broke off"
    else:
        status = error.error_status_hint
        what_is = "has trailers or extensions of chunks that are too large" if status == _TOO_LARGE else "is malformed"
        message = f"{what} {what_is}"
    if isinstance(connection, Http1Server) and not isinstance(event, events.ConnectionClosed):
        yield from refuse(connection, status, INVALID_REQUEST, f"{message[0].upper()}{message[1:]}.")
    else:
        yield commands.CloseConnection(connection.conn)
    code = connection.ReceiveProtocolError.code
    yield ReceiveHttp(connection.ReceiveProtocolError(connection.stream_id, message, code=code))


_connection: Any = Http1Connection


class Chunks(Fix):
    name = "chunks"
    relies_on = CHUNKS
    replacements = (Replacement(_http1, "ChunkedReader", _Reader), Replacement(_connection, "read_body", read_body))
