"""What a connection is doing, told by mitmproxy's own layers after the bytes of a client."""

import itertools
from collections import deque
from collections.abc import Iterator
from typing import Any

import h2.connection
import pytest
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import ConnectionState, Server
from mitmproxy.http import Headers, Response
from mitmproxy.proxy import commands, events, layer, layers
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import HttpConnectHook, HTTPMode, HttpRequestHook
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import taddons, tflow

from addons.engine.connections.phases import Kind, phase_of

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
CONNECT = b"CONNECT x:443 HTTP/1.1\r\n\r\n"
WEBSOCKET = GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"


class World:
    def __init__(self, context: Context) -> None:
        self.context = context
        self.top = modes.ReverseProxy(context)
        self.answers = True
        self.kept: list[commands.StartHook] = []
        self.feed(events.Start())

    def send(self, data: bytes) -> None:
        self.feed(events.DataReceived(self.context.client, data))

    def feed(self, event: events.Event) -> None:
        waiting = deque([event])
        while waiting:
            for command in self.top.handle_event(waiting.popleft()):
                if isinstance(command, commands.StartHook):
                    waiting.extend(self.hook(command))
                elif isinstance(command, commands.OpenConnection):
                    command.connection.state = ConnectionState.OPEN
                    waiting.append(events.OpenConnectionCompleted(command, None))

    def hook(self, hook: commands.StartHook) -> Iterator[events.Event]:
        if isinstance(hook, layer.NextLayerHook):
            self.decide(hook.data)
        elif isinstance(hook, HttpRequestHook):
            if not self.answers:
                self.kept.append(hook)
                return
            is_upgrade = "upgrade" in hook.flow.request.headers
            headers = Headers(Upgrade="websocket", Connection="Upgrade") if is_upgrade else Headers()
            hook.flow.response = Response.make(101 if is_upgrade else 200, b"", headers)
        elif isinstance(hook, HttpConnectHook):
            hook.flow.response = Response.make(200)
        if hook.blocking:
            yield events.HookCompleted(hook)

    def decide(self, data: layer.NextLayer) -> None:
        """As mitmproxy does, with what addons/tunnels.py adds."""
        received = data.data_client()
        if len(received) < 3:
            return
        if received.startswith(b"CONNECT"):
            del data.context.layers[1:]
            data.context.server = Server(address=None)
            data.layer = layers.HttpLayer(data.context, HTTPMode.regular)
        elif received.startswith(b"\x16\x03"):
            data.layer = layers.ClientTLSLayer(data.context)
        elif received.startswith(b"raw"):
            data.layer = layers.TCPLayer(data.context, ignore=True)
        else:
            data.layer = layers.HttpLayer(data.context, HTTPMode.transparent)


@pytest.fixture
def world() -> Iterator[World]:
    with taddons.context(Proxyserver()) as made:
        client = tflow.tclient_conn()
        client.alpn, client.state = None, ConnectionState.OPEN
        client.proxy_mode = ProxyMode.parse("reverse:http://x.test")
        made.options.update(connection_strategy="lazy", keep_host_header=True)
        yield World(Context(client, made.options))


CASES: list[tuple[str, list[bytes], Kind]] = [
    ("nothing", [], Kind.IDLE),
    ("a byte", [b"G"], Kind.HEAD),
    ("a part of a head", [GET[:20]], Kind.HEAD),
    ("a head", [GET], Kind.IDLE),
    ("a head and a part of the next", [GET + GET[:1]], Kind.HEAD),
    ("a head in two pieces", [GET[:9], GET[9:]], Kind.IDLE),
    ("the head of a body", [POST], Kind.BODY),
    ("a part of a body", [POST + b"{"], Kind.BODY),
    ("a body", [POST + b"{ }"], Kind.IDLE),
    ("a part of a CONNECT", [CONNECT[:20]], Kind.HEAD),
    ("a CONNECT", [CONNECT], Kind.IDLE),
    ("a byte in a tunnel", [CONNECT, b"\x16"], Kind.HEAD),
    ("a part of a handshake in a tunnel", [CONNECT, b"\x16\x03\x01\x02\x00"], Kind.HEAD),
    ("a part of a handshake", [b"\x16\x03\x01\x02\x00"], Kind.HEAD),
    ("a tunnel that is not read", [CONNECT, b"raw"], Kind.BUSY),
    ("HTTP in a tunnel", [CONNECT, GET], Kind.IDLE),
    ("a part of a head in a tunnel", [CONNECT, GET, GET[:20]], Kind.HEAD),
    ("the head of a body in a tunnel", [CONNECT, POST], Kind.BODY),
    ("a WebSocket", [WEBSOCKET], Kind.BUSY),
    ("a WebSocket in a tunnel", [CONNECT, WEBSOCKET], Kind.BUSY),
]


@pytest.mark.parametrize(("pieces", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_connection_is_idle_or_not(world: World, pieces: list[bytes], expected: Kind) -> None:
    for piece in pieces:
        world.send(piece)
    assert phase_of(world.context).kind is expected


@pytest.mark.parametrize("before", [[], [CONNECT]], ids=["plain", "in a tunnel"])
def test_it_is_busy_until_its_request_is_answered(world: World, before: list[bytes]) -> None:
    for piece in before:
        world.send(piece)
    world.answers = False
    world.send(GET + GET[:5])
    assert phase_of(world.context).kind is Kind.BUSY
    world.answers = True
    [kept] = world.kept
    for event in world.hook(kept):
        world.feed(event)
    assert phase_of(world.context).kind is Kind.HEAD


def test_the_next_message_is_told_from_the_last(world: World) -> None:
    seen = []
    for piece in (b"G", GET[1:5], GET[5:9], GET[9:] + GET[:5]):
        world.send(piece)
        seen.append(phase_of(world.context))
    assert [after.goes_on_from(before) for before, after in itertools.pairwise(seen)] == [True, True, False]


def test_http_2_is_idle_without_streams(world: World) -> None:
    world.context.client.alpn = b"h2"
    world.answers = False
    client: Any = h2.connection.H2Connection()
    client.initiate_connection()
    world.send(client.data_to_send())
    assert phase_of(world.context).kind is Kind.IDLE
    client.send_headers(1, [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "x")])
    world.send(client.data_to_send())
    assert phase_of(world.context).kind is Kind.BUSY
