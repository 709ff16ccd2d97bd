"""JsonErrors: answer in JSON where mitmproxy itself makes an error, such as for an upstream that it cannot reach.

mitmproxy answers in HTML there and lets no addon change it: a response set in the `error` hook is ignored. Its messages
may quote a head with its credentials, so the client gets words of this project's instead.
"""

from typing import Any

import orjson
from mitmproxy import version
from mitmproxy.http import Headers, Response
from mitmproxy.net.http import http1
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers.http import _http1, _http2
from mitmproxy.proxy.layers.tls import ServerTLSLayer
from mitmproxy.proxy.tunnel import TunnelLayer

from addons.engine.replacing import Fix, Replacement
from addons.engine.touchpoints.for_fixes import JSON_ERRORS
from addons.flow.replies import JSON
from addons.flow.wordings import text_for_client
from addons.llm.call import CALL_HEADER
from addons.llm.denial import Denial

_handshake_finished: Any = TunnelLayer._handshake_finished


class OfCall(str):
    """A message of mitmproxy's that knows the id of the call which it ends: see addons/engine/fixes/named_errors.py."""

    call_id = ""


def _body(status_code: int, kind: str, text: str) -> bytes:
    return orjson.dumps(Denial(status_code, kind, text).body_for_any())


def format_error(status_code: int, message: str) -> bytes:
    return _body(status_code, *text_for_client(status_code, message))


def assembled(status_code: int, kind: str, text: str, call_id: str = "") -> bytes:
    """Return an answer that ends the connection, as it is sent."""
    headers = Headers(Server=version.MITMPROXY, Connection="close", Content_Type=JSON)
    if call_id:
        headers[CALL_HEADER] = call_id
    response = Response.make(status_code, _body(status_code, kind, text), headers)
    found: bytes = http1.assemble_response(response)
    return found


def make_error_response(status_code: int, message: str = "") -> bytes:
    return assembled(status_code, *text_for_client(status_code, message), getattr(message, "call_id", ""))


def handshake_finished(tls: Any, err: str | None) -> layer.CommandGenerator[None]:
    """Say of an error that it is one of TLS: mitmproxy words it as OpenSSL does, or as the end of a connection."""
    yield from _handshake_finished(tls, err and f"TLS handshake failed: {err}")


_tls: Any = ServerTLSLayer


class JsonErrors(Fix):
    name = "JSON errors"
    relies_on = JSON_ERRORS
    replacements = (
        Replacement(_http1, "make_error_response", make_error_response),
        Replacement(_http2, "format_error", format_error),
        Replacement(_tls, "_handshake_finished", handshake_finished),
    )
