"""Tunnels: serve HTTPS_PROXY on the gateway's port. Decrypt traffic to LLM hosts, and pass all other traffic on unread.

mitmproxy's reverse proxy takes no CONNECT. A connection that begins with one is given to its layer for forward proxies.

An LLM host is known by the name in the CONNECT, or else by the one that the client asks the server for when TLS begins
(SNI), as where the CONNECT names an address. What then comes in the tunnel is metered as that host's, whatever its
requests say in Host.
"""

import logging

from mitmproxy import connection, http, tls
from mitmproxy.proxy import layer, layers
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import HTTPMode

from addons.callers.presented import of_proxy
from addons.core import Core, Tunnel
from addons.flow.clients import is_local
from addons.flow.guard import guarded
from addons.flow.replies import refuse
from addons.llm.denial import Denial
from addons.llm.hosts import Host, provider_hosts

logger = logging.getLogger(__name__)

_NO_KEY = Denial(
    407,
    "authentication_error",
    "The password of the HTTPS_PROXY URL is a ModelTrack key that is unknown, disabled, or past its end.",
)


class Tunnels:
    def __init__(self, core: Core) -> None:
        self.core = core

    def failed(self, flow: http.HTTPFlow) -> None:
        message = "ModelTrack could not open this tunnel; its log says why."
        refuse(flow, None, Denial(500, "proxy_error", message, retry_after=1))

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Decide what a connection goes on as; for tunnels, mitmproxy would take its first bytes for what they are not.

        A tunnel in which TLS begins goes on as such until its ClientHello tells the host: see `tls_clienthello`.
        """
        context = nextlayer.context
        if tunnel := self.core.tunnels.get(context.client.id):
            is_decrypted = any(isinstance(each, layers.ClientTLSLayer) for each in context.layers)
            if not is_decrypted and nextlayer.data_client().startswith(_TLS_HANDSHAKE):
                nextlayer.layer = layers.ServerTLSLayer(context)
                nextlayer.layer.child_layer = layers.ClientTLSLayer(context)
            elif tunnel.hosts:  # nothing passes to an LLM host unread: what is not HTTP is answered as broken HTTP
                nextlayer.layer = layers.HttpLayer(context, HTTPMode.transparent)
            else:
                nextlayer.layer = layers.TCPLayer(context, ignore=True)
        elif (
            isinstance(context.layers[0], modes.ReverseProxy)
            and len(context.layers) <= 2
            and nextlayer.data_client().startswith(b"CONNECT ")
        ):
            del context.layers[1:]
            context.server = connection.Server(address=None)
            nextlayer.layer = layers.HttpLayer(context, HTTPMode.regular)

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """Have a tunnel to another host read if the client asks for an LLM host in it, else passed on unread."""
        client, server = data.context.client, data.context.server
        tunnel = self.core.tunnels.get(client.id)
        if tunnel is None or tunnel.hosts:
            return
        name = data.client_hello.sni or ""
        if hosts := self._hosts(name, server.address[1] if server.address else 443):
            self.core.tunnels[client.id] = tunnel._replace(hosts=hosts)
        else:
            data.ignore_connection = True

    def _hosts(self, name: str, port: int) -> tuple[Host, ...]:
        return provider_hosts(name, port, self.core.settings.endpoints)

    @guarded
    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Open the tunnel or refuse it. Only the CONNECT has credentials; they hold for the whole connection."""
        request = flow.request
        opened = of_proxy(request.headers.pop("proxy-authorization", ""))
        if opened.digest and not self.core.keys.value.find(opened.digest, self.core.now()):
            self.core.counts.unknown_callers += 1
            refuse(flow, None, _NO_KEY)
            return
        hosts = self._hosts(request.host, request.port)
        if not hosts and not self._may_tunnel(flow):
            allowed = self.core.settings.tunnel_other_hosts
            message = f"This host is no LLM provider's, and TUNNEL_OTHER_HOSTS={allowed} does not let you reach others."
            refuse(flow, None, Denial(403, "tunnel_refused", message))
            return
        self.core.tunnels[flow.client_conn.id] = Tunnel(hosts, opened)
        self.core.remember_opened(flow.client_conn.id, opened.digest)

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


_TLS_HANDSHAKE = b"\x16"
"""The first byte of TLS. More must not be waited for: a client decides how its bytes come in pieces."""
