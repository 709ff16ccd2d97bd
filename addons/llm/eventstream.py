"""AWS's event stream (application/vnd.amazon.eventstream), decoded by botocore as it passes.

Format: https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream.
"""

from addons.llm.sse import Event

CONTENT_TYPE = "application/vnd.amazon.eventstream"

try:
    from botocore.eventstream import EventStreamBuffer, ParserError
except ImportError:  # the extra `aws` is not installed
    EventStreamBuffer = None


class EventStreamParser:
    """As SSEParser, but its events carry no raw bytes: nothing is ever taken out of these streams."""

    pending = b""

    def __init__(self) -> None:
        """Raises ValueError without botocore."""
        if EventStreamBuffer is None:
            raise ValueError("an AWS event stream needs botocore: install ModelTrack with its extra `aws`")
        self._buffer = EventStreamBuffer()

    def feed(self, chunk: bytes) -> list[Event]:
        """The messages that `chunk` completes. Raises ValueError for what is no such stream."""
        self._buffer.add_data(chunk)
        try:
            return [_event(message.headers, message.payload) for message in self._buffer]
        except ParserError as error:
            raise ValueError(f"not an AWS event stream: {type(error).__name__}") from error

    def flush(self) -> bytes:
        return b""


def _event(headers: dict[str, object], payload: bytes) -> Event:
    """Named by the type of the event, or `exception`."""
    if headers.get(":message-type") != "event":
        return Event("exception", str(headers.get(":exception-type", "error")).encode(), b"")
    return Event(str(headers.get(":event-type", "")), payload, b"")
