"""Convert times in UTC: microseconds since 1970, days, months, and ranges of them."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from addons.ledger.events import rfc3339

HOUR = 3_600_000_000
"""Microseconds, like DAY and FOREVER."""
DAY = 24 * HOUR
FOREVER = 9999 * 366 * DAY
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Window(NamedTuple):
    """A range of time in microseconds since 1970. `end` is not part of it."""

    start: int = 0
    end: int = FOREVER


ALWAYS = Window()


def micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    """Return the UTC time of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)


def time(at: int | None) -> str | None:
    """Return microseconds since 1970 as RFC 3339 text, or None for None."""
    return None if at is None else rfc3339(moment(at))


def day_of(micros: int) -> str:
    """Return the UTC day as YYYY-MM-DD."""
    return moment(micros).date().isoformat()


def day_start(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def month_start(moment: datetime) -> datetime:
    return day_start(moment).replace(day=1)


def next_month(start: datetime) -> datetime:
    return months_before(start, -1)


def months_before(day: datetime, months: int) -> datetime:
    """Return the same day of the month, so many months earlier; a shorter month's last day if it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return day.replace(year=year, month=month + 1, day=min(day.day, monthrange(year, month + 1)[1]))
