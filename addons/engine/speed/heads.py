"""Ask of a head what mitmproxy asks several times for each message, in one pass over its fields.

What is unusual goes mitmproxy's own way. tests/addons/engine/speed/test_heads.py compares both.
"""

from enum import Enum, auto
from typing import Any

from mitmproxy.http import Headers, Message, Request, Response
from mitmproxy.net.http import http1, validate

from addons.engine.replacing import Replacement, SpeedUp
from addons.engine.touchpoints.for_speed import ENDS, SIZES, VALIDITY
from addons.llm.memoised import memoised

_any_size: Any = http1.expected_http_body_size
_any_close: Any = http1.connection_close
_any_validity: Any = validate.validate_headers

_BODILESS = frozenset({*range(100, 200), 204, 304})
_STAYS_OPEN = frozenset({"HTTP/1.1", b"HTTP/1.1", "HTTP/2.0", b"HTTP/2.0"})


class _Field(Enum):
    LENGTH = auto()
    ENCODING = auto()
    CONNECTION = auto()
    OTHER = auto()
    INVALID = auto()


_FRAMING = {
    b"content-length": _Field.LENGTH,
    b"transfer-encoding": _Field.ENCODING,
    b"connection": _Field.CONNECTION,
}


@memoised(512)
def _field(name: bytes) -> _Field:
    """Return what a header of this name is about."""
    if not validate._valid_header_name.match(name):
        return _Field.INVALID
    return _FRAMING.get(name.lower(), _Field.OTHER)


def _length(message: Message) -> bytes:
    """Return the one plain length that a head gives its body, b"" where there is none, or more to be looked at."""
    length = None
    for name, value in message.data.headers.fields:
        kind = _field(name)
        if kind is _Field.LENGTH and length is None:
            length = value
        elif kind is not _Field.OTHER and kind is not _Field.CONNECTION:
            return b""
    return length if length and length.isdigit() and not length.startswith(b"0") else b""


def _body_size(request: Request, response: Response | None = None) -> int | None:
    length = _length(response or request)
    if not length or (response and (response.data.status_code in _BODILESS or request.data.method != b"POST")):
        return _any_size(request, response)  # type: ignore[no-any-return]
    return int(length)


def _connection_close(http_version: str | bytes, headers: Headers) -> bool:
    for name, _ in headers.fields:
        if _field(name) is _Field.CONNECTION:
            return _any_close(http_version, headers)  # type: ignore[no-any-return]
    return http_version not in _STAYS_OPEN


def _validate_headers(message: Message) -> None:
    """Raise ValueError for a head that could be read in two ways."""
    if not _length(message):
        _any_validity(message)


def speed_ups() -> list[SpeedUp]:
    return [
        SpeedUp("sizes", SIZES, (Replacement(http1, "expected_http_body_size", _body_size),)),
        SpeedUp("ends", ENDS, (Replacement(http1, "connection_close", _connection_close),)),
        SpeedUp("validity", VALIDITY, (Replacement(validate, "validate_headers", _validate_headers),)),
    ]
