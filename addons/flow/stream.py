"""Meter an answer on its way to the client: decode each chunk, parse it into events, read their usage.

What is in the answer decides how it is read, not its Content-Type, which may be missing or wrong: see `Sniffer`. If it
cannot be read, the client still gets it; only its usage is then estimated.
"""

import logging
from collections.abc import Callable, Iterable

from mitmproxy import http

from addons.flow.guard import describe
from addons.flow.headers import header
from addons.llm.answers import UNREADABLE, WholeAnswer
from addons.llm.call import LLMCall
from addons.llm.parsing import decoding, eventstream
from addons.llm.parsing.decoding import Decoder
from addons.llm.parsing.eventstream import CorruptStream, EventStreamParser
from addons.llm.parsing.sniffing import Kind, Sniffer, looks_like_events
from addons.llm.parsing.sse import EventTooLarge, SSEParser

logger = logging.getLogger(__name__)

_SSE = "text/event-stream"


def passes_in_chunks(call: LLMCall, response: http.Response) -> bool:
    """Return whether the client gets the answer as it comes: it asked for a stream, or the answer says that it is one.

    Any other answer is held until it is whole.
    """
    return call.is_stream or _content_type(response) in (_SSE, eventstream.CONTENT_TYPE)


def _content_type(response: http.Response) -> str:
    return header(response.headers, b"content-type").partition(";")[0].strip().lower()


def metered(call: LLMCall, response: http.Response, on_complete: Callable[[], None]) -> "MeteredStream | bool":
    """Return the value for the response's `stream`: True, which meters nothing, if its encoding is not known."""
    encoding = header(response.headers, b"content-encoding")
    try:
        decoder = decoding.make_decoder(encoding) if encoding else None
    except ValueError as error:
        logger.warning("a stream is passed on unread, so its usage is estimated: %s", error)
        call.error = call.error or UNREADABLE
        return True
    if call.adds_stream_usage:
        # What the client gets is shorter than what the provider sends, and no longer compressed.
        response.headers.pop("content-encoding", None)
        if response.headers.pop("content-length", None):
            response.headers["Transfer-Encoding"] = "chunked"
    return MeteredStream(call, decoder, _content_type(response), on_complete)


class MeteredStream:
    """Takes each chunk of the answer as it comes, meters it, and returns what the client gets of it."""

    def __init__(
        self, call: LLMCall, decoder: Decoder | None, content_type: str, on_complete: Callable[[], None]
    ) -> None:
        """`on_complete` is called when the stream's last event has come, before the client sees it."""
        assert call.meter
        self._call = call
        self._decoder = decoder
        self._content_type = content_type
        self._meter = call.meter
        self._on_complete = on_complete
        self._sniffer = Sniffer(content_type)
        self._parser: SSEParser | EventStreamParser | None = None
        """Cuts the answer into events; None until it is known that it may have some."""
        self._whole: WholeAnswer | None = None
        """Takes the answer in place of `_parser` and `_meter` where it is no stream."""
        self._is_readable = True
        self._has_begun = False
        """Whether anything has come that only a stream has, or that shows that there was an answer."""
        self._hides_events = call.adds_stream_usage
        """Whether some events are kept from the client. It then gets the other events, not the chunks as they came."""

    def __call__(self, chunk: bytes) -> bytes | Iterable[bytes]:
        """Return what the client gets of a chunk; if that is nothing, an empty list, since b"" would end the answer."""
        data = self._decode(chunk) if chunk else self._decoded_end()
        if self._is_readable:
            data = self._read(data, is_end=not chunk)
        if not chunk and not self._has_begun:
            self._meter_as_whole()  # it has ended, and nothing in it was an event
        if not self._hides_events:
            return chunk
        return [data] if data else []

    def _decode(self, chunk: bytes) -> bytes:
        if self._decoder is None:
            return chunk
        try:
            return self._decoder.decode(chunk)
        except ValueError as error:
            return self._damaged(error)

    def _decoded_end(self) -> bytes:
        try:
            return self._decoder.flush() if self._decoder else b""
        except ValueError as error:
            return b"" if self._has_begun else self._damaged(error)

    def _damaged(self, error: ValueError) -> bytes:
        logger.warning("a stream is damaged, so its usage is estimated: %s", error)
        if not self._has_begun:
            self._call.error = self._call.error or UNREADABLE
            self._has_begun = True  # something has come, though it cannot be told what
        self._is_readable = False
        self._decoder = None
        return b""

    def _read(self, data: bytes, is_end: bool) -> bytes:
        """Meter the data, and return what the client gets of it: all, once the stream cannot be read any more."""
        held = self._sniffer.pending or (self._parser.pending if self._parser and self._hides_events else b"")
        try:
            return self._meter_events(data, is_end)
        except (EventTooLarge, CorruptStream) as error:
            logger.warning("a stream is passed on unread, so its usage is estimated: %s", error)
            if self._parser and looks_like_events(self._parser.pending):
                self._has_begun = True
        except Exception as error:
            logger.error("a stream could not be read, so its usage is estimated: %s", describe(error))
            self._has_begun = True
        self._is_readable = False
        self._parser = None  # frees what it holds of an event
        return held + data

    def _meter_events(self, data: bytes, is_end: bool) -> bytes:
        call = self._call
        if data and call.ttft_ms is None:
            call.ttft_ms = call.elapsed_ms()
        blank = b""
        if self._sniffer.kind is None:
            blank, data = self._sniff(data, is_end)
        if self._whole:
            if self._sniffer.kind is Kind.OBJECT:
                self._whole.add(data)
            return blank + data
        if self._parser is None:
            return blank + data
        kept = [blank] if blank else []
        for event in self._parser.feed(data):
            if not self._has_begun and (event.name or event.data or event.raw.startswith(b":")):
                self._has_begun = True
            if self._meter.read(event):
                kept.append(event.raw)
        if is_end and (last := self._parser.last()):
            self._has_begun = self._has_begun or last.data != b""
            if self._meter.read(last):
                kept.append(last.raw)
        if self._meter.complete and not call.is_logged:
            # Clients stop reading at the stream's last event, so the call is logged before they see it.
            self._on_complete()
        return b"".join(kept)

    def _sniff(self, data: bytes, is_end: bool) -> tuple[bytes, bytes]:
        """Find out how the answer is to be read. Return its blank beginning, and what of it is to be read now."""
        blank, data = self._sniffer.feed(data)
        match self._sniffer.kind:
            case Kind.OBJECT | Kind.PAGE:
                self._meter_as_whole()
            case Kind.EVENTS:
                self._parser = SSEParser()
            case Kind.AWS_EVENTS:
                self._has_begun = True
                try:
                    self._parser = EventStreamParser()
                except ValueError as error:
                    raise CorruptStream(str(error)) from error
            case None if is_end:
                # A stream that ends before its first event was cut short; an answer without a byte is none.
                self._has_begun = self._content_type in (_SSE, eventstream.CONTENT_TYPE) and not self._sniffer.pending
                data = self._sniffer.pending
        return blank, data

    def _meter_as_whole(self) -> None:
        """Measure the call by the answer as a whole, since it has no events."""
        self._call.meter = self._whole = WholeAnswer(self._call.wire, self._call.most_output)
        self._has_begun = True
