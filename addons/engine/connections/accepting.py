"""Keep asyncio from logging a hundred tracebacks a second while no connection can be accepted for want of files.

asyncio tells the event loop's handler of exceptions of each attempt, and tries again after a second.
"""

import asyncio
import errno
import logging
from collections.abc import Callable
from typing import Any

from addons.engine.connections.seldom import Seldom

logger = logging.getLogger(__name__)

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""The errors after which asyncio waits before it accepts again."""


class Accepting:
    def __init__(self, make_room: Callable[[], None], clock: Callable[[], float]) -> None:
        """`make_room` is called once a second at most."""
        self._make_room = make_room
        self._clock = clock
        self._next_room = float("-inf")
        self._line = Seldom(
            logger,
            "connections could not be accepted (%d attempts; %s): idle ones are closed; raise the limit of open files"
            " (ulimit -n, LimitNOFILE=) or lower MAX_CONNECTIONS",
            clock,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._others: Any = None

    def begin(self) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._others = self._loop.get_exception_handler()
            self._loop.set_exception_handler(self._handle)

    def end(self) -> None:
        if self._loop and self._loop.get_exception_handler() == self._handle:
            self._loop.set_exception_handler(self._others)
        self._loop = None

    def _handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        is_of_accept = str(context.get("message", "")).startswith("socket.accept()")
        if not (is_of_accept and isinstance(error, OSError) and error.errno in _EXHAUSTED):
            if self._others:
                self._others(loop, context)
            else:
                loop.default_exception_handler(context)
            return
        self._line.note(error.strerror)
        if (now := self._clock()) >= self._next_room:
            self._next_room = now + 1
            self._make_room()
