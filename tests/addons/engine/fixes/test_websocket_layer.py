"""mitmproxy's WebSocket connection, as it is corrected."""

from typing import Any

import pytest
from mitmproxy.proxy.layers import websocket
from wsproto.connection import Connection as Peer
from wsproto.connection import ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, TextMessage

from addons.core import Core
from addons.engine.fixes import websocket_layer


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(websocket_layer, "_limit", lambda: 1000)
    return websocket_layer.Connection(ConnectionType.SERVER, [], conn=None)


def read(connection: Any, *chunks: bytes) -> list[Any]:
    events = []
    for chunk in chunks:
        connection.receive_data(chunk)
        events += list(connection.events())
    return events


@pytest.mark.parametrize("kind", [TextMessage, BytesMessage])
@pytest.mark.parametrize("parts", [[""], ["a"], ["ab", "", "cd"], ["x" * 200, "y"]])
def test_a_message_comes_whole_in_its_frames_wherever_it_is_cut(
    connection: Any, kind: type[Message[Any]], parts: list[str]
) -> None:
    data: list[Any] = [part if kind is TextMessage else part.encode() for part in parts]
    sent = [kind(data=part, message_finished=number == len(data)) for number, part in enumerate(data, 1)]
    peer = Peer(ConnectionType.CLIENT)
    wire = b"".join(peer.send(event) for event in sent)
    for size in (1, 2, 3, len(wire)):
        events = read(connection, *(wire[at : at + size] for at in range(0, len(wire), size)))
        assert events == sent


def test_what_is_injected_waits_for_nothing_and_joins_no_message(connection: Any) -> None:
    wire = Peer(ConnectionType.CLIENT).send(TextMessage("from the wire"))
    assert read(connection, wire[:10]) == []
    connection._events.append(TextMessage("injected"))
    assert read(connection, b"") == [TextMessage("injected")]
    assert read(connection, wire[10:]) == [TextMessage("from the wire")]


@pytest.mark.parametrize("frames", [["x" * 1000], ["x" * 500] * 2, [""] * 20])
def test_a_message_over_the_limit_closes_the_connection(connection: Any, frames: list[str]) -> None:
    peer = Peer(ConnectionType.CLIENT)
    wire = b"".join(peer.send(TextMessage(data, message_finished=False)) for data in frames)
    [event] = read(connection, wire)
    assert isinstance(event, CloseConnection) and event.code == 1009


def test_an_end_without_a_word_is_passed_on_without_one(connection: Any) -> None:
    assert connection.send(CloseConnection(1006)) == b""
    assert connection.send(CloseConnection(1000)) != b""


def test_mitmproxy_is_left_as_it_was() -> None:
    before = websocket.WebsocketConnection, websocket.Fragmentizer.FRAGMENT_SIZE
    addon = websocket_layer.WebSocketLayer(Core())
    addon.load(None)
    assert websocket.WebsocketConnection is websocket_layer.Connection
    addon.done()
    assert (websocket.WebsocketConnection, websocket.Fragmentizer.FRAGMENT_SIZE) == before
