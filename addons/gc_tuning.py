"""Keep the garbage collector from scanning long-lived objects again and again: that takes a tenth of a request."""

import ctypes
import gc
from contextlib import suppress

_YOUNG = 10_000
"""How many more objects are made than freed before the collector runs; Python's own number is 2,000.

A request makes some hundreds. mitmproxy's flows are cycles, so a higher number also keeps more bodies of answered
requests in memory.
"""

_usual = gc.get_threshold()


def settle() -> None:
    """Exclude what exists now (modules, prices, settings) from collection, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *_usual[1:])


def unsettle() -> None:
    gc.set_threshold(*_usual)
    gc.unfreeze()


def give_back() -> None:
    """Free what is garbage, however old, and give the memory back to the system as far as it can be."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):  # where the C library is not glibc
        ctypes.CDLL(None).malloc_trim(0)
