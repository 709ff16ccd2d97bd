"""Tell the stretch of time that a budget is for: a calendar month in UTC."""

from datetime import UTC, datetime
from typing import NamedTuple


class Window(NamedTuple):
    start: datetime
    starts_anew: datetime
    """The end of the window, at which the next one begins with nothing spent."""


def window_of(moment: datetime) -> Window:
    """Return the window that a moment is in."""
    start = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    is_last = start.month == 12
    return Window(start, start.replace(year=start.year + is_last, month=1 if is_last else start.month + 1))
