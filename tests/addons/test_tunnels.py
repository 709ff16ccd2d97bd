from pathlib import Path

import pytest
from mitmproxy.test import tflow

from addons.core import Core
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
    assert core.tunnels[flow.client_conn.id][1:] == ("team", "app:1")
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
    assert core.tunnels[flow.client_conn.id][1:] == ("", "")
