"""BoundedBodies: bound a body while it comes, and answer a refused request without taking its body in.

mitmproxy keeps a body, whatever its size, before it sends the answer that an addon has set at the request's head; it
looks at no more than one limit for both directions, and at none for a body that passes through in a stream. Here

- a request that is refused by its head is answered at once. What its client still sends is read and thrown away, up to
  a bound in bytes and in seconds (RFC 9112, section 9.6: a close would take the answer with it), and its connection
  then ends;
- a request whose body grows too large is refused as soon as it does, a streamed one too;
- an answer that grows too large to be held passes on as it comes;
- a large body is put together once, where it is, rather than copied when it is whole.
"""

import io
import time
from collections.abc import Iterable
from typing import Any

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers.http import DropStream, HttpStream
from mitmproxy.proxy.layers.http import _events as http_events
from mitmproxy.proxy.layers.http._hooks import HttpRequestHeadersHook, HttpRequestHook, HttpResponseHeadersHook
from mitmproxy.utils import human

from addons.core import Core
from addons.engine.replacing import Fix, Replacement
from addons.engine.touchpoints.for_fixes import BODIES
from addons.flow.bodies import bounds

_JOINED_BYTES = 256 * 2**10
_PIECE = 64 * 2**10

_wait_for_head: Any = HttpStream.state_wait_for_request_headers
_stream_body: Any = HttpStream.state_stream_request_body
_check_size: Any = HttpStream.check_body_size

_core: Core | None = None


class Buffer:
    """Stands in for mitmproxy's ReceiveBuffer. A body that is large is kept in one piece, and not copied at its end."""

    __slots__ = ("_chunks", "_joined", "_size")

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._joined: io.BytesIO | None = None
        self._size = 0

    def __iadd__(self, chunk: bytes) -> "Buffer":
        self._size += len(chunk)
        if self._joined is not None:
            self._joined.write(chunk)
            return self
        self._chunks.append(chunk)
        if self._size > _JOINED_BYTES:
            self._joined = io.BytesIO()
            self._joined.writelines(self._chunks)
            self._chunks.clear()
        return self

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return b"".join(self._chunks) if self._joined is None else self._joined.getvalue()

    def clear(self) -> None:
        self.__init__()  # type: ignore[misc]


def wait_for_request_headers(stream: HttpStream, event: http_events.RequestHeaders) -> layer.CommandGenerator[None]:
    """Do as mitmproxy, but where an addon has answered, do not take in a body that is yet to come."""
    steps = _wait_for_head(stream, event)
    if event.end_stream or event.replay_flow or _core is None:
        yield from steps
        return
    reply = None
    while True:
        try:
            command = steps.send(reply)
        except StopIteration:
            return
        reply = yield command
        if isinstance(command, HttpRequestHeadersHook) and _is_refused(stream):
            steps.close()
            yield from _answer(stream)
            return


def _is_refused(stream: HttpStream) -> bool:
    """Tell whether an addon has answered a request whose body is too large to be taken in for nothing."""
    flow = stream.flow
    if flow.response is None or flow.error or flow.request.is_http2 or flow.request.is_http3:
        return False
    waits = "expect" in flow.request.headers  # for a word that the body is wanted
    return waits or not 0 < bounds.announced(flow.request) <= bounds.SMALL


def _answer(stream: HttpStream) -> layer.CommandGenerator[None]:
    """Send the answer that an addon has set, and then only drain what is left of the request."""
    flow = stream.flow
    assert flow.response
    stream.request_body_buf.clear()
    flow.request.data.content = b""
    flow.request.timestamp_end = time.time()
    rest = _Rest(stream)
    stream._handle_event = rest.handle_event
    yield HttpRequestHook(flow)
    if (yield from stream.check_killed(True)):
        return
    flow.response.timestamp_start = time.time()
    flow.response.headers["Connection"] = "close"
    yield HttpResponseHeadersHook(flow)
    if (yield from stream.check_killed(True)):
        return
    yield from stream.send_response()
    yield from rest.begin()


class _Rest:
    """Takes a stream's events in its place, once its request is refused: reads the rest of the body, and keeps none."""

    def __init__(self, stream: HttpStream) -> None:
        self._stream = stream
        self._usual = stream._handle_event
        self._left = bounds.MOST_DRAINED
        self._is_answered = self._has_ended = self._is_over = False

    def begin(self) -> layer.CommandGenerator[None]:
        """Note that the answer has been sent. A FIN tells the client so, but not within a tunnel, which has no half."""
        self._is_answered = True
        if self._has_ended:
            yield from self._end()
            return
        yield commands.RequestWakeup(bounds.DRAIN_SECONDS)
        client = self._stream.context.client
        if _core and client.id not in _core.tunnels:
            yield commands.CloseTcpConnection(client, half_close=True)

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if self._is_over:
            return
        if isinstance(event, http_events.RequestData):
            self._left -= len(event.data)
            if self._left < 0:
                yield from self._close()
        elif isinstance(event, http_events.RequestEndOfMessage):
            self._has_ended = True
            if self._is_answered:
                yield from self._end()
        elif isinstance(event, events.Wakeup):
            yield from self._close()
        elif isinstance(event, http_events.RequestProtocolError):
            self._is_over = True
            yield from self._usual(event)

    def _end(self) -> layer.CommandGenerator[None]:
        """End the stream in the usual way; since the answer says so, its connection ends with it."""
        self._is_over = True
        self._stream.client_state = self._stream.state_done
        yield from self._stream.flow_done()

    def _close(self) -> layer.CommandGenerator[None]:
        self._is_over = True
        self._stream.flow.live = False
        yield commands.CloseConnection(self._stream.context.client)
        yield DropStream(self._stream.stream_id)


def check_body_size(stream: HttpStream, request: bool) -> Iterable[Any]:
    """Check mitmproxy's limits, and then those for what has come of a body that is held.

    It is asked at the head and for each piece, and there is nothing to iterate over where no limit is near.
    """
    body = stream.request_body_buf if request else stream.response_body_buf
    message = stream.flow.request if request else stream.flow.response
    assert message
    length = bounds.announced(message)
    size = len(body) or length
    if not size:
        return ()
    options = stream.context.options
    most = human.parse_size(options.body_size_limit)
    if _core is None or options.stream_large_bodies or most is None or size > most:
        return _check_size(stream, request)  # type: ignore[no-any-return]
    if length:
        return ()  # it was looked at by its head, and no more comes
    if request:
        return _answer(stream) if bounds.refuse_by_size(_core, stream.flow, size) else ()
    return () if bounds.may_hold_answer(_core, stream.flow, size) else _pass_on(stream)


def _pass_on(stream: HttpStream) -> layer.CommandGenerator[None]:
    """Send what has come of an answer, and the rest as it comes."""
    assert _core
    bounds.pass_on(_core, stream.flow)
    body = memoryview(bytes(stream.response_body_buf))
    stream.response_body_buf.clear()
    yield from stream.start_response_stream()
    for at in range(0, len(body), _PIECE):
        yield from stream.server_state(http_events.ResponseData(stream.stream_id, bytes(body[at : at + _PIECE])))


def stream_request_body(stream: HttpStream, event: events.Event) -> layer.CommandGenerator[None]:
    """Pass a body on as mitmproxy does, until it is too large: one in chunks has no length that tells before."""
    if isinstance(event, http_events.RequestData) and _core:
        passed = stream.__dict__.get("modeltrack_passed", 0) + len(event.data)
        stream.__dict__["modeltrack_passed"] = passed
        if bounds.refuse_by_size(_core, stream.flow, passed):
            yield from _break_off(stream)
            return
    yield from _stream_body(stream, event)


def _break_off(stream: HttpStream) -> layer.CommandGenerator[None]:
    """End a request of which a part has gone upstream; its client gets the answer, if it has none yet."""
    error = (stream.stream_id, "Request body exceeds MAX_REQUEST_BYTES.", http_events.ErrorCode.REQUEST_TOO_LARGE)
    is_answered = stream.server_state != stream.state_wait_for_response_headers
    yield http_layers.SendHttp(http_events.RequestProtocolError(*error), stream.context.server)
    if is_answered:
        yield from stream.handle_protocol_error(http_events.ResponseProtocolError(*error))
    else:
        yield from _answer(stream)


class BoundedBodies(Fix):
    name = "bounded bodies"
    relies_on = BODIES
    replacements = (
        Replacement(http_layers, "ReceiveBuffer", Buffer),
        Replacement(HttpStream, "state_wait_for_request_headers", wait_for_request_headers),
        Replacement(HttpStream, "state_stream_request_body", stream_request_body),
        Replacement(HttpStream, "check_body_size", check_body_size),
    )

    def load(self, loader: object) -> None:
        global _core
        super().load(loader)
        _core = self._core

    def done(self) -> None:
        global _core
        _core = None
        super().done()
