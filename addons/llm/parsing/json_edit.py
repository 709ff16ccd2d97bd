"""Read or change top-level members of a JSON object in its bytes, and leave every other byte as it was.

A model rule may change the `model` of a request. The rest of the body is sent as the client wrote it: a parse and a
dump would change white space, escapes and numbers, and would cost more. Grammar: RFC 8259.

The body must have been parsed before. The functions raise ValueError where it is not an object, or where its outline
(top-level members, ends of strings and brackets) is broken. They do not check what is inside of values.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

_WS = rb"[ \t\n\r]*+"
# A quote after exactly one or three backslashes is escaped; a quote after none ends the string. The first half of the
# pattern reads nearly all strings in this way, as fast as a search for quotes. The second half is the full grammar, for
# the rest.
_STRING = rb'"(?:[^"]*+(?:(?:(?<=[^\\]\\)|(?<=[^\\]\\\\\\))"[^"]*+)*+(?<!\\)"|(?:[^"\\]++|\\.)*+")'
_OPEN = re.compile(rb'%b\{%b(?:(\})|(?="))' % (_WS, _WS))
_MEMBER = re.compile(rb"(%b)%b:%b(%b|[-+.\w]++|(?=[\[{]))" % (_STRING, _WS, _WS, _STRING))
_NEXT = re.compile(rb"%b(?:(\})|,%b)" % (_WS, _WS))
_END = re.compile(rb"%b\Z" % _WS)
# Matches at every position, so that finditer skips nothing.
_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|%b)*+(?:([\[{])|([\]}])|)' % _STRING)
_BACKSLASH = ord("\\")


def member_spans(body: bytes, key: str) -> list[tuple[int, int]]:
    """Return start and end of the value of each top-level member with this key, however the key is escaped.

    Raises ValueError where the body is not a JSON object.
    """
    wanted = key.encode(errors="surrogatepass")
    return [
        (start, end)
        for name, start, end in _members(body)
        if ((json.loads(name) == key) if _BACKSLASH in name else (name[1:-1] == wanted))
    ]


def outline(body: bytes, most: int) -> dict[str, Any]:
    """Parse an object, but for the values of its members that are longer than `most` bytes: these are True.

    Raises ValueError where the body is not a JSON object.
    """
    return {
        json.loads(name): json.loads(body[start:end]) if end - start <= most else True
        for name, start, end in _members(body)
    }


def _members(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each top-level member as it is written, and start and end of its value."""
    step = _OPEN.match(body)
    while step and not step[1]:
        member = _MEMBER.match(body, step.end())
        if not member:
            raise ValueError(f"JSON member expected at byte {step.end()}")
        start, end = member.span(2)
        if start == end:
            end = _end_of_nested(body, start)
        yield member[1], start, end
        step = _NEXT.match(body, end)
    if not step or not _END.match(body, step.end()):
        raise ValueError("not a JSON object")


def replace_member(body: bytes, key: str, value: bytes) -> bytes:
    """Return the body with `value`, which is JSON, in place of each value of the member.

    Raises KeyError where there is no such member, and ValueError where the body is not a JSON object.
    """
    spans = member_spans(body, key)
    if not spans:
        raise KeyError(key)
    parts = []
    at = 0
    for start, end in spans:
        parts += [body[at:start], value]
        at = end
    return b"".join([*parts, body[at:]])


def insert_member(body: bytes, key: str, value: bytes) -> bytes:
    """Return the body with a new first member; `value` is JSON. Of two members with one key, parsers use the later.

    Raises ValueError where the body is not a JSON object.
    """
    opening = _OPEN.match(body)
    if not opening:
        raise ValueError("not a JSON object")
    at = body.index(b"{") + 1
    return b"".join([body[:at], json.dumps(key).encode(), b":", value, b"" if opening[1] else b",", body[at:]])


def _end_of_nested(body: bytes, start: int) -> int:
    depth = 1
    for match in _BRACKET.finditer(body, start + 1):
        if match.lastindex == 1:
            depth += 1
        elif match.lastindex == 2:
            depth -= 1
            if not depth:
                return match.end()
        else:
            break
    raise ValueError(f"JSON value at byte {start} does not end")
