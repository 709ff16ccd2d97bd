"""The trend in daily amounts: what it finds again, and how often what comes is in the range that it gives."""

import random
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeltrack_api.forecasting.trend import INTERVAL, LEAST_FOR_A_LINE, Trend, _student

WEEK = (20.0, 20, 20, 20, 20, -50, -50)


@pytest.mark.parametrize("days", [LEAST_FOR_A_LINE, 30, 91])
@pytest.mark.parametrize("slope", [0.0, 2.5, -0.5])
@pytest.mark.parametrize("week", [WEEK, (0.0,) * 7], ids=["weekly", "even"])
def test_a_line_with_weekdays_is_found_again(days: int, slope: float, week: tuple[float, ...]) -> None:
    def amount(day: int) -> float:
        return 200 + slope * day + week[day % 7]

    trend = Trend.of([amount(day) for day in range(days)])
    assert trend.slope == pytest.approx(slope, abs=1e-9)
    for day in range(days, 2 * days):
        assert trend.total([day]) == pytest.approx((amount(day),) * 3)
    to_come = range(days, days + 14)
    assert trend.total(to_come) == pytest.approx((sum(map(amount, to_come)),) * 3)


@pytest.mark.parametrize("unknown", [{0}, {3, 4}, {5, 12, 19}, set(range(1, 29, 2))], ids=str)
def test_a_line_is_found_again_though_some_days_are_not_known(unknown: set[int]) -> None:
    def amount(day: int) -> float:
        return 200 + 2.5 * day + WEEK[day % 7]

    trend = Trend.of([None if day in unknown else amount(day) for day in range(35)])
    assert trend.slope == pytest.approx(2.5)
    for day in range(35, 49):
        assert trend.total([day]) == pytest.approx((amount(day),) * 3)


def test_where_a_weekday_is_never_known_the_mean_of_the_others_is_used() -> None:
    trend = Trend.of([None if day % 7 == 2 else 6.0 for day in range(35)])
    assert (trend.slope, trend.total([37]).expected) == (0, 6)


def test_a_line_is_not_followed_for_longer_than_it_was_seen() -> None:
    trend = Trend.of([100.0 + day for day in range(20)])
    assert [round(trend.day(day)) for day in (37, 38, 39, 40, 41, 400)] == [137, 138, 139, 139, 139, 139]


def test_what_falls_does_not_fall_below_nothing() -> None:
    trend = Trend.of([300.0 - 10 * day for day in range(28)])
    assert trend.total([29]).expected == pytest.approx(10)
    assert trend.total([35]) == (0, 0, pytest.approx(0))
    assert trend.total(range(28, 60)).expected == pytest.approx(20 + 10)


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [([], (0, 0, 0)), ([4.0], (4, 0, 8)), ([4.0, 8.0], (6, 0, 12)), ([5.0, 5, 5], (5, 5, 5))],
    ids=lambda value: str(value),
)
def test_few_days_give_their_mean(amounts: list[float], expected: tuple[float, float, float]) -> None:
    trend = Trend.of(amounts)
    assert trend.slope == 0
    for day in (len(amounts), 400):
        assert trend.total([day]) == expected


def test_the_range_of_few_days_is_the_textbooks() -> None:
    """Mean 10, standard deviation 2; Student's t for 80% and four degrees of freedom is 1.533."""
    found = Trend.of([12.0, 8, 10, 8, 12]).total([5])
    half = 1.533 * 2 * (1 + 1 / 5) ** 0.5
    assert found == pytest.approx((10, 10 - half, 10 + half), rel=0.001)


def test_days_that_follow_on_each_other_widen_the_range() -> None:
    """The days are 2, 2, 0, 2, 2 off their mean, below and then above: a correlation of 8 / 16 from day to day. So the
    mean's variance is three times 1 / 5, and that of a sum of two days is 2 + 2 * 0.5 and four times the mean's."""
    trend = Trend.of([8.0, 8, 10, 12, 12])
    assert trend.persistence == 0.5
    for days, variance in (([5], 1 + 3 / 5), ([5, 6], 3 + 4 * 3 / 5)):
        found = trend.total(days)
        assert found.high - found.expected == pytest.approx(1.533 * 2 * variance**0.5, rel=0.001)


@pytest.mark.parametrize(("freedom", "expected"), [(2, 1.886), (3, 1.638), (6, 1.440), (30, 1.310), (10**6, 1.2816)])
def test_students_quantile_is_the_tables(freedom: int, expected: float) -> None:
    assert _student(freedom) == pytest.approx(expected, rel=0.005)


@given(st.lists(st.none() | st.floats(0, 1e9), max_size=60), st.integers(1, 400))
def test_whatever_came_the_range_is_around_what_is_expected(amounts: list[float | None], horizon: int) -> None:
    found = Trend.of(amounts).total(range(len(amounts), len(amounts) + horizon))
    assert 0 <= found.low <= found.expected <= found.high


def noisy(seed: int, days: int, persistence: float) -> list[float]:
    rng = random.Random(seed)
    amounts, error = [], 0.0
    for day in range(days):
        error = persistence * error + rng.gauss(0, 15)
        amounts.append(max(0.0, 150 + 0.4 * day + WEEK[day % 7] + error))
    return amounts


@pytest.mark.parametrize("seen", [28, 91])
@pytest.mark.parametrize("persistence", [0.0, 0.5])
def test_what_comes_is_mostly_in_the_range(seen: int, persistence: float) -> None:
    """It is in about 80% of cases, by day and by month. Over 300 series 70 to 95% is near enough: chance plays a part,
    and so does a history that is too short to show the persistence."""
    by_day = by_month = 0
    for seed in range(300):
        amounts = noisy(seed, seen + 30, persistence)
        trend = Trend.of(amounts[:seen])
        day = trend.total([seen + 10])
        by_day += day.low <= amounts[seen + 10] <= day.high
        month = trend.total(range(seen, seen + 30))
        by_month += month.low <= sum(amounts[seen:]) <= month.high
    assert 0.70 <= by_day / 300 <= 0.95
    assert 0.70 <= by_month / 300 <= 0.95


def test_the_interval_is_what_it_says() -> None:
    normal = NormalDist()
    z = _student(10**9)
    assert normal.cdf(z) - normal.cdf(-z) == pytest.approx(INTERVAL)
