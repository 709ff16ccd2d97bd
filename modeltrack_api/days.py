"""Days and months, in UTC."""

from calendar import monthrange
from datetime import UTC, datetime

from modeltrack_api.facts import moment


def day_of(micros: int) -> str:
    """YYYY-MM-DD, in UTC."""
    return moment(micros).date().isoformat()


def day_start(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def month_start(moment: datetime) -> datetime:
    return day_start(moment).replace(day=1)


def next_month(start: datetime) -> datetime:
    return months_before(start, -1)


def months_before(day: datetime, months: int) -> datetime:
    """The same day of the month, or the last where that has fewer."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return day.replace(year=year, month=month + 1, day=min(day.day, monthrange(year, month + 1)[1]))
