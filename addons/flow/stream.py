"""Meter a streamed answer on its way to the client: decode each chunk, parse it into events, read their usage.

If the answer cannot be read, the client still gets it; only its usage is then estimated.
"""

import logging
from collections.abc import Callable, Iterable

from mitmproxy import http

from addons.flow.guard import describe
from addons.flow.headers import header
from addons.llm.call import LLMCall
from addons.llm.parsing import decoding, eventstream
from addons.llm.parsing.decoding import Decoder
from addons.llm.parsing.eventstream import CorruptStream, EventStreamParser
from addons.llm.parsing.sse import EventTooLarge, SSEParser

logger = logging.getLogger(__name__)

Parser = SSEParser | EventStreamParser
_PARSERS: dict[str, Callable[[], Parser]] = {
    "text/event-stream": SSEParser,
    eventstream.CONTENT_TYPE: EventStreamParser,
}


def parser_of(response: http.Response) -> Callable[[], Parser] | None:
    """Return what makes a parser for the answer's content type, or None if such an answer has no events."""
    return _PARSERS.get(header(response.headers, b"content-type").partition(";")[0].strip().lower())


def metered(
    call: LLMCall, response: http.Response, make_parser: Callable[[], Parser], on_complete: Callable[[], None]
) -> "MeteredStream | bool":
    """Return the value for the response's `stream`: True, which meters nothing, if its encoding is not known."""
    encoding = header(response.headers, b"content-encoding")
    try:
        decoder = decoding.make_decoder(encoding) if encoding else None
        parser = make_parser()
    except ValueError as error:
        logger.warning("a stream is passed on unread, so its usage is estimated: %s", error)
        return True
    if call.adds_stream_usage:
        # What the client gets is shorter than what the provider sends, and no longer compressed.
        response.headers.pop("content-encoding", None)
        if response.headers.pop("content-length", None):
            response.headers["Transfer-Encoding"] = "chunked"
    return MeteredStream(call, decoder, parser, on_complete)


class MeteredStream:
    """Takes each chunk of the answer as it comes, meters it, and returns what the client gets of it."""

    def __init__(self, call: LLMCall, decoder: Decoder | None, parser: Parser, on_complete: Callable[[], None]) -> None:
        """`on_complete` is called when the stream's last event has come, before the client sees it."""
        assert call.meter
        self._call = call
        self._decoder = decoder
        self._parser = parser
        self._meter = call.meter
        self._on_complete = on_complete
        self._is_readable = True
        self._hides_events = call.adds_stream_usage
        """Whether some events are kept from the client. It then gets the other events, not the chunks as they came."""

    def __call__(self, chunk: bytes) -> bytes | Iterable[bytes]:
        """Return what the client gets of a chunk; if that is nothing, an empty list, since b"" would end the answer."""
        data = self._decode(chunk)
        if self._is_readable:
            data = self._read(data, is_end=not chunk)
        if not self._hides_events:
            return chunk
        return [data] if data else []

    def _decode(self, chunk: bytes) -> bytes:
        if self._decoder is None:
            return chunk
        try:
            return self._decoder.decode(chunk)
        except ValueError as error:
            logger.warning("a stream is damaged, so its usage is estimated: %s", error)
            self._is_readable = False
            self._decoder = None
            return b""

    def _read(self, data: bytes, is_end: bool) -> bytes:
        """Meter the data, and return what the client gets of it: all, once the stream cannot be read any more."""
        held = self._parser.pending if self._hides_events else b""
        try:
            return self._meter_events(data, is_end)
        except (EventTooLarge, CorruptStream) as error:
            logger.warning("a stream is passed on unread, so its usage is estimated: %s", error)
        except Exception as error:
            logger.error("a stream could not be read, so its usage is estimated: %s", describe(error))
        self._is_readable = False
        return held + data

    def _meter_events(self, data: bytes, is_end: bool) -> bytes:
        call = self._call
        if data and call.ttft_ms is None:
            call.ttft_ms = call.elapsed_ms()
        kept = [event.raw for event in self._parser.feed(data) if self._meter.read(event)]
        if is_end:
            kept.append(self._parser.flush())
        if self._meter.complete and not call.is_logged:
            # Clients stop reading at the stream's last event, so the call is logged before they see it.
            self._on_complete()
        return b"".join(kept)
