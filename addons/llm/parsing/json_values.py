"""Count the values in a JSON text before it is parsed: each takes fifty times the memory of its two bytes, and time.

The text is gone through in slices, so that a thread that does so lets the others run in between. Grammar: RFC 8259.
"""

from collections.abc import Iterator

MOST_VALUES = 1_000_000
"""Values in a body that is parsed. The longest prompt of a model, given as token ids, has that many."""
MOST_NESTED = 2**17
"""Lists and objects among them: a million of these would hold up everybody for half a second."""

_SLICE = 64 * 2**10
_COARSE_SLICE = 2**20
_OTHERS = bytes(set(range(256)) - set(b'",[{'))


def has_too_many_values(content: bytes, most: int = MOST_VALUES, most_nested: int = MOST_NESTED) -> bool:
    """Tell whether a text has more values, or lists and objects, than these, or what looks like them if it is no JSON.

    A comma or an opening bracket comes before each value but the first, and an empty list or object has a bracket, too.
    Where they are too many with those in strings, a second look leaves strings out.
    """
    if len(content) < 2 * min(most, most_nested):
        return False  # two values have something between them, and a list has two brackets
    return _is_over(_everywhere(content), most, most_nested) and _is_over(_outside_strings(content), most, most_nested)


def _is_over(counts: Iterator[tuple[int, int]], most: int, most_nested: int) -> bool:
    values, nested = 1, 0
    for others, openings in counts:
        nested += openings
        values += others + openings
        if values > most or nested > most_nested:
            return True
    return False


def _everywhere(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield for each slice how many commas and how many opening brackets it has."""
    for at in range(0, len(content), _COARSE_SLICE):
        part = content[at : at + _COARSE_SLICE]
        yield part.count(b","), part.count(b"[") + part.count(b"{")


def _outside_strings(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield the same for what is in no string; two strings, which may be names, count as one comma at least."""
    in_string = False
    at, end = 0, len(content)
    while at < end:
        part = content[at : at + _SLICE]
        if (len(part) - len(part.rstrip(b"\\"))) % 2:
            part = content[at : at + _SLICE + 1]  # so that no escape is cut
        at += len(part)
        pieces = part.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _OTHERS).split(b'"')
        outside = pieces[in_string::2]
        structure = b"".join(outside)
        commas = structure.count(b",")
        openings = len(structure) - commas
        yield max(commas, len(outside) // 2 - 1 - openings), openings
        in_string ^= len(pieces) % 2 == 0
