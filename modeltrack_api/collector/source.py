"""What a source of costs is: asked for one window of time, it answers with that window's events.

A source is only asked about windows whose figures have settled, since what is written once is never corrected.
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
    """Half-open."""

    start: datetime
    end: datetime


class SourceError(Exception):
    """One line: why a window could not be collected now."""


class Source(Protocol):
    name: str
    """Part of the ids of its events, and its key in the state file: never to be changed."""
    length: timedelta
    """Of its windows, which begin at multiples of it since 1970 (UTC). Never to be changed either."""
    lag: timedelta
    """How long after a window's end its figures have settled."""

    def collect(self, window: Window) -> list[InfraEvent]:
        """Raises SourceError. Blocks, but not for ever."""
        ...


def due(source: Source, until: datetime | None, now: datetime, backfill: timedelta) -> Iterator[Window]:
    """The windows to collect, oldest first: those after `until` that have settled and are not older than `backfill`.

    A time in the future, of a state file that a wrong clock wrote, counts as now.
    """
    ready = _floor(now - source.lag, source.length)
    start = _floor(max(ready - backfill, min(until or _EPOCH, ready)), source.length)
    while start < ready:
        yield Window(start, start + source.length)
        start += source.length


def _floor(moment: datetime, length: timedelta) -> datetime:
    return moment - (moment - _EPOCH) % length


def event_id(source: Source, window: Window, *resource: str) -> str:
    """The same for the same resource and window, so that an event that is in the log already is known."""
    return str(uuid.uuid5(_IDS, "\0".join([source.name, window.start.isoformat(), window.end.isoformat(), *resource])))
