"""AWS's event stream (application/vnd.amazon.eventstream), decoded by botocore as it passes.

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
    """What came is no such stream, or was damaged on its way. Nothing after it can be read."""


class EventStreamParser:
    """As SSEParser, but its events carry no raw bytes: nothing is ever taken out of these streams."""

    pending = b""

    def __init__(self) -> None:
        """Raises ValueError without botocore."""
        if EventStreamBuffer is None:
            raise ValueError("an AWS event stream needs botocore: install ModelTrack with its extra `aws`")
        self._buffer = EventStreamBuffer()

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The messages that `chunk` completes. Raises CorruptStream, after those before the damage."""
        self._buffer.add_data(chunk)
        try:
            for message in self._buffer:
                yield _event(message.headers, message.payload)
        except (ParserError, LookupError, struct.error, UnicodeDecodeError) as error:
            raise CorruptStream(f"not an AWS event stream: {type(error).__name__}") from error

    def flush(self) -> bytes:
        return b""


def is_available() -> bool:
    return EventStreamBuffer is not None


def _event(headers: dict[str, object], payload: bytes) -> Event:
    """Named by the type of the event, or `exception`."""
    if headers.get(":message-type") == "event":
        return Event(str(headers.get(":event-type", "")), payload, b"")
    kind = headers.get(":exception-type") or headers.get(":error-code") or "error"
    return Event("exception", str(kind).encode(), b"")
