"""Run a background thread that wakes when something in a folder changes: by watchdog, or else by polling."""

import logging
import threading
from collections.abc import Iterable

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

logger = logging.getLogger(__name__)

_OBSERVER_SECONDS = 2

# watchdog logs this as an error where a change comes while it is being stopped, which is nothing to worry about.
logging.getLogger("watchdog.observers.inotify").addFilter(
    lambda record: "called when the thread is inactive" not in record.getMessage()
)


class WatchingThread(FileSystemEventHandler):
    """Watches folders in a background thread.

    A subclass works in `_run` until `_stopping` is set, and sets `_wake` in `on_any_event`.
    """

    def __init__(
        self,
        name: str,
        folders: Iterable[str],
        what: str,
        interval: float,
        *,
        stop_seconds: float,
        events: list[type[FileSystemEvent]] | None = None,
    ) -> None:
        """Make the thread. Without watchdog it polls every `interval` seconds, and logs "`what` polled every …".

        `events` are the kinds of watchdog's events that count; None: all.
        """
        self._folders = set(folders)
        self._what = what
        self._interval = interval
        self._stop_seconds = stop_seconds
        self._events = events
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._observer: BaseObserver | None = None

    def start(self) -> None:
        try:
            self._observer = Observer()
            self._observer.start()
            for folder in self._folders:
                self._observer.schedule(self, folder, event_filter=self._events)
        except Exception as error:  # no inotify, no watches left or no directory: polling is enough
            logger.info("%s polled every %g s, not watched: %s", self._what, self._interval, error)
        self._thread.start()

    def stop(self) -> None:
        """Wait for the thread, but no more than `stop_seconds`. It may be called twice, or without `start`."""
        self._stopping.set()
        self._wake.set()
        if self._observer and self._observer.is_alive():
            # In a thread of its own, since watchdog waits for its own threads without a limit.
            ending = threading.Thread(target=self._observer.stop, name="watchdog-stop", daemon=True)
            ending.start()
            ending.join(_OBSERVER_SECONDS)
        if self._thread.is_alive():
            self._thread.join(self._stop_seconds)

    def _run(self) -> None:
        raise NotImplementedError
