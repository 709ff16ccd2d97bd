"""Make the event of a version of a file: the one at the start, or one that takes the place of another."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from addons.ledger.config_events.compare import compare
from addons.ledger.config_events.event import ConfigEvent
from addons.ledger.config_events.whom import owner_of, this_user


class Version(NamedTuple):
    data: bytes | None
    """The bytes of the file; None where there is none."""
    value: Any
    """The model that they describe."""

    @property
    def sha256(self) -> str | None:
        return None if self.data is None else hashlib.sha256(self.data).hexdigest()


def found(path: Path, version: Version, now: datetime) -> ConfigEvent:
    """Return the event of the version that is there at the start of the process."""
    by = owner_of(path) if version.data is not None else ""
    return ConfigEvent(
        timestamp=now,
        file=path.name,
        kind="found",
        new_sha256=version.sha256,
        by=by,
        by_source="file_owner" if by else "",
    )


def changed(path: Path, old: Version, new: Version, now: datetime, by_command: bool = False) -> ConfigEvent:
    """Return the event of a change: the command's own, made by its user, or one that somebody else has made."""
    by = this_user() if by_command else owner_of(path)
    return ConfigEvent(
        timestamp=now,
        file=path.name,
        kind="change",
        old_sha256=old.sha256,
        new_sha256=new.sha256,
        by=by,
        by_source="command" if by_command else "file_owner" if by else "",
        changes=tuple(compare(old.value, new.value)),
    )
