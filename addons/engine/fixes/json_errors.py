"""JsonErrors: answer in JSON where mitmproxy itself makes an error, such as for an upstream that it cannot reach.

mitmproxy answers in HTML there and lets no addon change it: a response set in the `error` hook is ignored.
"""

import orjson
from mitmproxy import version
from mitmproxy.http import Headers, Response
from mitmproxy.net.http import http1
from mitmproxy.proxy.layers.http import _http1, _http2

from addons.engine.replacing import Fix, Replacement
from addons.engine.touchpoints.for_fixes import JSON_ERRORS
from addons.flow.replies import JSON, error_body


def _kind(status: int) -> str:
    return {502: "upstream_unreachable", 413: "request_too_large"}.get(
        status, "api_error" if status >= 500 else "invalid_request_error"
    )


def format_error(status_code: int, message: str) -> bytes:
    what = "The provider could not be reached" if status_code == 502 else "The request could not be handled"
    return orjson.dumps(error_body(_kind(status_code), f"{what}: {message}"))


def make_error_response(status_code: int, message: str = "") -> bytes:
    headers = Headers(Server=version.MITMPROXY, Connection="close", Content_Type=JSON)
    response = Response.make(status_code, format_error(status_code, message), headers)
    assembled: bytes = http1.assemble_response(response)
    return assembled


class JsonErrors(Fix):
    name = "JSON errors"
    relies_on = JSON_ERRORS
    replacements = (
        Replacement(_http1, "make_error_response", make_error_response),
        Replacement(_http2, "format_error", format_error),
    )
