from pathlib import Path

import pytest
from mitmproxy import connection, options
from mitmproxy.proxy import context, events, layer, layers
from mitmproxy.test import tflow

from addons.callers.presented import NOTHING, Presented
from addons.core import Core, Tunnel
from addons.llm.hosts import provider_hosts
from addons.tunnels import Tunnels

from .cores import settings


@pytest.mark.parametrize(
    ("allowed", "address", "lets_through"),
    [
        ("loopback", "127.0.0.1", True),
        ("loopback", "127.8.8.8", True),
        ("loopback", "::1", True),
        ("loopback", "::ffff:127.0.0.1", True),
        ("loopback", "10.0.0.5", False),
        ("loopback", "::ffff:10.0.0.5", False),
        ("loopback", "fe80::1%eth0", False),
        ("loopback", "odd", False),
        ("all", "10.0.0.5", True),
        ("none", "127.0.0.1", False),
    ],
)
def test_who_may_reach_hosts_that_are_no_llm_providers(
    allowed: str, address: str, lets_through: bool, tmp_path: Path
) -> None:
    core = Core()
    core.settings = settings(tmp_path, tunnel_other_hosts=allowed)
    flow = tflow.tflow()
    flow.request.host, flow.client_conn.peername = "example.com", (address, 1234)
    Tunnels(core).http_connect(flow)
    assert (flow.client_conn.id in core.tunnels) is lets_through
    assert (flow.response is None) is lets_through
    if flow.response:
        assert flow.response.status_code == 403


def test_a_provider_may_be_reached_from_anywhere_and_is_forgotten_with_its_connection(tmp_path: Path) -> None:
    core = Core()
    core.settings = settings(tmp_path, tunnel_other_hosts="none")
    flow = tflow.tflow()
    flow.request.host, flow.client_conn.peername = "api.openai.com", ("10.0.0.5", 1234)
    flow.request.headers["Proxy-Authorization"] = "Basic dGVhbTphcHA6MQ=="
    tunnels = Tunnels(core)
    tunnels.http_connect(flow)
    assert core.tunnels[flow.client_conn.id].opened == Presented(None, "team", "app:1")
    tunnels.client_disconnected(flow.client_conn)
    assert core.tunnels == {}


@pytest.mark.parametrize("header", ["", "Basic", "Basic !", "Bearer dGVhbTphcHA=", "Basic //4="])
def test_credentials_that_are_none_name_nobody(header: str, tmp_path: Path) -> None:
    core = Core()
    core.settings = settings(tmp_path)
    flow = tflow.tflow()
    flow.request.host = "api.openai.com"
    flow.request.headers["Proxy-Authorization"] = header
    Tunnels(core).http_connect(flow)
    assert core.tunnels[flow.client_conn.id].opened == NOTHING


@pytest.mark.parametrize(
    ("host", "data", "is_decrypted", "kind"),
    [
        ("api.openai.com", b"\x16", False, layers.ServerTLSLayer),
        ("api.openai.com", b"\x16\x03\x01\x00", False, layers.ServerTLSLayer),
        ("api.openai.com", b"P", False, layers.HttpLayer),
        ("api.openai.com", b"\x00\x01\x02", False, layers.HttpLayer),
        ("api.openai.com", b"SSH-2.0", False, layers.HttpLayer),
        ("api.openai.com", b"P", True, layers.HttpLayer),
        ("api.openai.com", b"\x16\x03\x01", True, layers.HttpLayer),
        ("1.2.3.4", b"\x16", False, layers.ServerTLSLayer),
        ("1.2.3.4", b"P", False, layers.TCPLayer),
        ("1.2.3.4", b"POST / HTTP/1.1", False, layers.TCPLayer),
    ],
)
def test_the_first_byte_in_a_tunnel_decides_what_it_goes_on_as(
    tmp_path: Path, host: str, data: bytes, is_decrypted: bool, kind: type[layer.Layer]
) -> None:
    """mitmproxy's own decision would take one byte for TCP, and so pass on unread whatever comes after it."""
    core = Core()
    core.settings = settings(tmp_path)
    client = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2))
    made = context.Context(client, options.Options())
    if is_decrypted:
        layers.ServerTLSLayer(made)
        layers.ClientTLSLayer(made)
    core.tunnels[client.id] = Tunnel(provider_hosts(host, 443, core.settings.endpoints), NOTHING)
    nextlayer = layer.NextLayer(made)
    nextlayer.events.append(events.DataReceived(client, data))
    Tunnels(core).next_layer(nextlayer)
    assert type(nextlayer.layer) is kind
