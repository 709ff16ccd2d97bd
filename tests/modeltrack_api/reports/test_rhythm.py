"""Test when reports are due, and which days they cover."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeltrack_api.reports.rhythm import PERIODS, Rhythm, covered, due_after, dues
from modeltrack_api.utc import moment


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("rhythm", "after", "due"),
    [
        (Rhythm("daily", 9), "2026-03-10T08:59", "2026-03-10T09:00"),
        (Rhythm("daily", 9), "2026-03-10T09:00", "2026-03-11T09:00"),
        (Rhythm("daily", 0), "2026-12-31T23:59", "2027-01-01T00:00"),
        (Rhythm("weekly", 9, day_of_week=0), "2026-03-10T12:00", "2026-03-15T09:00"),  # a Sunday
        (Rhythm("weekly", 9, day_of_week=2), "2026-03-10T08:00", "2026-03-10T09:00"),  # a Tuesday
        (Rhythm("weekly", 9, day_of_week=2), "2026-03-10T09:00", "2026-03-17T09:00"),
        (Rhythm("monthly", 9, day_of_month=1), "2026-03-10T12:00", "2026-04-01T09:00"),
        (Rhythm("monthly", 9, day_of_month=31), "2026-01-31T09:00", "2026-02-28T09:00"),
        (Rhythm("monthly", 9, day_of_month=30), "2028-02-01T00:00", "2028-02-29T09:00"),
        (Rhythm("monthly", 9, day_of_month=31), "2026-04-30T09:00", "2026-05-31T09:00"),
        # Days on which clocks in Europe and America are changed; UTC has no such changes.
        (Rhythm("daily", 1), "2026-03-29T00:30", "2026-03-29T01:00"),
        (Rhythm("daily", 2), "2026-03-08T01:30", "2026-03-08T02:00"),
        (Rhythm("daily", 1), "2026-10-25T01:00", "2026-10-26T01:00"),
    ],
)
def test_when_a_report_is_due(rhythm: Rhythm, after: str, due: str) -> None:
    assert due_after(rhythm, at(after)) == at(due)


rhythms = st.builds(
    Rhythm,
    st.sampled_from(["daily", "weekly", "monthly"]),
    st.integers(0, 23),
    st.integers(0, 6),
    st.integers(1, 31),
)


@given(rhythms, st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)))
def test_a_year_has_365_days_52_weeks_and_12_months_of_reports(rhythm: Rhythm, naive: datetime) -> None:
    start = naive.replace(tzinfo=UTC)
    found = [due for due in dues(rhythm, due_after(rhythm, start), start.replace(year=start.year + 1, day=1))]
    least, most = {"daily": (334, 366), "weekly": (47, 53), "monthly": (11, 13)}[rhythm.frequency]
    assert least <= len(found) <= most
    assert found == sorted(set(found)) and found[0] > start
    assert {due.hour for due in found} == {rhythm.hour}


@pytest.mark.parametrize(
    ("period", "due", "start", "end", "before"),
    [
        ("daily", "2026-03-10T08:00", "2026-03-09", "2026-03-10", "2026-03-08"),
        ("weekly", "2026-03-09T08:00", "2026-03-02", "2026-03-09", "2026-02-23"),
        ("monthly", "2026-03-01T08:00", "2026-02-01", "2026-03-01", "2026-01-01"),
        ("monthly", "2026-03-31T08:00", "2026-02-28", "2026-03-31", "2026-01-31"),
        ("quarterly", "2026-01-01T00:00", "2025-10-01", "2026-01-01", "2025-07-01"),
    ],
)
def test_what_a_report_covers(period: str, due: str, start: str, end: str, before: str) -> None:
    window, previous = covered(period, at(due))
    days = [f"{moment(value):%Y-%m-%d}" for value in (*window, *previous)]
    assert days == [start, end, before, start]


@given(st.sampled_from(PERIODS), st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)))
def test_a_report_covers_whole_days_that_are_over(period: str, naive: datetime) -> None:
    window, previous = covered(period, naive.replace(tzinfo=UTC))
    assert previous.start < previous.end == window.start < window.end
    assert moment(window.end) <= naive.replace(tzinfo=UTC)
    assert not any(moment(value).hour or moment(value).minute for value in (*window, *previous))
