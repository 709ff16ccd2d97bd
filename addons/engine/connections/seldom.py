"""Log what may happen thousands of times a second in one line every ten seconds at most."""

import logging
import time
from collections.abc import Callable

SECONDS = 10.0


class Seldom:
    def __init__(self, logger: logging.Logger, text: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`text` has a %d for how often it has happened since the last line; more places follow it."""
        self._logger = logger
        self._text = text
        self._clock = clock
        self._again = -SECONDS
        self._count = 0

    def note(self, *args: object) -> None:
        self._count += 1
        if (now := self._clock()) >= self._again:
            self._logger.warning(self._text, self._count, *args)
            self._again, self._count = now + SECONDS, 0
