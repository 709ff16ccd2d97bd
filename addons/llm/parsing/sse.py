"""Cut a server-sent-event stream into events as it passes, keeping every byte.

The proxy forwards a stream while it reads the usage out of it, and may drop or insert events: each event carries the
bytes it came from. Format: WHATWG HTML, section 9.2 (https://html.spec.whatwg.org/multipage/server-sent-events.html).
"""

import re
from typing import NamedTuple

_BOM = b"\xef\xbb\xbf"
_CR = ord("\r")  # a number, because `b"\r" in chunk` takes ten times as long
# What providers nearly always send; tried only while the stream has shown no \r.
_USUAL = re.compile(rb"(?:event: ?+([^\n]*+)\n)?data: ?+([^\n]*+)\n\n")
_LINE_END = re.compile(rb"\r\n?+|\n")
_BLANK_LINE = re.compile(rb"(?:\r\n?+|\n)(?:\r\n?+|\n)")


class EventTooLarge(ValueError):
    """An event exceeds the parser's limit. Nothing is lost: `flush` returns all that `feed` has not."""


class Event(NamedTuple):
    """One block of the stream; a comment, or a blank line on its own, is one without data."""

    name: str
    """The `event:` field, "" when there is none."""
    data: bytes
    r"""The `data:` lines joined by b"\n"."""
    raw: bytes
    """The block as it came, with the blank line that ends it."""


class SSEParser:
    """The `raw` of all events and then `flush()` are exactly the bytes fed, however they were chunked."""

    def __init__(self, max_event_bytes: int = 16 * 2**20) -> None:
        self._max = max_event_bytes
        self._reset()

    def _reset(self) -> None:
        self._pending = bytearray()
        self._scanned = 0
        self._has_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes.

        Raises EventTooLarge when one, complete or not, is over `max_event_bytes`; then stop feeding and pass on what
        `flush` returns, in which the events before it in this chunk are included.
        """
        pending = self._pending
        pending += chunk
        self._has_cr = self._has_cr or _CR in chunk
        buffer = chunk
        if len(pending) > len(chunk):
            # Copied only when an event is complete, so that a large one in many small chunks takes linear time.
            buffer = bytes(pending) if self._end_of_event(pending, 0) else b""
        events = []
        start = 0
        while start < len(buffer) and (event := self._next_event(buffer, start)):
            self._check_size(len(event.raw))
            events.append(event)
            start += len(event.raw)
        self._check_size(len(pending) - start)
        del pending[:start]
        # A line end and the blank line after it are at most 4 bytes, so they may begin in the last 3.
        self._scanned = max(0, len(pending) - 3)
        return events

    @property
    def pending(self) -> bytes:
        """What was fed but not returned yet."""
        return bytes(self._pending)

    def flush(self) -> bytes:
        """What was fed but not returned: an incomplete event. The parser is then as new."""
        tail = bytes(self._pending)
        self._reset()
        return tail

    def _next_event(self, buffer: bytes, start: int) -> Event | None:
        if not self._has_cr and (match := _USUAL.match(buffer, start)):
            self._at_start = False
            name, data = match.groups(b"")
            return Event(name.decode(errors="replace"), data, match[0])
        if not (end := self._end_of_event(buffer, start)):
            return None
        raw = buffer[start:end]
        block = raw.removeprefix(_BOM) if self._at_start else raw
        self._at_start = False
        return Event(*_fields(block), raw)

    def _end_of_event(self, buffer: bytes | bytearray, start: int) -> int:
        """Where the event that begins at `start` ends; 0 when that has not been fed yet."""
        scan = max(start, self._scanned)
        if not self._has_cr:
            if buffer.startswith(b"\n", start):
                return start + 1
            found = buffer.find(b"\n\n", scan)
            return found + 2 if found >= 0 else 0
        match = _LINE_END.match(buffer, start) or _BLANK_LINE.search(buffer, scan)
        if not match:
            return 0
        # A \r at the end may be half of a \r\n, unless this stream is seen to end lines with \r alone.
        if match.end() == len(buffer) and match[0] != b"\r\r" and match[0].endswith(b"\r"):
            return 0
        return match.end()

    def _check_size(self, size: int) -> None:
        if size > self._max:
            raise EventTooLarge(f"an event of at least {size} bytes exceeds the limit of {self._max} bytes")


def _fields(block: bytes) -> tuple[str, bytes]:
    name = b""
    data = []
    for line in block.splitlines():
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return name.decode(errors="replace"), b"\n".join(data)
