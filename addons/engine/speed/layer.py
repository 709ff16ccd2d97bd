"""FastLayer: a layer around all of a connection's, with less of asyncio for each hook and fewer writes.

mitmproxy makes a task for each hook, four or more for a request, whose end waits for a lock and for the event loop's
next turn. Here a hook that waits for nothing is called at once, and what its end leads to is handled right after it.
What is to be sent goes out in one piece: a head with its body, and all chunks of a stream that came together.
"""

import asyncio
import logging
from asyncio import StreamWriter
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from mitmproxy import exceptions, hooks
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.utils import asyncio_utils

from addons.engine.replacing import SpeedUp
from addons.engine.speed.hook_table import is_flow
from addons.engine.touchpoints.for_speed import CONNECTIONS

_AT_ONCE = 32
"""Events handled before others get their turn: a client may send thousands of requests in one piece."""
_JOINED_BYTES = 65536
"""More than this is sent as it comes: to copy it would cost more than a write."""

Begin = Callable[[hooks.Hook, list[Any]], Awaitable[None] | None]
"""The type of `HookTable.begin_lifecycle`."""


def speed_up() -> SpeedUp:
    """Return one that replaces nothing yet: `handler.layer` is replaced for each connection."""
    return SpeedUp("connections", CONNECTIONS, ())


class FastLayer:
    """Stand in for `handler.layer`. Its only caller is `handler.server_event`, which holds a lock while it goes through
    the commands.
    """

    def __init__(self, handler: ProxyConnectionHandler, begin: Callable[[], Begin | None]) -> None:
        """`begin` returns None while hooks are to go mitmproxy's own way."""
        self._handler = handler
        self._layer: Layer = handler.layer
        self.context = self._layer.context
        self._begin = begin
        self._waiting: deque[events.Event] | None = None
        """The events that come of those being handled; None while none is."""

    def handle_event(self, event: events.Event) -> Iterator[commands.Command]:
        begin = self._begin()
        if begin is None:
            yield from self._layer.handle_event(event)
            return
        waiting = self._waiting = deque((event,))
        unsent: list[commands.SendData] = []
        try:
            for _ in range(_AT_ONCE):
                if not waiting:
                    break
                try:
                    for command in self._layer.handle_event(waiting.popleft()):
                        if isinstance(command, commands.StartHook):
                            self._start(command, begin, waiting)
                        elif isinstance(command, commands.SendData):
                            unsent.append(command)
                        else:
                            if unsent and not isinstance(command, commands.Log):
                                yield from self._joined(unsent)
                            yield command
                except Exception:
                    self._handler.log("mitmproxy has crashed!", logging.ERROR, exc_info=True)
            yield from self._joined(unsent)
        finally:
            if self._waiting is waiting:
                self._waiting = None
            for left in waiting:  # there were too many, or a command could not be carried out
                self._later(self._handler.server_event(left))

    def _start(self, hook: commands.StartHook, begin: Begin, waiting: deque[events.Event]) -> None:
        args = hook.args()
        try:
            rest = begin(hook, args)
        except (exceptions.OptionsError, asyncio.CancelledError) as error:
            # In a task of its own the hook would end here too, and the connection would go on without it.
            self._handler.log(f"the hook {hook.name} did not end: {error!r}", logging.ERROR)
            return
        if rest or (is_flow(args[0]) and args[0].intercepted):
            self._later(self._finish(hook, rest, args[0]))
        elif hook.blocking:
            waiting.append(events.HookCompleted(hook))

    async def _finish(self, hook: commands.StartHook, rest: Awaitable[None] | None, data: Any) -> None:
        with self._handler.timeout_watchdog.disarm():
            if rest:
                await rest
            if is_flow(data):
                await data.wait_for_resume()
        if not hook.blocking:
            return
        completed = events.HookCompleted(hook)
        if self._waiting is not None and self._handler._server_event_lock.locked():
            self._waiting.append(completed)  # the hook has not waited for anything after all
        else:
            await self._handler.server_event(completed)

    def _later(self, work: Any) -> None:
        asyncio_utils.create_task(work, name="handle_hook", keep_ref=True, client=self._handler.client.peername)

    def _joined(self, unsent: list[commands.SendData]) -> Iterator[commands.Command]:
        """Yield what is to be sent, in one piece for each stream where that is not too much to copy."""
        by_connection: dict[Any, list[bytes]] = {}
        for command in unsent:
            by_connection.setdefault(command.connection, []).append(command.data)
        unsent.clear()
        for connection, pieces in by_connection.items():
            io = self._handler.transports.get(connection)
            if len(pieces) > 1 and io and isinstance(io.writer, StreamWriter) and sum(map(len, pieces)) < _JOINED_BYTES:
                pieces = [b"".join(pieces)]
            for piece in pieces:
                yield commands.SendData(connection, piece)
