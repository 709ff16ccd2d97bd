"""Raise the limit of open files, and tell how many connections it leaves room for."""

import contextlib
import math

try:
    import resource
except ImportError:  # on Windows, where sockets do not count as files
    resource = None  # type: ignore[assignment]

_KEPT_BACK = 128
"""Files for all that is no connection, and for those that are closed a moment later than others are opened."""


def raise_limit() -> float:
    """Raise the limit of open files as far as the system lets this process; return what it is then."""
    if resource is None:
        return math.inf
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # macOS calls it unlimited, and refuses to set that
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if soft == resource.RLIM_INFINITY else soft


def most_connections(wanted: int, files: float) -> int:
    """Return how many clients may be connected: each may need a connection to a provider too."""
    if files == math.inf:
        return wanted
    room = files - min(_KEPT_BACK, files // 4)
    return max(1, min(wanted, int(room // 2)))
