"""Cut a stream of server-sent events into its events as it passes, and keep every byte.

The proxy forwards a stream while it reads the usage in it, and may drop or insert events. So each event carries the
bytes that it came from. Format: WHATWG HTML, section 9.2 (https://html.spec.whatwg.org/multipage/server-sent-events.html).
"""

import re
from typing import NamedTuple

import orjson

_BOM = b"\xef\xbb\xbf"
_NO_NAMES = frozenset({"", "message"})  # an event without a name is a `message` by the standard
_CR = ord("\r")  # a number, because `b"\r" in chunk` takes ten times as long
# The form that providers nearly always send. It is only tried while the stream has had no \r.
_USUAL = re.compile(rb"(?:event: ?+([^\n]*+)\n)?data: ?+([^\n]*+)\n\n")
_LINE_END = re.compile(rb"\r\n?+|\n")
_BLANK_LINE = re.compile(rb"(?:\r\n?+|\n)(?:\r\n?+|\n)")


class EventTooLarge(ValueError):
    """An event is larger than the parser's limit. No byte is lost: `flush` returns all that `feed` has not."""


class Event(NamedTuple):
    """Hold one block of the stream. A comment, or a blank line on its own, is an event without data."""

    name: str
    """The value of the `event:` field, "" where there is none."""
    data: bytes
    r"""The `data:` lines joined by b"\n"."""
    raw: bytes
    """The bytes of the block, with the blank line that ends it."""


def kind_of(event: Event) -> str:
    """Return the kind of an event: its name or, where a server sends none or calls all of them `message`, the `type`
    in its data.
    """
    if event.name not in _NO_NAMES or not event.data.startswith(b"{"):
        return event.name
    try:
        content = orjson.loads(event.data)
    except orjson.JSONDecodeError:
        return event.name
    kind = content.get("type")
    return kind if isinstance(kind, str) else event.name


class SSEParser:
    """Read a stream in chunks of any size. The `raw` of all events and then `flush()` are exactly the bytes fed."""

    def __init__(self, max_event_bytes: int = 16 * 2**20) -> None:
        self._max = max_event_bytes
        self._reset()

    def _reset(self) -> None:
        self._pending = bytearray()
        self._scanned = 0
        self._has_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes.

        Raises EventTooLarge when an event, complete or not, is larger than `max_event_bytes`. The caller then stops
        feeding, and forwards what `flush` returns, which includes the events in this chunk before the large one.
        """
        pending = self._pending
        pending += chunk
        self._has_cr = self._has_cr or _CR in chunk
        buffer = chunk
        if len(pending) > len(chunk):
            # The bytes are copied only when an event is complete, so that a large event in many small chunks takes
            # linear time.
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
        """Return the bytes that were fed, but are in no event yet."""
        return bytes(self._pending)

    def flush(self) -> bytes:
        """Return the bytes that are in no event yet, an incomplete event, and reset the parser."""
        tail = bytes(self._pending)
        self._reset()
        return tail

    def last(self) -> Event | None:
        """Return as an event what `flush` would return, since the blank line at a stream's end may be missing.

        Return None where nothing is left.
        """
        is_start = self._at_start
        tail = self.flush()
        return Event(*_fields(tail.removeprefix(_BOM) if is_start else tail), tail) if tail else None

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
        """Return where the event that begins at `start` ends; 0 where its end has not been fed yet."""
        scan = max(start, self._scanned)
        if not self._has_cr:
            if buffer.startswith(b"\n", start):
                return start + 1
            found = buffer.find(b"\n\n", scan)
            return found + 2 if found >= 0 else 0
        match = _LINE_END.match(buffer, start) or _BLANK_LINE.search(buffer, scan)
        if not match:
            return 0
        # A \r at the end may be half of a \r\n, but not in a stream that ends its lines with \r alone.
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
