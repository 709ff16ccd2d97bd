"""Decode AWS's event stream (application/vnd.amazon.eventstream) as it passes, with botocore.

Format: https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream.
"""

import struct
from collections.abc import Iterator

from addons.llm.parsing.sse import Event

CONTENT_TYPE = "application/vnd.amazon.eventstream"

try:
    from botocore.eventstream import EventStreamBuffer, ParserError
except ImportError:  # the extra `aws` is not installed
    EventStreamBuffer = None


class CorruptStream(ValueError):
    """The bytes are not an AWS event stream, or were damaged on their way. Nothing after the damage can be read."""


class EventStreamParser:
    """Read events like SSEParser does. The events carry no raw bytes: the proxy takes nothing out of these streams."""

    pending = b""

    def __init__(self) -> None:
        """Prepare to read a stream. Raises ValueError where botocore is not installed."""
        if EventStreamBuffer is None:
            raise ValueError("an AWS event stream needs botocore: install ModelTrack with its extra `aws`")
        self._buffer = EventStreamBuffer()

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Yield the events that `chunk` completes. Raises CorruptStream, after the events before the damage."""
        self._buffer.add_data(chunk)
        try:
            for message in self._buffer:
                yield _event(message.headers, message.payload)
        except (ParserError, LookupError, struct.error, UnicodeDecodeError) as error:
            raise CorruptStream(f"not an AWS event stream: {type(error).__name__}") from error

    def last(self) -> None:
        """Return None: a message that is not complete cannot be read."""


def is_available() -> bool:
    return EventStreamBuffer is not None


def _event(headers: dict[str, object], payload: bytes) -> Event:
    """Return a message as an event with the name of its type; an error is an event with the name `exception`."""
    if headers.get(":message-type") == "event":
        return Event(str(headers.get(":event-type", "")), payload, b"")
    kind = headers.get(":exception-type") or headers.get(":error-code") or "error"
    return Event("exception", str(kind).encode(), b"")
