"""Change one top-level member of a JSON object in its bytes, leaving every other byte as it was.

A rule may change the `model` of a request whose body is otherwise to go on as the client wrote it: white space, escapes
and numbers would not survive a parse and a dump, which also cost more. Grammar: RFC 8259.

The body is one that has been parsed. ValueError means that it is not an object, or that its outline (top-level members,
ends of strings and brackets) is broken; what is inside values is not checked.
"""

import json
import re

_WS = rb"[ \t\n\r]*+"
# A quote after exactly one or three backslashes is escaped, after none it ends the string. Nearly all strings are read
# by that, at the speed of a search for quotes; the second half is the grammar, for the rest.
_STRING = rb'"(?:[^"]*+(?:(?:(?<=[^\\]\\)|(?<=[^\\]\\\\\\))"[^"]*+)*+(?<!\\)"|(?:[^"\\]++|\\.)*+")'
_OPEN = re.compile(rb'%b\{%b(?:(\})|(?="))' % (_WS, _WS))
_MEMBER = re.compile(rb"(%b)%b:%b(%b|[-+.\w]++|(?=[\[{]))" % (_STRING, _WS, _WS, _STRING))
_NEXT = re.compile(rb"%b(?:(\})|,%b)" % (_WS, _WS))
_END = re.compile(rb"%b\Z" % _WS)
# Matches anywhere, so that finditer leaves nothing out.
_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|%b)*+(?:([\[{])|([\]}])|)' % _STRING)
_BACKSLASH = ord("\\")


def member_spans(body: bytes, key: str) -> list[tuple[int, int]]:
    """Start and end of the value of every top-level member with this key, however its escapes are written."""
    wanted = key.encode(errors="surrogatepass")
    spans = []
    step = _OPEN.match(body)
    while step and not step[1]:
        member = _MEMBER.match(body, step.end())
        if not member:
            raise ValueError(f"JSON member expected at byte {step.end()}")
        start, end = member.span(2)
        if start == end:
            end = _end_of_nested(body, start)
        name = member[1]
        if (json.loads(name) == key) if _BACKSLASH in name else (name[1:-1] == wanted):
            spans.append((start, end))
        step = _NEXT.match(body, end)
    if not step or not _END.match(body, step.end()):
        raise ValueError("not a JSON object")
    return spans


def replace_member(body: bytes, key: str, value: bytes) -> bytes:
    """`value`, JSON, in place of each value that the member has. KeyError if there is none."""
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
    """The object with a member put first, `value` being JSON. Parsers take a later member of the same key instead."""
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
