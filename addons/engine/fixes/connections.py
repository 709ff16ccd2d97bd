"""Connections: bound how many clients are connected, and how long each may take to say what it wants.

mitmproxy takes any number, and waits ten minutes for the next byte. Here the oldest idle connection makes room for a
new one, a head has 30 seconds, and each piece of a body comes within 60. See addons/engine/connections/.
"""

import asyncio
import logging
import math
import time
from typing import Any

from mitmproxy import connection, ctx
from mitmproxy.utils import human

from addons import gc_tuning
from addons.core import Core
from addons.engine.connections.accepting import Accepting
from addons.engine.connections.client import ClientConnection
from addons.engine.connections.files import most_connections, raise_limit
from addons.engine.connections.phases import Kind
from addons.engine.connections.seldom import Seldom
from addons.engine.connections.table import SECONDS, Table
from addons.engine.connections.unread import Unread
from addons.engine.replacing import Fix
from addons.engine.touchpoints.for_fixes import CLIENT_CONNECTIONS
from addons.flow.guard import describe

logger = logging.getLogger(__name__)

_SWEEP_SECONDS = 1.0
_ROOM = 32
"""Idle connections that are closed at once where the system has no files left."""
_MANY = 1000
"""Connections that have ended since memory was last given back. They are cycles of some 70 objects each, 17 KB, which
the collector looks for only after a million new objects.
"""
_TOO_SLOW = {
    Kind.HEAD: "the head of the request did not arrive within %g seconds",
    Kind.BODY: "no part of the request's body arrived for %g seconds",
}


class Connections(Fix):
    name = "client connections"
    relies_on = CLIENT_CONNECTIONS
    replacements = ()

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self._table: Table[ClientConnection] = Table(time.monotonic)
        self._unread = Unread(time.monotonic)
        self._accepting = Accepting(self._make_room, time.monotonic)
        self._files = math.inf
        self._ended = 0
        self._ended_before = 0
        """How many connections have ended since memory was last given back, now and at the last sweep."""
        self._timer: asyncio.TimerHandle | None = None
        self._closed = Seldom(logger, "closed %d idle connections for new ones, since all %d are taken")
        self._refused = Seldom(
            logger, "refused %d connections, since all %d are in use: MAX_CONNECTIONS, and the limit of open files"
        )

    def load(self, loader: object) -> None:
        super().load(loader)
        self._files = raise_limit()

    def running(self) -> None:
        if self._core.failure:
            return
        self._accepting.begin()
        # Clients may have come since the listeners opened, or before this script was loaded anew; some have just left.
        for handler in list(self._proxyserver.connections.values()):
            if handler.client in handler.transports:
                self._table.add(handler.client.id, ClientConnection(handler, handler.layer.context))
        self._sweep_later()
        counts, wanted = self._core.connections, self._core.settings.max_connections
        counts.now, counts.most = self._number, self._most()
        if counts.most < wanted:
            logger.info(
                "%d clients may be connected at once, not MAX_CONNECTIONS=%d: the limit of open files is %d, and each"
                " may need two",
                counts.most,
                wanted,
                self._files,
            )

    def done(self) -> None:
        self._accepting.end()
        if self._timer:
            self._timer.cancel()
        super().done()

    @property
    def _proxyserver(self) -> Any:
        return ctx.master.addons.get("proxyserver")

    def _most(self) -> int:
        return most_connections(self._core.settings.max_connections, self._files)

    def client_connected(self, client: connection.Client) -> None:
        if self._core.failure or client.transport_protocol != "tcp":
            return
        handler = self._proxyserver.connections.get(client.id)
        if handler is None:
            return
        new, counts, most = ClientConnection(handler, handler.layer.context), self._core.connections, self._most()
        counts.most = most
        if not self._has_room(most):
            counts.refused += 1
            self._refused.note(most)
            new.refuse(503, "too many connections are open; try again")
            client.error = "too many connections"  # so mitmproxy closes it
            return
        self._table.add(client.id, new)
        counts.now = self._number
        self._sweep_later()

    def client_disconnected(self, client: connection.Client) -> None:
        ended = self._table.remove(client.id)
        if ended:
            self._unread.add(ended)
        self._ended += 1
        self._core.connections.now = self._number
        self._sweep_later()

    @property
    def _number(self) -> int:
        return len(self._table) + len(self._unread)

    def _has_room(self, most: int) -> bool:
        """Return whether there may be one more, if need be by closing idle ones."""
        while self._number >= most:
            if not self._close_oldest_idle():
                return False
        return True

    def _close_oldest_idle(self) -> bool:
        oldest = self._table.take_oldest_idle()
        if oldest is None:
            return False
        oldest.close("idle")
        self._core.connections.idle_closed += 1
        self._closed.note(self._most())
        return True

    def _make_room(self) -> None:
        for _ in range(_ROOM):
            if not self._close_oldest_idle():
                break

    def _sweep_later(self) -> None:
        if not self._timer and (self._table or self._unread or self._ended >= _MANY):
            self._timer = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._sweep)

    def _give_back(self) -> None:
        """Give memory back after many connections have ended, once no more of them end, or ten times as many have."""
        many = max(_MANY, self._number)  # so what it takes is little for each of them
        if self._ended >= many and (self._ended == self._ended_before or self._ended >= 10 * many):
            self._ended = 0
            loop = asyncio.get_running_loop()
            _forget_ended(loop, self._number)
            loop.call_soon(gc_tuning.give_back)
        self._ended_before = self._ended

    def _sweep(self) -> None:
        self._timer = None
        try:
            for slow, phase in self._table.sweep():
                self._core.connections.too_slow += 1
                slow.time_out(phase, _TOO_SLOW[phase.kind] % SECONDS[phase.kind])
            self._unread.sweep()
            self._core.connections.now = self._number
            self._give_back()
        except Exception as error:
            logger.error("connections could not be looked over: %s", describe(error))
        self._sweep_later()


def _forget_ended(loop: asyncio.AbstractEventLoop, number: int) -> None:
    """Have small things of connections that have ended dropped: each may be the last in a megabyte of free memory.

    mitmproxy remembers how their addresses read. asyncio keeps cancelled timers until more than a hundred, and more
    than half of all, are cancelled; there is one for each of the `number` connections and few others.
    """
    human.format_address.cache_clear()
    for timer in [loop.call_later(_SWEEP_SECONDS, _do_nothing) for _ in range(number + 1000)]:
        timer.cancel()


def _do_nothing() -> None:
    """Stand in for what a timer would do."""
