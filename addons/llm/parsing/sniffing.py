"""Tell what a body is by its first bytes, since its Content-Type may be missing or wrong.

Sources: server-sent events, WHATWG HTML, section 9.2; the prelude of AWS's messages,
https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream.
"""

import re
import zlib
from enum import Enum, auto

from addons.llm.parsing import eventstream

_BOM = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"(?:\xef\xbb\xbf|[ \t\r\n])*+")
_EVENTS = re.compile(rb"(?:\xef\xbb\xbf|[ \t\r\n])*+(?:(?:data|event|id|retry)(?:[:\r\n]|\Z)|:)")
_PRELUDE = 12  # bytes: the lengths of a message and of its headers, and the checksum of these


class Kind(Enum):
    OBJECT = auto()
    """A JSON object: a whole answer, or an error."""
    EVENTS = auto()
    """Server-sent events, or text that is nothing else and is read like them."""
    AWS_EVENTS = auto()
    """Messages of AWS's event stream."""
    PAGE = auto()
    """HTML or XML: no answer of any provider."""


class Sniffer:
    """Read the beginning of a body in chunks of any size. At most 11 bytes are held back."""

    def __init__(self, content_type: str) -> None:
        self._is_aws = content_type == eventstream.CONTENT_TYPE
        self.kind: Kind | None = None
        """What the body is; None until enough of it has come."""
        self.pending = b""
        """The bytes that do not tell yet what the body is."""

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the blank bytes before the body's first byte, and the body from there on, b"" while `kind` is None."""
        head = self.pending + data
        start = _end_of_blank(head)
        blank, head = head[:start], head[start:]
        self.kind = _kind(head, self._is_aws)
        self.pending = b"" if self.kind else head
        return blank, head if self.kind else b""


def looks_like_object(body: bytes) -> bool:
    """Tell whether a whole body begins as a JSON object does."""
    return body.startswith(b"{") or body.startswith(b"{", _end_of_blank(body))


def looks_like_events(body: bytes) -> bool:
    """Tell whether a whole body begins as server-sent events do, with one of their fields or with a comment."""
    return not body.startswith(b"{") and _EVENTS.match(body) is not None


def _end_of_blank(data: bytes) -> int:
    found = _BLANK.match(data)
    return found.end() if found else 0


def _kind(head: bytes, is_aws: bool) -> Kind | None:
    if not head or (len(head) < len(_BOM) and _BOM.startswith(head)):
        return None
    if head[:1] == b"{":
        return Kind.OBJECT
    if is_aws:
        return Kind.AWS_EVENTS  # even if its first message is damaged
    if head[:1] == b"<":
        return Kind.PAGE
    if head[:1] != b"\x00":  # of the length, which is at most 16 MB
        return Kind.EVENTS
    if len(head) < _PRELUDE:
        return None
    is_prelude = zlib.crc32(head[:8]) == int.from_bytes(head[8:_PRELUDE])
    return Kind.AWS_EVENTS if is_prelude else Kind.EVENTS
