from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeltrack_api.utc import ALWAYS, DAY, FOREVER, HOUR, micros
from modeltrack_api.web import params
from modeltrack_api.web.handler import ApiError


def at(text: str) -> int:
    return micros(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("text", "start", "length"),
    [
        ("2026-03-31", at("2026-03-31T00:00+00:00"), DAY),
        ("2026-03-31T12:00:00Z", at("2026-03-31T12:00+00:00"), 1),
        ("2026-03-31t12:00:00z", at("2026-03-31T12:00+00:00"), 1),
        ("2026-03-31 12:00", at("2026-03-31T12:00+00:00"), 1),
        ("2026-03-31T12:00:00", at("2026-03-31T12:00+00:00"), 1),
        ("2026-03-31T12:00:00+02:00", at("2026-03-31T10:00+00:00"), 1),
        ("2026-03-31T12:00:00 02:00", at("2026-03-31T10:00+00:00"), 1),
        ("2026-03-31T12:00:00-02:00", at("2026-03-31T14:00+00:00"), 1),
        ("2026-03-31T12:00:00.123456789Z", at("2026-03-31T12:00:00.123456+00:00"), 1),
        ("0001-01-01T00:00:00+23:59", at("0001-01-01T00:00+23:59"), 1),
        ("9999-12-31", at("9999-12-31T00:00+00:00"), DAY),
    ],
)
def test_a_date_covers_its_day_and_a_time_its_moment(text: str, start: int, length: int) -> None:
    assert params.DATE.parse(text) == (start, start + length)


@pytest.mark.parametrize(
    "text",
    [
        *("", "today", "2026-3-1", "2026-02-30", "20260301", "2026-W10-1", "0000-01-01", "2026-03-31T24:00:01Z"),
        *("2026-03-31T12", "2026-03-31Z", "2026-03-31T12:00:60Z", "2026-03-31T12:00:00+99:00", "٢٠٢٦-03-31"),
        "1" * 5000,
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match=r"^start_date: .* is not allowed: must be a day such as") as raised:
        params.read({"start_date": text}, params.WINDOW)
    assert raised.value.status == 400
    assert len(str(raised.value)) < 250


@given(st.text(max_size=40))
def test_any_text_is_a_date_or_is_refused(text: str) -> None:
    try:
        start, end = params.DATE.parse(text)
    except ValueError:
        return
    assert start < end <= FOREVER


def window(**given: str) -> tuple[tuple[int, int], bool]:
    return params.window(params.read(given, params.WINDOW))


def test_a_window_is_half_open_and_has_its_last_day() -> None:
    day = at("2026-03-31T00:00+00:00")
    assert window() == (ALWAYS, False)
    assert window(start_date="2026-03-31", end_date="2026-03-31") == ((day, day + DAY), True)
    assert window(start_date="2026-03-31") == ((day, FOREVER), True)
    assert window(end_date="2026-03-31T01:00:00Z") == ((0, day + HOUR + 1), True)


@pytest.mark.parametrize("end", ["2026-03-30", "2026-03-30T23:59:59Z"])
def test_a_window_that_ends_before_it_begins_is_refused(end: str) -> None:
    with pytest.raises(ApiError, match="start_date is after end_date"):
        window(start_date="2026-03-31", end_date=end)


def test_a_filter_that_is_empty_is_not_one_that_is_missing() -> None:
    values = params.read({"team": ""}, params.FILTERS)
    assert params.filters(values)._asdict() | {"team": "?"} == dict.fromkeys(params.Filters._fields) | {"team": "?"}
    assert params.filters(params.read({"team": ""}, params.FILTERS)).team == ""
    assert params.filters(params.read({}, params.FILTERS)) == params.ANY
