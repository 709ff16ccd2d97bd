"""Keep the database up to date with the event log, in a thread: at once with watchdog, within a second without."""

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
"""After this long, reading lets go of the database, so that others may write to it."""
_PAUSE_SECONDS = 0.1
"""The pause between two looks, so that a busy log does not set off a look for each of its lines."""


class Follower(WatchingThread):
    """The thread that reads the log. `stop` waits for the batch that is being read."""

    def __init__(self, ingest: Ingest, log: Path, progress: Progress | None = None, interval: float = 1.0) -> None:
        super().__init__("modeltrack-log", [str(log.parent)], "the event log is", interval, stop_seconds=10)
        self.ready = threading.Event()
        """Is set once all that was in the log at the start is in the database."""
        self.progress = progress
        """Is told how far the first reading is."""
        self._ingest = ingest
        self._log = log
        self._problem = ""

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Wake the thread for a change of the log. watchdog calls this in its own thread."""
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
        """Read for a while. Return whether the end was reached; None when there is a problem."""
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
    """Tells the progress of several calls as that of one."""

    def __init__(self, tell: Callable[[int, int, int], None]) -> None:
        self._tell = tell
        self._before = self._lines = 0

    def __call__(self, lines: int, done: int, total: int) -> None:
        self._lines = lines
        self._tell(self._before + lines, done, total)

    def next_slice(self) -> None:
        self._before += self._lines
        self._lines = 0
