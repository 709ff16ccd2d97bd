"""Collect what is due from each source, in one loop. A source that fails is tried again later and delays no other."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from addons.ledger.money import format_usd
from modeltrack_api.collector.once import OnceLog, State
from modeltrack_api.collector.source import Source, SourceError, Window, due
from modeltrack_api.collector.teams import Teams

logger = logging.getLogger(__name__)

_FIRST_RETRY_SECONDS = 30
_LONGEST_RETRY_SECONDS = 3600


@dataclass(slots=True)
class _Turn:
    source: Source
    at: float
    """The monotonic time of the next try, in seconds."""
    failures: int = 0


class Runner:
    """Collects from the sources until it is stopped. Call `open` first, then `run`."""

    def __init__(
        self,
        sources: Sequence[Source],
        teams: Teams,
        log: OnceLog,
        state: State,
        *,
        now: Callable[[], datetime],
        interval: float,
        backfill: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`interval` is the seconds between two looks for windows that are due."""
        self._turns = [_Turn(source, at=monotonic()) for source in sources]
        self._teams = teams
        self._log = log
        self._state = state
        self._now = now
        self._interval = interval
        self._backfill = backfill
        self._monotonic = monotonic

    def open(self) -> None:
        """Read the state file, and which events are in the log already. Raises OSError."""
        self._state.load()
        first = [next(self._due(turn.source), None) for turn in self._turns]
        self._log.open(since=min([window.end for window in first if window], default=self._now()))

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(self.round(stop)):
            pass

    def round(self, stop: threading.Event) -> float:
        """Collect one window from each source whose turn it is. Return the seconds until the next turn."""
        for turn in self._turns:
            if turn.at <= self._monotonic() and not stop.is_set():
                turn.at = self._take(turn) + self._monotonic()
        return max(0.0, min(turn.at for turn in self._turns) - self._monotonic())

    def close(self) -> None:
        self._log.close()

    def _due(self, source: Source) -> Iterator[Window]:
        return due(source, self._state.until(source.name), self._now(), self._backfill)

    def _take(self, turn: _Turn) -> float:
        """Collect the source's next window, if one is due. Return the seconds until its next turn."""
        window = next(self._due(turn.source), None)
        if not window:
            return self._interval
        try:
            self._collect(turn.source, window)
        except Exception as error:
            turn.failures += 1
            pause = min(_FIRST_RETRY_SECONDS << min(turn.failures - 1, 10), _LONGEST_RETRY_SECONDS, self._interval)
            expected = isinstance(error, SourceError | OSError)
            logger.warning(
                "%s: the window from %s was not collected: %s; trying again in %g s",
                turn.source.name,
                f"{window.start:%Y-%m-%d %H:%M}",
                error if expected else f"unexpected {type(error).__name__}",
                pause,
                exc_info=None if expected else error,
            )
            return pause
        turn.failures = 0
        return 0

    def _collect(self, source: Source, window: Window) -> None:
        self._teams.refresh()
        events = source.collect(window)
        new = self._log.write(events)
        self._state.advance(source.name, window.end)
        self._log.forget(events)
        cost = sum(event.cost_nanos or 0 for event in events)
        logger.info(
            "%s: collected the window from %s: %d new events, %s",
            source.name,
            f"{window.start:%Y-%m-%d %H:%M}",
            new,
            format_usd(cost),
        )
