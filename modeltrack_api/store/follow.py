"""Keeps the database up to date with the event log, in a thread: sooner with watchdog, within a second without."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent

from addons.ledger.watching import WatchingThread
from modeltrack_api.store.ingest import Ingest, Progress

logger = logging.getLogger(__name__)

_SLICE_SECONDS = 0.5
"""Reading lets go of the database after this long, so that others may write to it."""
_PAUSE_SECONDS = 0.1
"""Between two looks, so that a busy log does not set off one for each of its lines."""


class Follower(WatchingThread):
    """`ready` is set once all that was in the log at the start is in the database. `stop` waits for the batch that is
    being read.
    """

    def __init__(self, ingest: Ingest, log: Path, progress: Progress | None = None, interval: float = 1.0) -> None:
        super().__init__("modeltrack-log", [str(log.parent)], "the event log is", interval, stop_seconds=10)
        self.ready = threading.Event()
        self.progress = progress
        """Told how far the first reading is."""
        self._ingest = ingest
        self._log = log
        self._problem = ""

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called by watchdog, in its thread."""
        if event.event_type in ("modified", "created", "moved") and self._log.name in (
            Path(str(event.src_path)).name,
            Path(str(event.dest_path)).name,
        ):
            self._wake.set()

    def _run(self) -> None:
        progress = _Sum(self.progress) if self.progress else None
        while not self._stopping.is_set():
            self._wake.clear()
            is_through = self._look(None if self.ready.is_set() else progress)
            if is_through:
                self.ready.set()
            self._stopping.wait(_PAUSE_SECONDS if is_through else 0.001)
            if is_through is not False:
                self._wake.wait(self._interval)

    def _look(self, progress: "_Sum | None") -> bool | None:
        """Whether the end was reached; None when there is a problem."""
        try:
            is_through = self._ingest.catch_up(time.monotonic() + _SLICE_SECONDS, progress)
        except (OSError, sqlite3.Error) as error:
            if str(error) != self._problem:
                logger.error("the event log cannot be read into the database: %s", error)
            self._problem = str(error)
            return None
        if progress:
            progress.next_slice()
        self._problem = ""
        return is_through


class _Sum:
    """One progress of several calls."""

    def __init__(self, tell: Callable[[int, int, int], None]) -> None:
        self._tell = tell
        self._before = self._lines = 0

    def __call__(self, lines: int, done: int, total: int) -> None:
        self._lines = lines
        self._tell(self._before + lines, done, total)

    def next_slice(self) -> None:
        self._before += self._lines
        self._lines = 0
