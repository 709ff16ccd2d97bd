"""Aim a request at its provider."""

import re
from urllib.parse import urlsplit

from mitmproxy import http

from addons.callers.withheld import FOR_PROXIES, Withheld
from addons.llm.call import LLMCall
from addons.llm.memoised import memoised
from addons.llm.providers import Endpoints
from addons.llm.providers.base import join

_SIGNED_HEADERS = re.compile(rb"SignedHeaders=([^, ]+)")  # in SigV4's Authorization header
_DEFAULT_PORTS = {"http": 80, "https": 443}


def aim(flow: http.HTTPFlow, call: LLMCall, endpoints: Endpoints, withheld: Withheld) -> None:
    """Aim a call's request at its provider; do so again after its model has changed. Raises NotConfigured."""
    query = flow.request.path.partition("?")[2]
    if call.base_url:
        send_to(flow, join(call.base_url, call.route.path, query), withheld, keep=call.fixed == "signed_request")
    else:
        send_to(flow, call.provider.url(endpoints, call.route.path, query, call.model), withheld)


def send_to(flow: http.HTTPFlow, url: str, withheld: Withheld, keep: bool = False) -> None:
    """Set the request's URL, and drop the headers that are withheld; `keep` spares those that its signature covers."""
    scheme, host, port, authority, path = _parts(url)
    request = flow.request
    signed = _signed_headers(request) if keep else frozenset()
    names, prefixes, spared = withheld.names, withheld.prefixes, withheld.passed_on
    if signed:
        names, spared = names - signed, spared | signed
    keeps_host = b"host" in signed and request.headers.get("Host", "").lower() == f"{host}:{port}"
    fields = [
        field
        for field in request.headers.fields
        if (name := field[0].lower()) not in names
        and (not name.startswith(prefixes) or name in spared)
        and (keeps_host or name != b"host")
    ]
    if not keeps_host:
        fields.insert(0, (b"Host", authority))
    request.headers.fields = tuple(fields)
    request.data.scheme, request.data.host, request.data.port, request.data.path = scheme, host, port, path
    # Clients of a proxy write a whole URL in the request line. Its authority would replace Host upstream.
    request.data.authority = b""


def _signed_headers(request: http.Request) -> frozenset[bytes]:
    """Return the names of the headers that the SigV4 signature covers, in lower case."""
    match = _SIGNED_HEADERS.search(request.headers.get("authorization", "").encode(errors="surrogateescape"))
    return frozenset(match[1].lower().split(b";")) - FOR_PROXIES if match else frozenset()


@memoised(256)
def _parts(url: str) -> tuple[bytes, str, int, bytes, bytes]:
    """Return scheme, host, port, value of the Host header, and path with query."""
    scheme, _, rest = url.partition("://")
    # Without the path, since urlsplit remembers what it has split, however long it is.
    parts = urlsplit(f"{scheme}://{rest.partition('/')[0]}")
    host = parts.hostname or ""
    default = _DEFAULT_PORTS[parts.scheme]
    port = parts.port or default
    authority = f"[{host}]" if ":" in host else host
    if port != default:
        authority += f":{port}"
    path = "/" + rest.partition("/")[2]
    return parts.scheme.encode(), host, port, authority.encode(), path.encode("utf-8", "surrogateescape")
