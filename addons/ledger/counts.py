"""Count what the status pages show, since the start of the proxy."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """Counts of calls. Money is in nano-USD."""

    requests: int = 0
    tokens: int = 0
    cost_nanos: int = 0
    blocked: int = 0
    errors: int = 0
    unpriced: int = 0
    unpriced_usage: int = 0
    """Calls that used something without a known price, so that their cost leaves it out."""
    untracked: int = 0
    unmetered: int = 0
    """Those of them that may cost money, which the proxy cannot tell."""
    unknown_callers: int = 0
    """Requests that CALLERS refused."""
    abandoned: int = 0
    """Calls whose client closed its side, or was gone, before the end of the answer."""
    abandoned_now: int = 0
    """Those of them whose answer is still being read."""
    cache_hits: int = 0
    cache_misses: int = 0
    cache_coalesced: int = 0
    """Hits on an answer that was still on its way."""
    cache_waiting: int = 0
    """Requests that wait now for the answer to an identical one."""
    cache_savings_nanos: int = 0
    options_refused: int = 0
    """Refusals of `stream_options` that the proxy had added."""
    routed: int = 0
    not_routed: int = 0
    routing_blocked: int = 0
    routing_skipped: Counter[str] = field(default_factory=Counter)
    rule_hits: Counter[str] = field(default_factory=Counter)
    routing_savings_nanos: int = 0


@dataclass(slots=True)
class ConnectionCounts:
    """Counts of clients' connections."""

    now: int = 0
    most: int = 0
    """How many there may be: MAX_CONNECTIONS, or what the limit of open files leaves room for."""
    idle_closed: int = 0
    """Idle ones that made room for new ones."""
    refused: int = 0
    too_slow: int = 0
    """Those that were closed since a head or a body did not come in time."""
