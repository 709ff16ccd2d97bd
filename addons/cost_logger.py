"""CostLogger: meter the answer as it passes, price it, write its event, settle its reservation."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

import orjson
from mitmproxy import http

from addons.core import Core
from addons.flow_call import call_of, open_call
from addons.guard import describe, guarded, guarded_async
from addons.headers import header
from addons.ledger.events import CostEvent
from addons.llm import decoding, eventstream
from addons.llm.attribution import clean
from addons.llm.call import LLMCall
from addons.llm.eventstream import CorruptStream, EventStreamParser
from addons.llm.json_edit import insert_member, replace_member
from addons.llm.sse import EventTooLarge, SSEParser
from addons.meter import CLIENT_DISCONNECTED, PROXY_STOPPED, REQUEST_TOO_LARGE, measure

logger = logging.getLogger(__name__)

CLIENT_GONE = 499
"""Status of a call whose client got no answer, or half of one, as nginx logs it."""


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
            put = replace_member if "stream_options" in body else insert_member
            flow.request.content = put(flow.request.raw_content or b"", "stream_options", orjson.dumps(options))
            call.adds_stream_usage = True

    @guarded
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        call = call_of(flow)
        if not call or not flow.response:
            return
        for name, value in call.response_headers.items():
            flow.response.headers[name] = clean(value)
        content_type = header(flow.response.headers, b"content-type").partition(";")[0].strip().lower()
        if call.sent and (parser := _PARSERS.get(content_type)):
            self._stream(flow, call, flow.response, parser)

    def _stream(self, flow: http.HTTPFlow, call: LLMCall, response: http.Response, parser: _ParserType) -> None:
        response.stream = True
        call.meter = call.wire.meter(call.adds_stream_usage)
        try:
            response.stream = _Stream(self, flow, call, response, parser())
        except ValueError as error:
            logger.warning("a stream is passed on unread, so its usage is estimated: %s", error)

    @guarded_async
    async def response(self, flow: http.HTTPFlow) -> None:
        """mitmproxy sends the end of the answer, of a stream too, after this."""
        if call := call_of(flow):
            self._finish(flow, call)
            await self.core.make_durable()

    @guarded
    def error(self, flow: http.HTTPFlow) -> None:
        if call := call_of(flow):
            self._finish(flow, call)

    def done(self) -> None:
        """Calls still in flight end with the proxy, and mitmproxy has no event for that."""
        for flow in list(self.core.live.values()):
            if call := call_of(flow):
                call.error = call.error or PROXY_STOPPED
                self._finish(flow, call)
        self.core.close()

    def _finish(self, flow: http.HTTPFlow, call: LLMCall) -> None:
        """Settle a call and write its one event; what comes after it changes nothing."""
        if call.logged:
            return
        try:
            measure(self.core, flow, call)
            self._count_savings(call)
        except Exception as error:
            logger.error("a call could not be measured, so it is billed what was reserved: %s", describe(error))
            call.usage = replace(call.usage, estimated=True)
            call.cost_nanos = call.ticket.nanos if call.ticket else None
            call.error = call.error or "metering_failed"
        now = self.core.now()
        self.core.settle(flow.id, call, now)
        try:
            self.core.record(call, _event(call, _status(flow, call), now))
        except Exception as error:
            logger.error("a cost event could not be written: %s", describe(error))

    def _count_savings(self, call: LLMCall) -> None:
        """What the tokens would have cost with the model that was asked for."""
        if call.routed_from and not call.cache_hit and call.cost_nanos is not None:
            full_price = self.core.cost(call, call.routed_from, call.usage)
            if full_price is not None:
                call.saved_nanos = full_price - call.cost_nanos
                self.core.counts.routing_savings_nanos += call.saved_nanos


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


def _event(call: LLMCall, status: int, now: datetime) -> CostEvent:
    who, request, usage = call.attribution, call.request, call.usage
    return CostEvent(
        timestamp=now,
        provider=call.provider.name,
        model=call.model,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cost_nanos=call.cost_nanos,
        latency_ms=round((time.monotonic() - call.started) * 1000),
        ttft_ms=call.ttft_ms,
        status_code=status,
        is_streaming=call.is_stream,
        app_id=who.app,
        team=who.team,
        feature=who.feature,
        customer_tier=who.customer_tier,
        session_id=who.session_id,
        trace_id=who.trace_id,
        cache_hit=call.cache_hit,
        saved_nanos=call.saved_nanos,
        routed_from=call.routed_from,
        routed_to=call.routed_to,
        routing_rule=call.routing_rule,
        blocked_by=call.blocked_by,
        usage_estimated=usage.estimated,
        error=call.error,
        prompt_hash=request.prompt_hash if request else "",
        system_prompt_tokens=request.system_prompt_tokens if request else 0,
        user_prompt_tokens=request.user_prompt_tokens if request else 0,
        prompt_template_id=who.prompt_template,
        token_summary=usage.summary(),
    )
