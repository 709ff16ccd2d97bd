"""Decide which changes the log still lacks, where several processes note what they see of the same files.

Each of them sees a change in its own time. What others have noted since this one last looked is compared with what it
wants to note itself, in order: so a change is in the log once, and one that happens again is there again.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from addons.ledger.config_events.event import ConfigEvent, Noted


def unnoted(
    waiting: Iterable[ConfigEvent], theirs: Sequence[Noted], since: datetime
) -> tuple[list[ConfigEvent], list[Noted]]:
    """Return the events of one file that have to be written, and the lines of others that match none of them.

    `theirs` are the lines for the file that were not yet matched, and `since` is when this process read the files for
    the first time. An event of a version that was there then is `found` in `waiting`.
    """
    mine, rest = list(waiting), list(theirs)
    if not mine or (rest and rest[-1].new_sha256 == mine[-1].new_sha256):
        return [], [] if mine else rest  # the log knows of the version that is in force
    wanted = []
    for event in mine:
        if event.kind == "change":
            matches = [n for n, line in enumerate(rest) if line.new_sha256 == event.new_sha256]
            if not matches:
                wanted.append(event)
            rest = rest[matches[0] + 1 :] if matches else rest
        else:
            found, rest = _at_start(event, rest, since)
            wanted += found
    return wanted, [] if wanted else rest  # a line of theirs that stands before ours says nothing of what comes


def _at_start(event: ConfigEvent, lines: list[Noted], since: datetime) -> tuple[list[ConfigEvent], list[Noted]]:
    """Do so for the version that was there at the start, with all lines that the log has of the file."""
    for n, line in enumerate(lines):
        # Another process has noted since then what became of this version.
        if line.timestamp >= since and event.new_sha256 in (line.old_sha256, line.new_sha256):
            return [], lines[n + (line.new_sha256 == event.new_sha256) :]
    if lines:
        last = lines[-1].new_sha256
        return ([] if last == event.new_sha256 else [event.at_start("found", last)]), []
    return ([event.at_start("first", None)] if event.new_sha256 else []), []
