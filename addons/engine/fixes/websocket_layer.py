"""WebSocketLayer: correct what mitmproxy's WebSocket connections do in a way that no gateway may.

- A message grows without limit, and all of it is copied for each piece that comes. Here its pieces are joined once, and
  a message that is too large closes the socket (1009).
- A message that is injected while half of one of the provider's is there is merged with it. Here it goes out alone.
- A message that is injected while the socket closes makes the layer crash. Here it is left out.
- When one side is gone without a close frame, the other is told of a normal end (1000). Here its connection just ends.
- A changed message is cut every 4000 bytes, in the middle of characters. Here it is one frame.
"""

import sys
from collections.abc import Iterator
from typing import Any

from mitmproxy import ctx
from mitmproxy.proxy.layers import websocket
from mitmproxy.utils import human
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Event, Message, TextMessage
from wsproto.frame_protocol import CloseReason

from addons.engine.replacing import Fix, Replacement
from addons.engine.touchpoints.for_fixes import WEBSOCKET_LAYER

_FRAME_BYTES = 64
"""Counted for each frame, so that a message of empty frames comes to an end."""
_LEAST_LIMIT = 32 * 2**20


def _limit() -> int:
    """Return the bytes of the largest message. One that is only too large for a call gets an error on its socket."""
    most: int = max(2 * ctx.options.modeltrack_max_request_bytes, _LEAST_LIMIT)
    return min(human.parse_size(ctx.options.body_size_limit) or sys.maxsize, most)


class Connection(websocket.WebsocketConnection):
    _size = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._frames: list[list[Any]] = [[]]
        self._limit = _limit()
        super().__init__(*args, **kwargs)

    def events(self) -> Iterator[Event]:
        """Yield what has come, of messages only those that are there as a whole."""
        while self._events:  # the end of the connection, and injected messages, which are whole
            yield self._events.popleft()
        for event in super().events():
            if not isinstance(event, Message):
                yield event
                continue
            self._frames[-1].append(event.data)
            self._size += len(event.data) + (_FRAME_BYTES if event.frame_finished else 0)
            if self._size > self._limit:
                yield CloseConnection(CloseReason.MESSAGE_TOO_BIG, "the message is larger than the proxy takes")
                return
            if event.message_finished:
                yield from self._message(event)
            elif event.frame_finished:
                self._frames.append([])

    def _message(self, last: "Message[Any]") -> "Iterator[Message[Any]]":
        frames, self._frames, self._size = self._frames, [[]], 0
        empty: Any = "" if isinstance(last, TextMessage) else b""
        for number, parts in enumerate(frames, 1):
            yield type(last)(data=empty.join(parts), message_finished=number == len(frames))

    def send(self, event: Event) -> bytes:
        if isinstance(event, CloseConnection) and event.code == CloseReason.ABNORMAL_CLOSURE:
            return b""
        if isinstance(event, Message) and self.state is not ConnectionState.OPEN:
            return b""  # an answer of ours to a message before the client's close
        sent: bytes = super().send(event)
        return sent


class WebSocketLayer(Fix):
    name = "WebSocket layer"
    relies_on = WEBSOCKET_LAYER
    replacements = (
        Replacement(websocket, "WebsocketConnection", Connection),
        Replacement(websocket.Fragmentizer, "FRAGMENT_SIZE", sys.maxsize),
    )
