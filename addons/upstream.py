"""Aim a request at its provider."""

from functools import lru_cache
from urllib.parse import urlsplit

from mitmproxy import http

from addons.llm.attribution import HEADER_PREFIX
from addons.llm.call import LLMCall
from addons.llm.providers import Endpoints
from addons.llm.providers.base import join

_OWN_PREFIX = HEADER_PREFIX.encode()
_PROXY_HEADERS = frozenset({b"proxy-authorization", b"proxy-connection"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


def aim(flow: http.HTTPFlow, call: LLMCall, endpoints: Endpoints) -> None:
    """At where the call goes now; again after its model has changed. Raises NotConfigured."""
    query = flow.request.path.partition("?")[2]
    if call.base_url:
        send_to(flow, join(call.base_url, call.route.path, query), keep=call.fixed == "signed_request")
    else:
        send_to(flow, call.provider.url(endpoints, call.route.path, query, call.model))


def send_to(flow: http.HTTPFlow, url: str, keep: bool = False) -> None:
    """Without what is none of the provider's business, unless its signature says to keep it."""
    scheme, host, port, authority, path = _parts(url)
    request = flow.request
    request.headers.fields = tuple(
        field
        for field in request.headers.fields
        if (name := field[0].lower()) not in _PROXY_HEADERS and (keep or not name.startswith(_OWN_PREFIX))
    )
    request.data.authority = b""  # of a request that named the proxy in full, `POST http://localhost:8080/…`
    request.data.scheme, request.data.host, request.data.port, request.data.path = scheme, host, port, path
    request.headers["Host"] = authority


@lru_cache(maxsize=256)
def _parts(url: str) -> tuple[bytes, str, int, str, bytes]:
    """Scheme, host, port, value of the Host header, path with query."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    default = _DEFAULT_PORTS[parts.scheme]
    port = parts.port or default
    authority = f"[{host}]" if ":" in host else host
    if port != default:
        authority += f":{port}"
    path = "/" + url[len(parts.scheme) + 3 :].partition("/")[2]
    return parts.scheme.encode(), host, port, authority, path.encode("utf-8", "surrogateescape")
