"""CostLogger: meter the answer as it passes, price it, write its event, settle its reservation."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable

import orjson
from mitmproxy import connection, ctx, http
from mitmproxy.flow import Error
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook

from addons.callers.attribution import clean
from addons.core import Core
from addons.flow.attached import call_of, open_call
from addons.flow.finish import CLIENT_GONE, finish
from addons.flow.guard import describe, guarded
from addons.flow.headers import header, put
from addons.flow.measure import CLIENT_DISCONNECTED, PROXY_STOPPED, REQUEST_TOO_LARGE
from addons.llm.call import LLMCall
from addons.llm.parsing import decoding, eventstream
from addons.llm.parsing.eventstream import CorruptStream, EventStreamParser
from addons.llm.parsing.json_edit import insert_member, replace_member
from addons.llm.parsing.sse import EventTooLarge, SSEParser

logger = logging.getLogger(__name__)

_LOST_SECONDS = 900
"""More than what a hook may wait for, after which a call whose client has gone may still end as it should."""

_ParserType = Callable[[], SSEParser | EventStreamParser]
_PARSERS: dict[str, _ParserType] = {"text/event-stream": SSEParser, eventstream.CONTENT_TYPE: EventStreamParser}


class CostLogger:
    def __init__(self, core: Core) -> None:
        self.core = core

    def failed(self, flow: http.HTTPFlow) -> None:
        """The call goes on: it is measured, and its event written, when it ends."""

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        """The last hook before the request goes out."""
        call = open_call(flow)
        if not call:
            return
        call.sent = True
        body, call.body = call.body, {}  # nobody asks for it any more, and a large one need not wait for the answer
        if not call.is_stream or call.fixed == "signed_request":
            return
        # A stream is metered as it passes, so it is asked for uncompressed.
        flow.request.headers["Accept-Encoding"] = "identity"
        options = call.wire.stream_options(body)
        if options and not call.fixed and call.provider.takes_stream_options(flow.request.path.partition("?")[2]):
            write = replace_member if "stream_options" in body else insert_member
            flow.request.content = write(flow.request.raw_content or b"", "stream_options", orjson.dumps(options))
            call.adds_stream_usage = True

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        call = call_of(flow)
        if not call or not flow.response:
            return
        put(flow.response.headers, {name: clean(value) for name, value in call.response_headers.items()})
        content_type = header(flow.response.headers, b"content-type").partition(";")[0].strip().lower()
        is_error = not 200 <= flow.response.status_code < 300  # not metered, whatever its form: it costs nothing
        if call.sent and not is_error and (parser := _PARSERS.get(content_type)):
            self._stream(flow, call, flow.response, parser)

    def _stream(self, flow: http.HTTPFlow, call: LLMCall, response: http.Response, parser: _ParserType) -> None:
        response.stream = True
        call.meter = call.wire.meter(call.adds_stream_usage)
        try:
            response.stream = _Stream(self, flow, call, response, parser())
        except ValueError as error:
            logger.warning("a stream is passed on unread, so its usage is estimated: %s", error)

    @guarded
    def response(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """mitmproxy sends the end of the answer, of a stream too, after this."""
        if not (call := call_of(flow)):
            return None
        self._finish(flow, call)
        return self.core.make_durable() if self.core.settings.fsync == "always" else None

    @guarded
    def error(self, flow: http.HTTPFlow) -> None:
        if call := call_of(flow):
            self._finish(flow, call)

    def client_disconnected(self, client: connection.Client) -> None:
        """A call that mitmproxy loses, as where its layer crashes, gets no `response` and no `error`: here it does."""
        if flows := [flow for flow in self.core.live.values() if flow.client_conn is client]:
            asyncio.get_running_loop().call_later(_LOST_SECONDS, _give_up, flows)

    def done(self) -> None:
        """Calls still in flight end with the proxy, and mitmproxy has no event for that."""
        for flow in list(self.core.live.values()):
            if call := call_of(flow):
                call.error = call.error or PROXY_STOPPED
                self._finish(flow, call)
        self.core.close()

    def _finish(self, flow: http.HTTPFlow, call: LLMCall) -> None:
        """Write the one event of a call; what comes after it changes nothing."""
        finish(self.core, flow, call, lambda: _status(flow, call))


def _give_up(flows: list[http.HTTPFlow]) -> None:
    for flow in flows:
        if (call := call_of(flow)) and not call.logged:
            logger.error("a call got no end from mitmproxy, so it is ended here")
            flow.error = flow.error or Error("Client disconnected.")
            ctx.master.addons.trigger(HttpErrorHook(flow))


class _Stream:
    """Passes a streamed answer on, chunk by chunk, while its usage is read out of it."""

    def __init__(
        self,
        cost_logger: CostLogger,
        flow: http.HTTPFlow,
        call: LLMCall,
        response: http.Response,
        parser: SSEParser | EventStreamParser,
    ) -> None:
        """Raises ValueError for a coding of the answer that cannot be undone."""
        assert call.meter
        self._logger = cost_logger
        self._flow = flow
        self._call = call
        self._meter = call.meter
        self._parser = parser
        self._is_readable = True
        self._drops_events = call.adds_stream_usage
        encoding = response.headers.get("content-encoding", "")
        self._decoder = decoding.make_decoder(encoding) if encoding else None
        if self._drops_events:
            # What the client gets is shorter than what the provider sends, and no longer compressed.
            response.headers.pop("content-encoding", None)
            if response.headers.pop("content-length", None):
                response.headers["Transfer-Encoding"] = "chunked"

    def __call__(self, chunk: bytes) -> bytes | Iterable[bytes]:
        """mitmproxy wants no bytes for nothing to send: b"" would end the answer, so that is an empty list."""
        try:
            data = self._decoder.decode(chunk) if self._decoder else chunk
        except ValueError:
            self._is_readable = False
            self._decoder = None
            return [] if self._drops_events else chunk
        if self._is_readable:
            held = self._parser.pending if self._drops_events else b""
            try:
                return self._shown(self._read(data, is_end=not chunk), chunk)
            except (EventTooLarge, CorruptStream) as error:
                logger.warning("a stream is passed on unread, so its usage is estimated: %s", error)
            except Exception as error:
                logger.error("a stream could not be read, so its usage is estimated: %s", describe(error))
            self._is_readable = False
            data = held + data
        return self._shown(data, chunk)

    def _shown(self, kept: bytes, chunk: bytes) -> bytes | Iterable[bytes]:
        if not self._drops_events:
            return chunk
        return [kept] if kept else []

    def _read(self, data: bytes, is_end: bool) -> bytes:
        """What of it the client is to see."""
        call = self._call
        if data and call.ttft_ms is None:
            call.ttft_ms = round((time.monotonic() - call.started) * 1000)
        kept = [event.raw for event in self._parser.feed(data) if self._meter.read(event)]
        if is_end:
            kept.append(self._parser.flush())
        if self._meter.complete and not call.logged:
            # Clients stop reading at the stream's last event, so what it cost is written before they see it.
            self._logger._finish(self._flow, call)
        return b"".join(kept)


def _status(flow: http.HTTPFlow, call: LLMCall) -> int:
    """What the client got, or would have."""
    if call.error in (CLIENT_DISCONNECTED, PROXY_STOPPED):
        return CLIENT_GONE
    if flow.response is None and call.error == REQUEST_TOO_LARGE:
        return 413
    if flow.response is None or (flow.error and not flow.response.stream):
        return 502  # mitmproxy's; nothing of an answer that came in part has been sent, unless it is a stream
    return flow.response.status_code
