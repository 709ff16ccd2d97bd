"""A window's events into the log once, whatever is killed, lost or run again.

The ids of events follow from what they are about, so those that the log has already are known. The state file says only
how far each source has come, and is written after the log is on disk: losing it costs work, nothing else.
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

logger = logging.getLogger(__name__)

STATE_NAME = "collector_state.json"
_MOST_STATE_BYTES = 2**20
_CALL = f'"event_type":"{LLM_CALL}"'.encode()  # a line with it need not be parsed


class OnceLog:
    """The event log for one collector, the only process that writes such events to it."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._written: set[str] = set()

    def open(self, since: datetime) -> None:
        """Learn what is in the log already; none of what is to come was written before `since`. Raises OSError."""
        self._log.open()
        self._written = ids_since(self._log.path, since)

    def write(self, events: Sequence[InfraEvent]) -> int:
        """Append those that are not in the log yet, and force it to disk; how many those were.

        Raises OSError when they are not all in it: then write them again.
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
        """Of a window that will not come again."""
        self._written.difference_update(event.event_id for event in events)

    def close(self) -> None:
        self._log.close()


def ids_since(log: Path, since: datetime) -> set[str]:
    """Of the events of collectors on complete lines that were written since then. Raises OSError."""
    return {
        text(event, "event_id")
        for part in [*LogFiles(log).rotated(since), log]
        for line, _ in read_lines(part, start_of(part, since))
        if _CALL not in line and (event := parse_line(line)) and not is_call(event)
    }


class State:
    """data/collector_state.json: up to when each source has been collected."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._until: dict[str, datetime] = {}

    def load(self) -> None:
        """What cannot be read counts as nothing collected."""
        try:
            with self._path.open("rb") as file:
                self._until = _parsed(json.loads(file.read(_MOST_STATE_BYTES)))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            logger.warning("%s cannot be read (%s) and is begun anew", self._path.name, type(error).__name__)

    def until(self, source: str) -> datetime | None:
        return self._until.get(source)

    def advance(self, source: str, end: datetime) -> None:
        """On disk when this returns. Raises OSError."""
        until = self._until | {source: end}
        text = json.dumps({"collected_until": {name: moment.isoformat() for name, moment in until.items()}}, indent=2)
        new = self._path.with_name(self._path.name + ".new")
        with new.open("w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self._path)
        self._until = until


def _parsed(state: Any) -> dict[str, datetime]:
    until = {name: datetime.fromisoformat(text) for name, text in state["collected_until"].items()}
    return {name: moment if moment.tzinfo else moment.replace(tzinfo=UTC) for name, moment in until.items()}
