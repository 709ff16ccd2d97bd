"""Take the middle out of long strings in a JSON text, such as files in base64, before the text is parsed.

To parse a string of 64 MB takes a tenth of a second in which nobody else is served, and its memory twice over. What is
needed of it is its length, and whether another is the same. So a mark stands in for the middle, which says its length
and its SHA-256. The text is gone through in slices, between which a thread lets others run.
"""

import hashlib
import re
from collections.abc import Iterator

SHORT = 4 * 2**20
"""A text of up to this many bytes stays as it is: it is parsed in a few milliseconds."""

_SLICE = 64 * 2**10
LONG = _SLICE
"""Bytes of a text that may have something left out: as many are left of it at least."""
_BEGIN = "\x7f"
"""Begins a mark. It is hardly ever in a text, so that it is soon seen that there is no mark."""
_MARK = re.compile(rf"{_BEGIN}\[(\d{{1,9}}) bytes left out, SHA-256 [0-9a-f]{{64}}\]")
# No escape, and no character, reaches beyond the end of this: a pair of surrogates takes twelve bytes. The byte after
# it has to be seen, so one at the end of where it is looked for does not count.
_SAFE = re.compile(rb'[^\\"]{12}(?=[^\x80-\xbf])')


def shortened(content: bytes) -> bytes:
    """Return the text with short strings only; the same object where it has none that is long."""
    if len(content) <= SHORT:
        return content
    parts: list[bytes] = []
    done = 0
    for start, end in _inner(content):
        first = _SAFE.search(content, start, start + _SLICE)
        last = _SAFE.search(content, end - _SLICE, end)
        if first and last and first.end() < last.end():
            at, stop = first.end(), last.end()
            digest = hashlib.sha256(memoryview(content)[at:stop]).hexdigest()
            parts += [content[done:at], f"{_BEGIN}[{stop - at} bytes left out, SHA-256 {digest}]".encode()]
            done = stop
    return b"".join([*parts, content[done:]]) if parts else content


def left_out(text: str) -> int:
    """Return how many bytes were taken out of a string."""
    if len(text) < LONG or _BEGIN not in text:
        return 0
    return sum(int(size) for size in _MARK.findall(text))


def _inner(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of runs of slices that are within one string."""
    in_string, at, begun = False, 0, -1
    while at < len(content):
        part = content[at : at + _SLICE]
        if (len(part) - len(part.rstrip(b"\\"))) % 2:
            part = content[at : at + _SLICE + 1]  # so that no escape is cut
        quotes = part.count(b'"')
        if quotes:
            quotes = part.replace(b"\\\\", b"").replace(b'\\"', b"").count(b'"')
        if not in_string or quotes:
            if at - begun > 2 * _SLICE and begun >= 0:
                yield begun, at
            begun = -1
        elif begun < 0:
            begun = at
        in_string ^= quotes % 2 == 1
        at += len(part)
