"""Aim a request at its provider."""

import re
from functools import lru_cache
from urllib.parse import urlsplit

from mitmproxy import http

from addons.callers.attribution import HEADER_PREFIX
from addons.llm.call import LLMCall
from addons.llm.providers import Endpoints
from addons.llm.providers.base import join

_OWN_PREFIX = HEADER_PREFIX.encode()
_PROXY_HEADERS = frozenset({b"proxy-authorization", b"proxy-connection"})
_SIGNED_HEADERS = re.compile(rb"SignedHeaders=([^, ]+)")  # of SigV4's Authorization
_DEFAULT_PORTS = {"http": 80, "https": 443}


def aim(flow: http.HTTPFlow, call: LLMCall, endpoints: Endpoints) -> None:
    """At where the call goes now; again after its model has changed. Raises NotConfigured."""
    query = flow.request.path.partition("?")[2]
    if call.base_url:
        send_to(flow, join(call.base_url, call.route.path, query), keep=call.fixed == "signed_request")
    else:
        send_to(flow, call.provider.url(endpoints, call.route.path, query, call.model))


def send_to(flow: http.HTTPFlow, url: str, keep: bool = False) -> None:
    """Without what is none of the provider's business; `keep` what the request's signature covers."""
    scheme, host, port, authority, path = _parts(url)
    request = flow.request
    signed = _signed_headers(request) if keep else frozenset()
    keeps_host = b"host" in signed and request.headers.get("Host", "").lower() == f"{host}:{port}"
    fields = [
        field
        for field in request.headers.fields
        if (name := field[0].lower()) not in _PROXY_HEADERS
        and (name in signed or not name.startswith(_OWN_PREFIX))
        and (keeps_host or name != b"host")
    ]
    if not keeps_host:
        fields.insert(0, (b"Host", authority))
    request.headers.fields = tuple(fields)
    request.data.scheme, request.data.host, request.data.port, request.data.path = scheme, host, port, path
    # Of a request line with a whole URL, as clients of a proxy write it: upstream it would take the place of Host.
    request.data.authority = b""


def _signed_headers(request: http.Request) -> frozenset[bytes]:
    """In lower case."""
    match = _SIGNED_HEADERS.search(request.headers.get("authorization", "").encode(errors="surrogateescape"))
    return frozenset(match[1].lower().split(b";")) if match else frozenset()


@lru_cache(maxsize=256)
def _parts(url: str) -> tuple[bytes, str, int, bytes, bytes]:
    """Scheme, host, port, value of the Host header, path with query."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    default = _DEFAULT_PORTS[parts.scheme]
    port = parts.port or default
    authority = f"[{host}]" if ":" in host else host
    if port != default:
        authority += f":{port}"
    path = "/" + url[len(parts.scheme) + 3 :].partition("/")[2]
    return parts.scheme.encode(), host, port, authority.encode(), path.encode("utf-8", "surrogateescape")
