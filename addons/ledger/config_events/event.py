"""Write and read a line of config_events.jsonl."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import orjson

from addons.ledger.config_events.compare import Change

LOG_NAME = "config_events.jsonl"
MOST_BYTES = 32 * 1024
"""The size of a line; the changes that it has no room for are only counted."""

Kind = Literal["first", "found", "change"]
"""How a version was noticed: it is the first that the log has of the file, it was found at the start in place of the
last one that the log has, or it came while ModelTrack watched. Only then is known what changed."""

_ROOM_FOR_CHANGES = MOST_BYTES - 2048
_LONGEST_NUMBER = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigEvent:
    timestamp: datetime
    file: str
    kind: Kind
    old_sha256: str | None = None
    """The SHA-256 of the version before, and of this one; None where there was no file, or none is known."""
    new_sha256: str | None
    by: str = ""
    """The name of a user of the system, or his number where he has no name; "" where nobody is known."""
    by_source: Literal["", "command", "file_owner"] = ""
    changes: tuple[Change, ...] | None = None
    """What changed; None where that is not known."""

    def at_start(self, kind: Kind, old_sha256: str | None) -> "ConfigEvent":
        """Return the event with what the log says of the version before."""
        return replace(self, kind=kind, old_sha256=old_sha256)

    def line(self) -> bytes:
        """Return the event as a JSON object, without a newline."""
        found: dict[str, Any] = {
            "timestamp": f"{self.timestamp.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            "file": self.file,
            "kind": self.kind,
            "old_sha256": self.old_sha256,
            "new_sha256": self.new_sha256,
            "by": self.by.encode(errors="replace").decode()[:256],
            "by_source": self.by_source,
            "changes": None,
        }
        if self.changes is not None:
            shown = _fitting(self.changes)
            found["changes"] = [orjson.Fragment(item) for item in shown]
            if len(shown) < len(self.changes):
                found["changes_left_out"] = len(self.changes) - len(shown)
        return orjson.dumps(found)


class Noted(NamedTuple):
    """Keeps of a line what tells whether a version has been noted."""

    file: str
    timestamp: datetime
    old_sha256: str | None
    new_sha256: str | None


def read_line(line: bytes) -> Noted | None:
    """Return what a line says; None for one that is no event, such as one that was cut short."""
    try:
        found = orjson.loads(line)
        old, new, file = found["old_sha256"], found["new_sha256"], found["file"]
        when = datetime.fromisoformat(found["timestamp"])
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(file, str) or when.tzinfo is None:
        return None
    return Noted(file, when, *(value if isinstance(value, str) else None for value in (old, new)))


def _fitting(changes: Iterable[Change]) -> list[bytes]:
    """Return the first changes as JSON, as many as a line has room for."""
    found, size = [], 0
    for change in changes:
        item = orjson.dumps(_members(change), default=_number)
        size += len(item) + 1
        if size > _ROOM_FOR_CHANGES:
            break
        found.append(item)
    return found


def _members(change: Change) -> dict[str, Any]:
    members = {
        "part": change.part,
        "change": change.kind,
        "entry": change.entry,
        "fields": change.fields,
        "old": change.old,
        "new": change.new,
    }
    return {name: value for name, value in members.items() if value}


def _number(value: Any) -> Any:
    """Write a decimal as it is, which a float might not be."""
    if not isinstance(value, Decimal):
        raise TypeError
    text = format(value, "f") if -_LONGEST_NUMBER < value.adjusted() < _LONGEST_NUMBER else str(value)
    return orjson.Fragment(text) if len(text) <= _LONGEST_NUMBER else text[:_LONGEST_NUMBER]
