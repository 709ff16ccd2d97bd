"""Note what becomes of the watched files, and what a command does to one of them."""

import logging
from collections import deque
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from addons.ledger.config_events.event import ConfigEvent, Noted
from addons.ledger.config_events.lines import LOCK_NAME, ConfigLines
from addons.ledger.config_events.locking import Locked, locked
from addons.ledger.config_events.unnoted import unnoted
from addons.ledger.config_events.versions import Version, changed, found
from addons.ledger.watched import WatchedFile

logger = logging.getLogger(__name__)

_MOST_WAITING = 200
_MOST_KEPT = 1000
_PATIENCE = 20
"""So many times in a row somebody else may have the lock before that is worth a warning."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class ConfigLog:
    """Notes each version of the files that is in force. One thread calls `tick`, which never waits and never raises."""

    def __init__(self, folder: Path, files: Sequence[WatchedFile[Any]], now: Callable[[], datetime] = utc_now) -> None:
        self._files = files
        self._now = now
        self._since = now()
        self._lock = folder / LOCK_NAME
        self._lines = ConfigLines(folder)
        self._versions: dict[str, Version] = {}
        self._waiting: deque[ConfigEvent] = deque(maxlen=_MOST_WAITING)
        self._theirs: dict[str, list[Noted]] = {}
        self._taken = 0
        self._warned = False

    def tick(self) -> None:
        """Look at the files' versions, and write what the log lacks; what cannot be written waits for the next call."""
        try:
            for file in self._files:
                self._look_at(file)
            if self._waiting:
                self._write()
        except Locked as error:
            self._taken += 1
            if self._taken >= _PATIENCE:
                self._warn(error)
        except OSError as error:
            self._warn(error)
        except Exception as error:  # a fault here must not end the watching
            self._waiting.clear()
            logger.error("%s: changes were not noted: %s", self._lines.path.name, type(error).__name__)

    def _look_at(self, file: WatchedFile[Any]) -> None:
        before, now = self._versions.get(file.path.name), Version(file.good, file.value)
        if before is not None and before.data is now.data:
            return
        self._versions[file.path.name] = now
        event = changed(file.path, before, now, self._now()) if before else found(file.path, now, self._now())
        self._waiting.append(event)

    def _write(self) -> None:
        if not self._lines.path.exists() and all(event.new_sha256 is None for event in self._waiting):
            self._waiting.clear()  # there are no files and no log, and none is made for that
            return
        with locked(self._lock):
            add_missing(self._lines, self._waiting, self._theirs, self._since)
        self._waiting.clear()
        self._taken = 0
        if self._warned:
            self._warned = False
            logger.info("%s: changes of files are noted again", self._lines.path.name)

    def _warn(self, error: OSError) -> None:
        if not self._warned:
            self._warned = True
            text = "%s cannot be written, so changes of files are in force without being noted: %s"
            logger.warning(text, self._lines.path.name, error.strerror or type(error).__name__)


def note_command(path: Path, old: Version, new: Version, now: datetime) -> None:
    """Note what a command has just made of a file. It still has the lock under which it did so. Raises OSError.

    If nobody has noted yet how the old version came about, that is noted as well.
    """
    lines = ConfigLines(path.parent)
    theirs = [noted for noted in lines.take_in() if noted.file == path.name]
    before, _ = unnoted([found(path, old, now)], theirs, now)
    lines.add([*before, changed(path, old, new, now, by_command=True)])


def add_missing(
    lines: ConfigLines, waiting: Collection[ConfigEvent], theirs: dict[str, list[Noted]], since: datetime
) -> None:
    """Write those of the events that nobody has written. The caller has the lock. Raises OSError.

    `theirs` keeps by file what others have written and none of the events has matched yet.
    """
    for noted in lines.take_in():
        theirs.setdefault(noted.file, []).append(noted)
    wanted: list[ConfigEvent] = []
    rests: dict[str, list[Noted]] = {}
    for file in dict.fromkeys(event.file for event in waiting):
        mine = [event for event in waiting if event.file == file]
        missing, rest = unnoted(mine, theirs.get(file, []), since)
        wanted += missing
        rests[file] = rest[-_MOST_KEPT:]
    if wanted:
        lines.add(wanted)
    theirs.update(rests)  # not before, as all is compared again after a failure
