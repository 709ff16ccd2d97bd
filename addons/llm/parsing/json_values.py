"""Count the values in a JSON text before it is parsed: each takes fifty times the memory of its two bytes.

The text is gone through in slices, so that a thread that does so lets the others run in between. Grammar: RFC 8259.
"""

from collections.abc import Iterator

MOST_VALUES = 1_000_000
"""Values in a body that is parsed. The longest prompt of a model, given as token ids, has that many."""

_SLICE = 64 * 2**10
_COARSE_SLICE = 2**20
_OTHERS = bytes(set(range(256)) - set(b'",[{'))


def has_too_many_values(content: bytes, most: int = MOST_VALUES) -> bool:
    """Tell whether a text has more values than `most`, or, where it is no JSON, more of what looks like them.

    A comma or an opening bracket comes before each value but the first, and an empty list or object has a bracket, too.
    Where they are too many with those in strings, a second look leaves strings out.
    """
    if len(content) < 2 * most:
        return False  # two values have something between them
    return _is_over(_everywhere(content), most) and _is_over(_outside_strings(content), most)


def _is_over(counts: Iterator[int], most: int) -> bool:
    total = 1
    for count in counts:
        total += count
        if total > most:
            return True
    return False


def _everywhere(content: bytes) -> Iterator[int]:
    for at in range(0, len(content), _COARSE_SLICE):
        part = content[at : at + _COARSE_SLICE]
        yield sum(map(part.count, (b",", b"[", b"{")))


def _outside_strings(content: bytes) -> Iterator[int]:
    """Yield for each slice how many values begin in it; two strings, which may be names, count as one at least."""
    in_string = False
    at, end = 0, len(content)
    while at < end:
        part = content[at : at + _SLICE]
        if (len(part) - len(part.rstrip(b"\\"))) % 2:
            part = content[at : at + _SLICE + 1]  # so that no escape is cut
        at += len(part)
        pieces = part.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _OTHERS).split(b'"')
        outside = pieces[in_string::2]
        yield max(sum(map(len, outside)), len(outside) // 2 - 1)
        in_string ^= len(pieces) % 2 == 0
