"""Tell where a client is."""

import ipaddress

from mitmproxy import http


def is_local(flow: http.HTTPFlow) -> bool:
    """Tell whether the client is on this machine."""
    return flow.client_conn.peername is not None and is_loopback(flow.client_conn.peername[0])


def is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
