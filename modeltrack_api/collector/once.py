"""Write each window's events to the log once, even if the collector is killed or the state file is lost.

An event's id is made from what it is about, so an event that is in the log already is recognised. The state file says
only how far each source has been collected, and is written after the log is on disk. If it is lost, windows are
collected again, but no event is written twice.
"""

import json
import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from addons.ledger.event_log import EventLog
from addons.ledger.events import LLM_CALL, InfraEvent
from addons.ledger.log_files import LogFiles
from addons.ledger.log_reader import is_call, parse_line, read_lines, start_of, text
from addons.ledger.private_files import open_private, open_to_read

logger = logging.getLogger(__name__)

STATE_NAME = "collector_state.json"
_MOST_STATE_BYTES = 2**20
_CALL = f'"event_type":"{LLM_CALL}"'.encode()  # a line with it need not be parsed


class OnceLog:
    """The event log for one collector, which must be the only process that writes such events."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._written: set[str] = set()

    def open(self, since: datetime) -> None:
        """Learn which events are in the log already. Raises OSError.

        `since` is a time before which no event that is still to come can have been written.
        """
        self._log.open()
        self._written = ids_since(self._log.path, since)

    def write(self, events: Sequence[InfraEvent]) -> int:
        """Append the events that are not in the log yet, force them to disk, and return how many they were.

        Raises OSError if not all of them are in the log; then the caller must write them again.
        """
        self._log.flush_pending()
        new = 0
        for event in events:
            if event.event_id not in self._written:
                dropped = self._log.dropped
                self._log.append(event.line())
                if self._log.dropped > dropped:
                    break
                self._written.add(event.event_id)
                new += 1
        self._log.tick()
        if self._log.pending or self._log.error or not all(event.event_id in self._written for event in events):
            raise OSError(f"{self._log.path.name}: {self._log.error or 'cannot be written'}")
        return new

    def forget(self, events: Sequence[InfraEvent]) -> None:
        """Forget the events of a window that will not be collected again, to save memory."""
        self._written.difference_update(event.event_id for event in events)

    def close(self) -> None:
        self._log.close()


def ids_since(log: Path, since: datetime) -> set[str]:
    """Return the ids of the collector's events that were written since then, from complete lines. Raises OSError."""
    return {
        text(event, "event_id")
        for part in [*LogFiles(log).rotated(since), log]
        for line, _ in read_lines(part, start_of(part, since))
        if _CALL not in line and (event := parse_line(line)) and not is_call(event)
    }


class State:
    """The file data/collector_state.json: up to when each source has been collected."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._until: dict[str, datetime] = {}

    def load(self) -> None:
        """Read the file. If it cannot be read, nothing counts as collected."""
        try:
            with open_to_read(self._path) as file:
                self._until = _parsed(json.loads(file.read(_MOST_STATE_BYTES)))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            logger.warning(
                "%s cannot be read (%s); starting again from COLLECT_BACKFILL_DAYS ago",
                self._path.name,
                type(error).__name__,
            )

    def until(self, source: str) -> datetime | None:
        return self._until.get(source)

    def advance(self, source: str, end: datetime) -> None:
        """Note that a source has been collected up to `end`. It is on disk when this returns. Raises OSError."""
        until = self._until | {source: end}
        text = json.dumps({"collected_until": {name: moment.isoformat() for name, moment in until.items()}}, indent=2)
        new = self._path.with_name(self._path.name + ".new")
        with os.fdopen(open_private(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self._path)
        self._until = until


def _parsed(state: Any) -> dict[str, datetime]:
    until = {name: datetime.fromisoformat(text) for name, text in state["collected_until"].items()}
    return {name: moment if moment.tzinfo else moment.replace(tzinfo=UTC) for name, moment in until.items()}
