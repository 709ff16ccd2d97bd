"""What is kept of connections to providers, and their sockets."""

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

from mitmproxy.connection import Client, ConnectionState, Server
from mitmproxy.options import Options
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import GetHttpConnection, HttpLayer, HTTPMode
from mitmproxy.test import taddons

from addons.core import Core
from addons.engine.fixes.upstreams import Upstreams, get_connection


def layer() -> HttpLayer:
    client = Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), state=ConnectionState.OPEN)
    made = HttpLayer(Context(client, Options()), HTTPMode.transparent)
    made.connections[client] = made
    return made


def server(state: ConnectionState) -> Server:
    found = Server(address=("127.0.0.1", 3))
    found.state = state
    return found


def wanted() -> GetHttpConnection:
    return GetHttpConnection(("127.0.0.1", 4), False, None, "tcp")


def test_closed_connections_are_forgotten_but_for_the_last_ones_and_open_ones_stay() -> None:
    http = layer()
    open_one = server(ConnectionState.OPEN)
    closed = [server(ConnectionState.CLOSED) for _ in range(1000)]
    for each in (open_one, *closed):
        http.connections[each] = http
    for _ in get_connection(http, wanted()):
        pass
    assert list(http.connections)[:2] == [http.context.client, open_one]
    assert list(http.connections)[2:10] == closed[-8:] and len(http.connections) == 11


def test_one_that_is_being_opened_is_not_forgotten() -> None:
    http = layer()
    opening = server(ConnectionState.CLOSED)
    for each in (opening, *(server(ConnectionState.CLOSED) for _ in range(20))):
        http.connections[each] = http
    http.waiting_for_establishment[opening].append(wanted())
    for _ in get_connection(http, wanted()):
        pass
    assert opening in http.connections


def test_a_socket_to_a_provider_has_keep_alive() -> None:
    async def run() -> list[int]:
        listening = socket.create_server(("127.0.0.1", 0))
        _, writer = await asyncio.open_connection(*listening.getsockname())
        data: Any = SimpleNamespace(client=SimpleNamespace(id="c"), server=Server(address=listening.getsockname()))
        handler = SimpleNamespace(transports={data.server: SimpleNamespace(writer=writer)})
        core = Core()
        with taddons.context() as context:
            context.master.addons.lookup["proxyserver"] = SimpleNamespace(connections={"c": handler})
            Upstreams(core).server_connected(data)
        found = writer.get_extra_info("socket")
        options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE), (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)]
        values = [found.getsockopt(*option) for option in options]
        writer.close()
        await writer.wait_closed()
        listening.close()
        return values

    assert asyncio.run(run()) == [1, 60_000]
