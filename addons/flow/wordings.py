"""Know mitmproxy's error messages: whose fault each is, what an event calls it, and what a client is told.

The messages are the only way to tell one end of a call from another. None is passed on as it is, because some quote
what the client or the provider has sent.
"""

import re
from typing import NamedTuple

CLIENT_DISCONNECTED = "client_disconnected"
UPSTREAM_DISCONNECTED = "upstream_disconnected"
UPSTREAM_UNREACHABLE = "upstream_unreachable"
UPSTREAM_PROTOCOL_ERROR = "upstream_protocol_error"
REQUEST_TOO_LARGE = "request_too_large"
INVALID_REQUEST = "invalid_request_error"
KILLED = "killed"
PROXY_STOPPED = "proxy_stopped"

UNANSWERED = frozenset({CLIENT_DISCONNECTED, KILLED, PROXY_STOPPED})
"""The errors of calls whose client got no answer, or only a part of one."""

ANSWERS_HEAD = "the head of the provider's answer"
ANSWERS_BODY = "the body of the provider's answer"
REQUESTS_BODY = "the body of the request"
"""The messages of this project's own fixes begin with these; they quote nothing, and are passed on."""


class Wording(NamedTuple):
    label: str
    """The `error` of an event, and the type of the error that the client gets."""
    text: str
    """What the client is told; "" for the message itself."""


_WORDINGS: tuple[tuple[re.Pattern[str], Wording], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), Wording(label, text))
    for pattern, label, text in (
        # The one for a client that leaves while the provider is still being connected to has no capital.
        ("client disconnected", CLIENT_DISCONNECTED, "The client has left."),
        ("request body exceeds ", REQUEST_TOO_LARGE, "The request's body is too large."),
        ("(connection )?killed", KILLED, "A script of this proxy has ended the call."),
        (REQUESTS_BODY, INVALID_REQUEST, ""),
        ("received .* from client", INVALID_REQUEST, "The request's headers can be read in two ways."),
        ("http request has no host header", INVALID_REQUEST, "The request has no Host header."),
        (f"{ANSWERS_BODY} broke off", UPSTREAM_DISCONNECTED, ""),
        (f"{ANSWERS_HEAD} broke off", UPSTREAM_DISCONNECTED, ""),
        ("server closed connection", UPSTREAM_DISCONNECTED, "The provider closed the connection before it answered."),
        (f"{ANSWERS_HEAD}|{ANSWERS_BODY}", UPSTREAM_PROTOCOL_ERROR, ""),
        ("received .* from server", UPSTREAM_PROTOCOL_ERROR, "The answer's headers can be read in two ways."),
        ("response body exceeds ", UPSTREAM_PROTOCOL_ERROR, "The provider's answer is too large."),
        (
            "tls |certificate |the remote server does not speak tls",
            UPSTREAM_UNREACHABLE,
            "The provider could not be reached: no TLS connection to it could be made. The proxy's log says why.",
        ),
    )
)
_OUR_STATUSES = (408, 503)
"""mitmproxy itself sends none of these, so their messages are this project's."""

_SYSTEMS = re.compile(r"\[Errno -?\d+\] ([A-Za-z ,]{1,80})")
"""A message of the operating system's, such as `[Errno 111] Connect call failed ('10.0.0.1', 443)`."""


def worded(message: str) -> Wording | None:
    """Return what is known of a message; None for one of the operating system's, or of a script's."""
    return next((wording for pattern, wording in _WORDINGS if pattern.match(message)), None)


def text_for_client(status: int, message: str) -> tuple[str, str]:
    """Return the type and the text of the error that a client gets in place of a message."""
    if found := worded(message):
        return found.label, found.text or f"{message[:1].upper()}{message[1:]}."
    if status == 502:
        said = _SYSTEMS.match(message)
        why = f": {said[1].strip()}" if said else ""
        return UPSTREAM_UNREACHABLE, f"The provider could not be reached{why}."
    kind = "api_error" if status >= 500 else REQUEST_TOO_LARGE if status == 413 else INVALID_REQUEST
    why = f": {message}" if status in _OUR_STATUSES else ""
    return kind, f"The request could not be handled{why}."


def label_for_event(message: str, was_sent: bool, is_connected: bool) -> str:
    """Return the `error` of an event whose call mitmproxy has ended.

    `was_sent` tells whether the request was whole, `is_connected` whether the provider was reached: an unknown message
    is about the provider only where both are so.
    """
    if found := worded(message):
        return found.label
    if not was_sent:  # a request that broke off in its body was ended by the client, however mitmproxy words it
        return CLIENT_DISCONNECTED
    return UPSTREAM_DISCONNECTED if is_connected else UPSTREAM_UNREACHABLE
