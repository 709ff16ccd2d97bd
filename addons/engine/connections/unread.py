"""Cut connections that are over but for bytes that the client does not read: asyncio would keep them for ever."""

from collections.abc import Callable

from addons.engine.connections.client import ClientConnection

SECONDS = 60.0
"""How long a client may take none of them."""


class Unread:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._all: dict[ClientConnection, tuple[int, float]] = {}
        """How much is unread of each, and when it is cut."""

    def __len__(self) -> int:
        return len(self._all)

    def add(self, ended: ClientConnection) -> None:
        if unsent := ended.unsent:
            self._all[ended] = unsent, self._clock() + SECONDS

    def sweep(self) -> None:
        now = self._clock()
        for each, (before, deadline) in list(self._all.items()):
            unsent = each.unsent
            if unsent == before and now >= deadline:
                each.abort()
                unsent = 0
            if not unsent:
                del self._all[each]
            elif unsent != before:
                self._all[each] = unsent, now + SECONDS
