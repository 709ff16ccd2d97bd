"""Tunnels: serve HTTPS_PROXY on the gateway's port. Decrypt traffic to LLM hosts, and pass all other traffic on unread.

mitmproxy's reverse proxy takes no CONNECT. A connection that begins with one is given to its layer for forward proxies.

An LLM host is known by the name in the CONNECT, or else by the one that the client asks the server for when TLS begins
(SNI), as where the CONNECT names an address. What then comes in the tunnel is metered as that host's, whatever its
requests say in Host.
"""

import base64
import binascii
import logging

from mitmproxy import connection, http, tls
from mitmproxy.proxy import layer, layers
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.tls import parse_client_hello

from addons.callers.attribution import clean
from addons.core import Core, Tunnel
from addons.flow.clients import is_local
from addons.flow.guard import guarded
from addons.flow.replies import refuse
from addons.llm.denial import Denial
from addons.llm.hosts import Host, provider_hosts

logger = logging.getLogger(__name__)


class Tunnels:
    def __init__(self, core: Core) -> None:
        self.core = core

    def failed(self, flow: http.HTTPFlow) -> None:
        message = "ModelTrack could not open this tunnel; its log says why."
        refuse(flow, None, Denial(500, "proxy_error", message, retry_after=1))

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        context = nextlayer.context
        if tunnel := self.core.tunnels.get(context.client.id):
            if not tunnel.hosts:
                self._look_at_name(nextlayer, tunnel)
            elif nextlayer.layer and not isinstance(nextlayer.layer, _READ):
                # Nothing passes to an LLM host unread: what is not HTTP is answered as broken HTTP.
                nextlayer.layer = layers.HttpLayer(context, HTTPMode.transparent)
        elif (
            isinstance(context.layers[0], modes.ReverseProxy)
            and len(context.layers) <= 2
            and nextlayer.data_client().startswith(b"CONNECT ")
        ):
            del context.layers[1:]
            context.server = connection.Server(address=None)
            nextlayer.layer = layers.HttpLayer(context, HTTPMode.regular)

    def _look_at_name(self, nextlayer: layer.NextLayer, tunnel: Tunnel) -> None:
        """Have the tunnel read if TLS begins in it for an LLM host, or else passed on unread."""
        context = nextlayer.context
        if (name := _server_name(nextlayer.data_client())) is None:
            nextlayer.layer = None  # what has come does not tell yet
            return
        assert context.server.address
        if hosts := self._hosts(name, context.server.address[1]):
            self.core.tunnels[context.client.id] = tunnel._replace(hosts=hosts)
        elif not isinstance(nextlayer.layer, layers.TCPLayer):
            nextlayer.layer = layers.TCPLayer(context, ignore=True)

    def _hosts(self, name: str, port: int) -> tuple[Host, ...]:
        return provider_hosts(name, port, self.core.settings.endpoints) if name else ()

    @guarded
    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Open the tunnel or refuse it. Only the CONNECT has credentials; they hold for the whole connection."""
        request = flow.request
        team, app = _credentials(request.headers.get("proxy-authorization", ""))
        hosts = self._hosts(request.host, request.port)
        if not hosts and not self._may_tunnel(flow):
            allowed = self.core.settings.tunnel_other_hosts
            message = (
                f"{request.host} is no LLM provider, and TUNNEL_OTHER_HOSTS={allowed} does not let you reach others."
            )
            refuse(flow, None, Denial(403, "tunnel_refused", message))
            return
        self.core.tunnels[flow.client_conn.id] = Tunnel(hosts, team, app)

    def _may_tunnel(self, flow: http.HTTPFlow) -> bool:
        allowed = self.core.settings.tunnel_other_hosts
        return allowed == "all" or (allowed == "loopback" and is_local(flow))

    def client_disconnected(self, client: connection.Client) -> None:
        self.core.tunnels.pop(client.id, None)

    def tls_failed_client(self, data: tls.TlsData) -> None:
        if data.context.client.id in self.core.tunnels:
            logger.warning(
                "%s does not trust the certificate of %s that it was shown: give it mitmproxy's CA through"
                " SSL_CERT_FILE (Python's SDKs, curl), NODE_EXTRA_CA_CERTS (Node, Claude Code),"
                " REQUESTS_CA_BUNDLE (requests) or AWS_CA_BUNDLE (boto3); `make ca-bundle` writes the file",
                data.context.client.peername[0],
                data.context.client.sni or "a host",
            )


_READ = (layers.ServerTLSLayer, layers.ClientTLSLayer, layers.HttpLayer)
"""The layers of what is decrypted and read."""

_TLS_HANDSHAKE = b"\x16\x03"


def _server_name(data: bytes) -> str | None:
    """Return the name that a client asks for when TLS begins, "" where it asks for none, or where this is not TLS.

    Return None where more has to come.
    """
    if not data or (len(data) < len(_TLS_HANDSHAKE) and _TLS_HANDSHAKE.startswith(data)):
        return None
    if not data.startswith(_TLS_HANDSHAKE):
        return ""
    try:
        hello = parse_client_hello(data)
    except ValueError:
        return ""
    if hello is None:
        return None if len(data) < _LONGEST_HELLO else ""
    return hello.sni or ""


_LONGEST_HELLO = 2**17
"""Bytes of a TLS handshake after which no name is waited for: OpenSSL takes no longer one."""


def _credentials(header: str) -> tuple[str, str]:
    """Return team and app, which are the user name and password of the HTTPS_PROXY URL."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        team, _, app = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return clean(team), clean(app)
