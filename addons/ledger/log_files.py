"""Decide which files are the event log: `cost_events.jsonl` itself and its rotated parts, for proxy, API and collector.

A rotated part has a number or a date behind the log's name, as logrotate gives it (`.1`, `-20261110`). Any other name
beside the log, such as `.bak`, is a copy: it holds the same events again. Compressed parts and links are not read.
"""

import logging
import re
from datetime import datetime
from enum import Enum
from pathlib import Path

from addons.ledger.events import LOG_NAME
from addons.ledger.private_files import is_link

logger = logging.getLogger(__name__)

_NUMBER_OR_DATE = re.compile(r"[.-]\d[\d.:T_-]*")
_COMPRESSED = (".gz", ".xz", ".bz2", ".zst")


class FileKind(Enum):
    """Says what a file in the log's folder is. The value says why a file is not read."""

    LOG = "the log"
    ROTATED = "a rotated part"
    COMPRESSED = "compressed"
    COPY = "not named as logrotate does"
    LINK = "a symbolic link"
    UNRELATED = "not of the log"


def file_kind(name: str, log_name: str = LOG_NAME) -> FileKind:
    """Tell from its name what a file in the log's folder is. Only LOG and ROTATED hold events."""
    if name == log_name:
        return FileKind.LOG
    suffix = name.removeprefix(log_name)
    if suffix == name or suffix[0] not in ".-":
        return FileKind.UNRELATED
    if _NUMBER_OR_DATE.fullmatch(suffix):
        return FileKind.ROTATED
    return FileKind.COMPRESSED if suffix.endswith(_COMPRESSED) else FileKind.COPY


class LogFiles:
    """Find the rotated parts of a log, and log each file beside it that is not read, once."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._reported: set[Path] = set()

    def rotated(self, since: datetime | None = None) -> list[Path]:
        """Return the rotated parts, by name; with `since`, only those that were written to since then.

        Raises OSError.
        """
        found = []
        for path in sorted(self._log.parent.iterdir()) if self._log.parent.is_dir() else ():
            kind = file_kind(path.name, self._log.name)
            if kind in (FileKind.LOG, FileKind.UNRELATED) or not path.is_file():
                continue
            if is_link(path):
                kind = FileKind.LINK
            elif since and path.stat().st_mtime < since.timestamp():
                continue
            if kind is FileKind.ROTATED:
                found.append(path)
            else:
                self._report(path, kind)
        return found

    def _report(self, path: Path, kind: FileKind) -> None:
        if path not in self._reported:
            self._reported.add(path)
            logger.warning(
                "%s is %s and is not read, so its events do not count; parts that are read are named like %s.1",
                path.name,
                kind.value,
                self._log.name,
            )
