"""Keep the connections of clients in the order of their last activity, and say which are idle or too slow.

No request and no byte is noted here. A sweep once a second compares a stamp for each connection, and looks closer only
where it has changed. Whoever needs room for a new connection looks from the oldest on.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Protocol

from addons.engine.connections.phases import IDLE, Kind, Phase

SECONDS = {Kind.HEAD: 30.0, Kind.BODY: 60.0}
"""Time from the first byte of a head, or of a TLS handshake, to its last one; and between two pieces of a body."""

_UNNOTICED = (Kind.IDLE, Kind.SENDING)
"""The phases that one may leave for the other without a change of the stamp."""


class Connection(Protocol):
    @property
    def stamp(self) -> float:
        """A number that changes whenever something passes on the connection."""

    @property
    def is_held(self) -> bool:
        """Whether its client waits for the proxy, and not the other way round."""

    def phase(self) -> Phase: ...


class _Entry[C: Connection]:
    __slots__ = ("connection", "deadline", "phase", "stamp")

    def __init__(self, connection: C) -> None:
        self.connection = connection
        self.stamp = -1.0
        self.phase = IDLE
        self.deadline = math.inf


class Table[C: Connection]:
    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` returns seconds, and never goes back."""
        self._clock = clock
        self._entries: OrderedDict[str, _Entry[C]] = OrderedDict()
        self._none_is_idle = False
        """Whether the last look found none; then nobody looks again before the next sweep."""

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[C]:
        return (entry.connection for entry in self._entries.values())

    def add(self, name: str, connection: C) -> None:
        self._entries[name] = _Entry(connection)

    def remove(self, name: str) -> C | None:
        entry = self._entries.pop(name, None)
        return entry.connection if entry else None

    def take_oldest_idle(self) -> C | None:
        """Remove and return the idle connection on which nothing has passed for longest; None where none is idle."""
        for _ in range(0 if self._none_is_idle else 2 * len(self._entries)):
            name, entry = next(iter(self._entries.items()))
            connection = entry.connection
            if entry.stamp != connection.stamp:
                self._note(entry)
            elif entry.phase.kind in _UNNOTICED and connection.phase().kind is Kind.IDLE and not connection.is_held:
                del self._entries[name]
                return connection
            self._entries.move_to_end(name)
        self._none_is_idle = True
        return None

    def sweep(self) -> list[tuple[C, Phase]]:
        """Look at all connections, and return those whose client is too slow, each with what it has not ended."""
        now = self._clock()
        self._none_is_idle = False
        active, slow = [], []
        for name, entry in self._entries.items():
            if entry.stamp != entry.connection.stamp:
                active.append(name)
                self._note(entry)
            if now < entry.deadline:
                continue
            if entry.connection.is_held:
                entry.deadline = now + SECONDS[entry.phase.kind]
            else:
                entry.deadline = math.inf
                slow.append((entry.connection, entry.phase))
        for name in active:
            self._entries.move_to_end(name)
        return slow

    def _note(self, entry: _Entry[C]) -> None:
        entry.stamp = entry.connection.stamp
        phase = entry.connection.phase()
        if phase.kind is not Kind.HEAD or not phase.goes_on_from(entry.phase):
            entry.deadline = self._clock() + SECONDS.get(phase.kind, math.inf)
        entry.phase = phase
