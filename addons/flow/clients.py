"""Tell where a client is."""

from mitmproxy import http

from addons.callers.addresses import is_loopback


def is_local(flow: http.HTTPFlow) -> bool:
    """Tell whether the client is on this machine."""
    return flow.client_conn.peername is not None and is_loopback(flow.client_conn.peername[0])
