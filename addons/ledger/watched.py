"""Configuration files that reload themselves and keep the last good version.

At least twice a second a file is read again and its bytes are compared. So renames, symlink swaps (a Kubernetes
ConfigMap), changes within one mtime and file systems without inotify need no care. watchdog only makes it sooner.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from watchdog.events import FileClosedEvent, FileCreatedEvent, FileDeletedEvent, FileMovedEvent, FileSystemEvent

from addons.ledger.watching import WatchingThread

logger = logging.getLogger(__name__)

_STAYS = "; the last good version stays in force"
# "modified" is left out, because the event log in the same directory would set it off at every event.
_EVENTS: list[type[FileSystemEvent]] = [FileClosedEvent, FileCreatedEvent, FileDeletedEvent, FileMovedEvent]


class ConfigError(ValueError):
    """A configuration file that cannot be used. The text is one line, which begins with the file's name."""


class WatchedFile[T]:
    """Keeps the last good version of a file in `value`.

    `error` says in one line why the file is not in force, and is None if it is. `parse` gets the bytes of the file and
    raises ValueError with a message that does not name the file. `missing` makes the value of a file that is not there
    at start; without it such a file is an error. `value` is there after `load`.
    """

    value: T

    def __init__(
        self,
        path: Path,
        parse: Callable[[bytes], T],
        missing: Callable[[], T] | None = None,
        *,
        max_bytes: int = 4 * 2**20,
    ) -> None:
        self.path = path
        self.error: str | None = None
        self._parse = parse
        self._missing = missing
        self._max_bytes = max_bytes
        self._good: bytes | None = None  # what `value` was made of; None where there was no file
        self._suspect: tuple[bytes | None, str] | None = None

    @property
    def good(self) -> bytes | None:
        """Return the bytes of the version in force; None where there was no file. They are another object for each."""
        return self._good

    def load(self) -> T:
        """Read the file for the first time. Raises ConfigError."""
        try:
            data = self._read()
            self.value = self._parsed(data)
        except ValueError as error:
            raise ConfigError(self._named(error)) from error
        self._good = data
        return self.value

    def check(self) -> bool:
        """Read the file again. Return True when `value` or `error` changed. Never raises.

        A good version is taken at once. A problem is believed only when the next check finds the same one, because the
        file may have been half written.
        """
        data = None
        try:
            data = self._read()
            if data == self._good:
                return self._recover()
            if data is None:
                raise ValueError("the file is gone" + _STAYS)
            if self._suspect and data == self._suspect[0]:
                return self._doubt(*self._suspect)
            self.value = self._parsed(data)
        except ValueError as error:
            return self._doubt(data, self._named(error))
        self._good, self._suspect, self.error = data, None, None
        logger.info("%s: a new version is in force", self.path.name)
        return True

    def _read(self) -> bytes | None:
        """Return the file's bytes; None when there is no file. Raises ValueError."""
        try:
            with self.path.open("rb") as file:
                data = file.read(self._max_bytes + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror}") from error
        if len(data) > self._max_bytes:
            raise ValueError(f"is over {self._max_bytes} bytes")
        return data

    def _parsed(self, data: bytes | None) -> T:
        if data is not None:
            try:
                return self._parse(data)
            except ValueError:
                raise
            except Exception as error:  # a fault in `parse` must not end the watching
                logger.exception("%s: cannot be parsed", self.path.name)
                raise ValueError(f"cannot be parsed: {type(error).__name__}") from error
        if self._missing is None:
            raise ValueError(f"is not there: {self.path}")
        return self._missing()

    def _named(self, error: ValueError) -> str:
        return f"{self.path.name}: {' '.join(str(error).split())}"

    def _recover(self) -> bool:
        self._suspect = None
        if self.error is None:
            return False
        self.error = None
        logger.info("%s: is again the version that is in force", self.path.name)
        return True

    def _doubt(self, data: bytes | None, message: str) -> bool:
        first_time = self._suspect != (data, message)
        self._suspect = (data, message)
        if first_time or message == self.error:
            return False
        self.error = message
        logger.warning("%s%s", message.removesuffix(_STAYS), _STAYS)
        return True


class Watcher(WatchingThread):
    """Checks several files in a background thread: every `interval` seconds, and when their directories change.

    It calls `on_change` after each check that returned True, and `after` when all files have been checked. Neither may
    hold up the thread or raise.
    """

    def __init__(
        self,
        files: Sequence[WatchedFile[Any]],
        on_change: Callable[[WatchedFile[Any]], None],
        interval: float = 0.5,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        folders = {str(file.path.parent) for file in files}
        super().__init__("modeltrack-files", folders, "files are", interval, stop_seconds=2, events=_EVENTS)
        self._files = list(files)
        self._on_change = on_change
        self._after = after
        self._names = {file.path.name for file in files} | {"..data"}  # "..data" is what Kubernetes swaps

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Wake the thread for a change of one of the files. watchdog calls this in its own thread."""
        if self._names & {Path(str(path)).name for path in (event.src_path, event.dest_path)}:
            self._wake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            for file in self._files:
                self._check(file)
            self._after()
            self._wake.wait(self._interval)
            self._wake.clear()

    def _check(self, file: WatchedFile[Any]) -> None:
        try:
            if file.check():
                self._on_change(file)
        except Exception:
            logger.exception("%s: its change was not handled", file.path.name)
