"""Keep the number of connections within a limit: whoever waits gives way to whoever comes."""

import select
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

READING_SECONDS = 1.0
"""How long a request may take to come before its connection, too, gives way where all slots are taken."""


class Slots:
    """One for each connection. A connection waits for a request, then reads it, then answers it."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._waiting: OrderedDict[socket.socket, float] = OrderedDict()
        self._reading: OrderedDict[socket.socket, float] = OrderedDict()
        """Connections in the order, and with the time, in which they began to wait, and to read."""

    def take(self, connection: socket.socket) -> bool:
        """Return whether there is a slot for a new connection, if need be that of one that waits for longest."""
        with self._changed:
            if len(self._open) >= self._most and not self._make_room():
                return False
            self._open.add(connection)
            return True

    def _make_room(self) -> bool:
        patient = self._clock() - READING_SECONDS
        slow = (each for each, since in self._reading.items() if since <= patient)
        connection = next((each for each in self._waiting if not _has_data(each)), None) or next(slow, None)
        if connection is None:
            return False
        self._forget(connection)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)  # its thread is woken, and ends
        return True

    def waits(self, connection: socket.socket) -> None:
        with self._changed:
            if connection in self._open:
                self._waiting[connection] = self._clock()

    def reads(self, connection: socket.socket) -> bool:
        """Note that a request has begun; return whether the connection still has its slot."""
        with self._changed:
            if self._waiting.pop(connection, None) is not None:
                self._reading[connection] = self._clock()
            return connection in self._open

    def answers(self, connection: socket.socket) -> bool:
        """Note that a request has been read; return whether the connection still has its slot."""
        with self._changed:
            self._reading.pop(connection, None)
            return connection in self._open

    def free(self, connection: socket.socket) -> None:
        with self._changed:
            self._forget(connection)
            self._changed.notify_all()

    def free_all(self, seconds: float) -> int:
        """Let connections read no more, and wait so long for what is being answered; return how many are left."""
        with self._changed:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)
            self._changed.wait_for(lambda: not self._open, seconds)
            return len(self._open)

    def _forget(self, connection: socket.socket) -> None:
        self._open.discard(connection)
        self._waiting.pop(connection, None)
        self._reading.pop(connection, None)


def _has_data(connection: socket.socket) -> bool:
    """Return whether something has come that the connection's thread has not noticed yet."""
    try:
        return bool(select.select([connection], [], [], 0)[0])
    except (OSError, ValueError):
        return False
