"""Work out when a report is due, and which days it covers.

All days and hours are UTC, where no hour is skipped or comes twice.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from modeltrack_api.utc import Window, day_start, micros, months_before

ONE_DAY = timedelta(days=1)
MONTHS = {"monthly": 1, "quarterly": 3}
PERIODS = ("daily", "weekly", *MONTHS)


class Rhythm(NamedTuple):
    frequency: str
    """One of daily, weekly and monthly."""
    hour: int
    day_of_week: int | None = None
    """0 is Sunday, as in cron."""
    day_of_month: int | None = None
    """In a shorter month the report is due on the last day."""

    def has(self, day: date) -> bool:
        if self.frequency == "weekly":
            return day.isoweekday() % 7 == self.day_of_week
        if self.frequency == "monthly":
            return day.day == min(self.day_of_month or 1, monthrange(day.year, day.month)[1])
        return True


def due_after(rhythm: Rhythm, moment: datetime) -> datetime:
    """Return the first moment after `moment` at which the report is due."""
    day = moment.astimezone(UTC).date()
    while True:
        due = datetime(day.year, day.month, day.day, rhythm.hour, tzinfo=UTC)
        if due > moment and rhythm.has(day):
            return due
        day += ONE_DAY


def dues(rhythm: Rhythm, first: datetime, now: datetime) -> Iterator[datetime]:
    """Yield every moment at which the report is due, from `first`, which is one of them, up to `now`."""
    due = first
    while due <= now:
        yield due
        due = due_after(rhythm, due)


def covered(period: str, due: datetime) -> tuple[Window, Window]:
    """Return the period that ends with the day before `due`, and the period before that."""
    end = day_start(due)
    start, before = (_back(period, end, times) for times in (1, 2))
    return Window(micros(start), micros(end)), Window(micros(before), micros(start))


def _back(period: str, end: datetime, times: int) -> datetime:
    if period in MONTHS:
        return months_before(end, times * MONTHS[period])
    return end - ONE_DAY * (7 if period == "weekly" else 1) * times
