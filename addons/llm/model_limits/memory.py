"""Remember for a while which downgrades the provider has refused, so that the next call like it keeps its model."""

import time
from collections.abc import Callable
from typing import NamedTuple

from cachetools import TTLCache

REMEMBERED_SECONDS = 600
_MOST_REMEMBERED = 4096
"""Clients may send any number of names of models."""


class Downgrade(NamedTuple):
    """Name a kind of downgrade: who was asked for which model, which model was put in its place, in what request."""

    provider: str
    model: str
    target: str
    shape: tuple[str, ...]
    """The parameters that the request had, out of those that some models refuse."""


class RefusedDowngrades:
    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        """`timer` returns seconds."""
        self._refused: TTLCache[Downgrade, bool] = TTLCache(_MOST_REMEMBERED, REMEMBERED_SECONDS, timer)

    def add(self, downgrade: Downgrade) -> None:
        self._refused[downgrade] = True

    def __contains__(self, downgrade: Downgrade) -> bool:
        return downgrade in self._refused

    def __bool__(self) -> bool:
        return len(self._refused) > 0
