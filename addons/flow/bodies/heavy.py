"""Read large bodies in threads, so that nobody else waits for it.

A thread gives way to the event loop every few milliseconds, but for the time of a single call of a library in C. There
are two threads: more would only wait for each other, and the event loop for all of them.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

HEAVY = 2**20
"""From this many bytes on, a body is read in a thread. Less takes a millisecond, as long as to change threads."""
HEAVY_PACKED = 16 * 2**10
"""The same for a compressed body, which may unpack to 200 times that."""

_threads = ThreadPoolExecutor(2, "large bodies")


async def apart[**P, T](work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what the work returns, which a thread does. It must touch nothing that is used meanwhile."""
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: work(*args, **kwargs))


def is_heavy(size: int, is_packed: bool = False) -> bool:
    """Tell whether a body of this many bytes takes so long to read that a thread is to do it."""
    return size > (HEAVY_PACKED if is_packed else HEAVY)
