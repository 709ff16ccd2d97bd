"""Define a source of costs, which returns the events of one window of time.

A source is only asked about windows whose figures no longer change, since an event is never corrected once it is
written.
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from addons.ledger.events import InfraEvent

AWS_INFRASTRUCTURE = "aws_infrastructure"
GPU_COMPUTE = "gpu_compute"

_IDS = uuid.UUID("5e6f1b0e-1f0c-5c8e-9b7f-2a4f6f0d9c11")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Window(NamedTuple):
    """A range of time. `end` is not part of it."""

    start: datetime
    end: datetime


class SourceError(Exception):
    """A window cannot be collected now. The message says why, in one line."""


class Source(Protocol):
    name: str
    """Part of the ids of its events, and its key in the state file. It must never change."""
    length: timedelta
    """The length of its windows, which begin at multiples of it since 1970 (UTC). It must never change either."""
    lag: timedelta
    """How long after a window's end its figures no longer change."""

    def collect(self, window: Window) -> list[InfraEvent]:
        """Return the window's events. Raises SourceError. It may block, but not for ever."""
        ...


def due(source: Source, until: datetime | None, now: datetime, backfill: timedelta) -> Iterator[Window]:
    """Yield the windows to collect, oldest first: after `until`, past the source's lag, and not older than `backfill`.

    An `until` in the future, from a state file that was written with a wrong clock, counts as now.
    """
    ready = _floor(now - source.lag, source.length)
    start = _floor(max(ready - backfill, min(until or _EPOCH, ready)), source.length)
    while start < ready:
        yield Window(start, start + source.length)
        start += source.length


def _floor(moment: datetime, length: timedelta) -> datetime:
    return moment - (moment - _EPOCH) % length


def event_id(source: Source, window: Window, *resource: str) -> str:
    """Return an id that is the same for the same resource and window, by which an event in the log is recognised."""
    return str(uuid.uuid5(_IDS, "\0".join([source.name, window.start.isoformat(), window.end.isoformat(), *resource])))
