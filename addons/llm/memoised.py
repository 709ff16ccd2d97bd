"""Remember what functions of short texts return, in memory that has a bound in bytes.

A memory that is bounded by its entries alone is not bounded where clients choose the texts: a thousand paths of a
megabyte are a gigabyte. So what is longer than names and paths are is worked out each time.
"""

import contextlib
from collections.abc import Callable, Sized
from functools import lru_cache, wraps
from typing import Any

LONGEST = 512
"""Characters, or bytes, of a text that is remembered."""


class _Memory[K: Sized, V](dict[K, V]):
    """The values of a function of one text. A look-up of one that is known runs no Python."""

    def __init__(self, function: Callable[[K], V], entries: int) -> None:
        super().__init__()
        self._function = function
        self._entries = entries

    def __missing__(self, key: K) -> V:
        value = self._function(key)
        if len(key) <= LONGEST:
            if len(self) >= self._entries:
                with contextlib.suppress(RuntimeError):  # another thread was here at the same time
                    self.pop(next(iter(self)), None)
            self[key] = value
        return value


def memoised[K: Sized, V](entries: int) -> Callable[[Callable[[K], V]], Callable[[K], V]]:
    """Have a function of one text remember what it returned for that many of them; the oldest go first."""
    return lambda function: _Memory(function, entries).__getitem__


def memoised_for_all[**P, V](entries: int) -> Callable[[Callable[P, V]], Callable[P, V]]:
    """Do the same for a function of several arguments, those of which that have a length are short together."""

    def decorate(function: Callable[P, V]) -> Callable[P, V]:
        remembered: Any = lru_cache(maxsize=entries)(function)

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> V:
            length = sum(len(each) for each in (*args, *kwargs.values()) if isinstance(each, str | bytes))
            found: V = remembered(*args, **kwargs) if length <= LONGEST else function(*args, **kwargs)
            return found

        return call

    return decorate
