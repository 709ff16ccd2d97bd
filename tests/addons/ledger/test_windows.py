"""Test which month a moment is in, and when the next one begins."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.ledger.spend import month_of
from addons.ledger.windows import window_of


@pytest.mark.parametrize(
    ("moment", "start", "anew"),
    [
        ("2026-11-28T01:02:03.4+00:00", "2026-11-01", "2026-12-01"),
        ("2026-12-31T23:59:59+00:00", "2026-12-01", "2027-01-01"),
        ("2027-01-01T00:00:00+00:00", "2027-01-01", "2027-02-01"),
        ("2027-01-01T00:30:00+01:00", "2026-12-01", "2027-01-01"),
        ("2026-10-31T23:00:00-02:00", "2026-11-01", "2026-12-01"),
    ],
)
def test_a_window_is_a_month_in_utc(moment: str, start: str, anew: str) -> None:
    window = window_of(datetime.fromisoformat(moment))
    assert (str(window.start)[:10], str(window.starts_anew)[:10]) == (start, anew)
    assert window.start.tzinfo is UTC and str(window.starts_anew)[10:] == " 00:00:00+00:00"


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2999, 1, 1)),
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_a_window_is_the_time_whose_spend_is_one_sum(moment: datetime, zone: timezone) -> None:
    when = moment.replace(tzinfo=zone)
    start, anew = window_of(when)
    assert start <= when < anew
    assert month_of(start) == month_of(when) == month_of(anew - timedelta(microseconds=1)) != month_of(anew)
