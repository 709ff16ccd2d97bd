"""Read the event log: from an offset, or from a point in time without reading what is before it.

The log may hold torn lines (see `event_log`) and events of several processes, which are only roughly in order of time.
The collector's events are in no order at all, because their time is the time that was paid for.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from addons.ledger.events import LLM_CALL
from addons.ledger.private_files import open_to_read

_BLOCK = 2**20
_MAX_LINE = 16 * 2**20


def parse_line(line: bytes) -> dict[str, Any] | None:
    """Return the event; None for a line that is torn, blank or not a JSON object."""
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None


def event_time(event: Mapping[str, Any]) -> datetime | None:
    """Return the event's `timestamp` (RFC 3339; UTC where it names no zone); None when it has none that can be read.

    The original ModelTrack wrote nanoseconds; they are cut to microseconds.
    """
    try:
        time = datetime.fromisoformat(event["timestamp"])
    except (KeyError, TypeError, ValueError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def event_type(event: Mapping[str, Any]) -> str:
    """Return the event's `event_type`. An event without one is a call to a model: so the original ModelTrack wrote."""
    return text(event, "event_type") or LLM_CALL


def is_call(event: Mapping[str, Any]) -> bool:
    """Tell whether the event is a call to a model; the others are the collector's."""
    return event_type(event) == LLM_CALL


def text(event: Mapping[str, Any], name: str) -> str:
    """Return a member of the event that is a text; "" for one that is missing or something else."""
    value = event.get(name)
    return value if type(value) is str else ""


def start_of(log: Path | BinaryIO, since: datetime, slack: timedelta = timedelta(hours=1)) -> int:
    """Return the offset of a line before which every call is older than `since`; later ones may be older too.

    Nothing before it was written after `since` either. It is found by bisection over the calls, which reads a few lines
    in log2(size) places. It is right as long as no call's event is written more than `slack` after one with a later
    timestamp. `since` has a time zone. The offset is 0 when there is no file. Raises OSError.
    """
    try:
        with _opened(log) as file:
            low, high = 0, file.seek(0, 2)
            while low < high:
                middle = (low + high) // 2
                time, end = _first_event(file, middle, high)
                if time is None or since - time <= slack:
                    high = middle
                else:
                    low = end
            return low
    except FileNotFoundError:
        return 0


def read_lines(log: Path | BinaryIO, offset: int = 0) -> Iterator[tuple[bytes, int]]:
    """Yield each complete line from `offset` on, without its newline, and the offset after it.

    A last line that has no newline yet is left for the next time. A line over 16 MiB comes as b"", so that the offset
    passes it. When there is no file, there are no lines. Raises OSError.
    """
    try:
        opened = _opened(log)
    except FileNotFoundError:
        return
    with opened as file:
        file.seek(offset)
        rest = b""
        skipped = 0  # bytes of an over-long line
        while block := file.read(_BLOCK):
            lines = (rest + block).split(b"\n")
            rest = lines.pop()
            for line in lines:
                offset += skipped + len(line) + 1
                yield (b"" if skipped or len(line) > _MAX_LINE else line), offset
                skipped = 0
            if skipped or len(rest) > _MAX_LINE:
                skipped += len(rest)
                rest = b""


def _opened(log: Path | BinaryIO) -> AbstractContextManager[BinaryIO]:
    return open_to_read(log) if isinstance(log, Path) else nullcontext(log)


def _first_event(file: BinaryIO, start: int, end: int) -> tuple[datetime | None, int]:
    """Find the first call with a time among the lines that begin in [start, end); return its time and the offset after
    its line.
    """
    file.seek(max(0, start - 1))
    if start > 0:
        _read_line(file)
    while file.tell() < end:
        line = _read_line(file)
        event = parse_line(line)
        if event and is_call(event) and (time := event_time(event)):
            return time, file.tell()
    return None, end


def _read_line(file: BinaryIO) -> bytes:
    """Read to the end of the line; return at most its first 16 MiB."""
    line = part = file.readline(_MAX_LINE)
    while part and not part.endswith(b"\n"):
        part = file.readline(_MAX_LINE)
    return line
