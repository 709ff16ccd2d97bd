"""Heads: bound the head of a request and of an answer, tell interim answers from the answer, and quote neither head.

mitmproxy takes in a head of any size, logs one that broke off with all its bytes, credentials included, sends an
unreadable one back, takes a 1xx answer for the answer, and waits for more after an empty line before a request.
"""

from typing import Any

from mitmproxy.connection import ConnectionState
from mitmproxy.http import Request, Response
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestHeaders,
    RequestProtocolError,
    ResponseHeaders,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Connection, Http1Server

from addons.engine.fixes.refusing import refuse
from addons.engine.replacing import Fix, Replacement
from addons.engine.touchpoints.for_fixes import HEADS
from addons.flow.wordings import ANSWERS_HEAD, INVALID_REQUEST

_FIRST_LINE_BYTES = 16 * 2**10
_MOST_INTERIM = 20
"""Interim answers before one answer; more are an error of the provider's."""
_INTERIM = "modeltrack_interim"

_limit = 64 * 2**10
"""MAX_HEAD_BYTES as it was set last."""


class _TooLong(Exception):
    """A head is larger than it may be. The argument tells whether its first line is."""


def _head(connection: Http1Connection) -> list[bytes] | None:
    """Take a head out of what has come; None if it is not whole yet. Raises _TooLong."""
    buffer = connection.buf
    size = len(buffer)
    lines = buffer.maybe_extract_lines()
    if lines == []:  # empty lines before a head are passed over (RFC 9112, section 2.2)
        buffer += (buffer.maybe_extract_at_most(len(buffer)) or b"").lstrip(b"\r\n")
        size = len(buffer)
        lines = buffer.maybe_extract_lines()
    if size > _FIRST_LINE_BYTES or size > _limit:
        line = len(lines[0]) if lines else bytes(buffer).find(b"\n")
        if line > _FIRST_LINE_BYTES + (not lines) or (line < 0 and size > _FIRST_LINE_BYTES + 1):
            raise _TooLong(True)
        if (size - len(buffer) if lines else size) > _limit:
            raise _TooLong(False)
    return [bytes(line) for line in lines] if lines else None


def read_request_head(server: Http1Server, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
    if isinstance(event, events.ConnectionClosed):
        if bytes(server.buf).strip():
            yield commands.Log("the client closed its connection before the head of its request was whole")
        yield commands.CloseConnection(server.conn)
        return
    try:
        lines = _head(server)
    except _TooLong as error:
        if error.args[0]:
            text = f"The first line of the request is longer than {_FIRST_LINE_BYTES} bytes."
            yield from refuse(server, 414, "uri_too_long", text)
        else:
            text = f"The head of the request is larger than {_limit} bytes, the limit that MAX_HEAD_BYTES sets."
            yield from refuse(server, 431, "head_too_large", text)
        return
    if lines is None:
        return
    request: Request | None = None
    try:
        server.request = request = http1.read_request_head(lines)
        size = http1.expected_http_body_size(request)
    except ValueError:
        yield from refuse(server, 400, INVALID_REQUEST, "The head of the request cannot be read.")
        if request:  # it is shown, and its call has an event
            yield ReceiveHttp(RequestHeaders(server.stream_id, request, False))
            message = "Received headers that contradict each other from client"
            yield ReceiveHttp(RequestProtocolError(server.stream_id, message, ErrorCode.GENERIC_CLIENT_ERROR))
        return
    yield ReceiveHttp(RequestHeaders(server.stream_id, request, size == 0))
    server.body_reader = _http1.make_body_reader(size)
    server.state = server.read_body
    yield from server.state(event)


def read_answers_head(client: Http1Client, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
    if isinstance(event, events.ConnectionClosed):
        yield from _ended(client)
        return
    if not client.request:
        yield commands.Log("the provider sent something that nobody has asked for")
        yield commands.CloseConnection(client.conn)
        return
    try:
        while lines := _head(client):
            client.response = response = http1.read_response_head(lines)
            if not _is_interim(client.request, response):
                break
            client.response = None
            client.__dict__[_INTERIM] = interim = client.__dict__.get(_INTERIM, 0) + 1
            if interim > _MOST_INTERIM:
                raise ValueError
        else:
            return
        size = http1.expected_http_body_size(client.request, response)
    except _TooLong:
        yield from _failed(client, f"{ANSWERS_HEAD} is larger than {_limit} bytes")
        return
    except ValueError:
        yield from _failed(client, f"{ANSWERS_HEAD} cannot be read")
        return
    client.__dict__.pop(_INTERIM, None)
    assert client.stream_id is not None
    yield ReceiveHttp(ResponseHeaders(client.stream_id, response, size == 0))
    client.body_reader = _http1.make_body_reader(size)
    client.state = client.read_body
    yield from client.state(event)


def _is_interim(request: Request, response: Response) -> bool:
    """Tell whether the answer is yet to come. Raises ValueError for no status.

    A change of protocols that nobody has asked for is none either.
    """
    if response.status_code < 100 or (response.status_code == 101 and "upgrade" not in request.headers):
        raise ValueError
    return response.status_code < 200 and response.status_code != 101


def _failed(client: Http1Client, message: str) -> layer.CommandGenerator[None]:
    client.buf.maybe_extract_at_most(len(client.buf))
    client.state = client.done
    yield commands.CloseConnection(client.conn)
    assert client.stream_id is not None
    yield ReceiveHttp(ResponseProtocolError(client.stream_id, message, ErrorCode.GENERIC_SERVER_ERROR))


def _ended(client: Http1Client) -> layer.CommandGenerator[None]:
    if client.conn.state & ConnectionState.CAN_WRITE:
        yield commands.CloseConnection(client.conn)
    if client.stream_id:
        message = f"{ANSWERS_HEAD} broke off" if client.buf else "server closed connection"
        yield ReceiveHttp(ResponseProtocolError(client.stream_id, message, ErrorCode.GENERIC_SERVER_ERROR))


_server: Any = Http1Server
_client: Any = Http1Client


class Heads(Fix):
    name = "heads"
    relies_on = HEADS
    replacements = (
        Replacement(_server, "read_headers", read_request_head),
        Replacement(_client, "read_headers", read_answers_head),
    )

    def configure(self, _: set[str]) -> None:
        global _limit
        if not self._core.failure:
            _limit = self._core.settings.max_head_bytes
