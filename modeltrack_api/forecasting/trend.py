"""A trend in daily amounts, and how far it can be trusted.

A straight line with a level of its own for each weekday, by ordinary least squares: regression on a trend and seasonal
dummy variables, as in Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, section 7.4, with
the prediction interval of section 7.6 (there for one day; here for the sum of any days). Since one dear day seldom
comes alone, the interval is widened as for errors that follow on each other by a first-order autoregression (section
9.3), by as much of them as is left from day to day: otherwise a sum of days is less certain than it looks.

The line is followed for as many days as it was seen, then it stays level; nothing goes below 0.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist, fmean
from typing import NamedTuple

LEAST_FOR_A_LINE = 14
"""Days. With fewer, only their mean is used."""

INTERVAL = 0.8
"""The part of the cases in which what comes is meant to be within the interval."""

_WEEK = 7
_MOST_PERSISTENT = 0.9
_Z = NormalDist().inv_cdf((1 + INTERVAL) / 2)


class Range(NamedTuple):
    expected: float
    low: float
    high: float


class _Level(NamedTuple):
    """The level of the days that fall on one weekday."""

    size: int
    """How many days there are."""
    day: float
    """The mean of their numbers."""
    amount: float
    """The mean of their amounts."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A line with a level for each weekday. Days are numbered from the first one of the history, which is 0; so the
    first one to come is `days`.
    """

    days: int
    slope: float
    """Amount by which a day grows each day."""
    deviation: float | None
    """Standard deviation of a day around the line. None: there are too few days to tell."""
    persistence: float
    """Correlation of a day's distance from the line with that of the day before; at least 0."""
    _levels: tuple[_Level, ...]
    _spread: float
    _freedom: int

    @classmethod
    def of(cls, amounts: Sequence[float | None]) -> "Trend":
        """Fit a line to the amounts of days one after the other, oldest first; there may be none.

        None is a day whose amount is not known; it is left out, as if it were as the others say.
        """
        known = [(day, amount) for day, amount in enumerate(amounts) if amount is not None]
        period = _period([day for day, _ in known])
        groups = [[each for each in known if each[0] % period == first] for first in range(period if known else 0)]
        levels = tuple(
            _Level(len(group), fmean(day for day, _ in group), fmean(amount for _, amount in group)) for group in groups
        )
        offsets = [
            (day - level.day, amount - level.amount) for day, amount in known for level in (levels[day % period],)
        ]
        spread = math.fsum(day * day for day, _ in offsets) if period > 1 else math.inf
        slope = math.fsum(day * amount for day, amount in offsets) / spread
        rest = [amount - slope * day for day, amount in offsets]
        squares = math.fsum(distance * distance for distance in rest)
        freedom = len(known) - len(levels) - (period > 1)
        deviation = math.sqrt(squares / freedom) if freedom > 1 else None
        products = math.fsum(
            before * after
            for (day, before), (next_day, after) in pairwise(zip((day for day, _ in known), rest, strict=True))
            if next_day == day + 1
        )
        persistence = min(max(products / squares, 0.0), _MOST_PERSISTENT) if squares else 0.0
        return cls(len(amounts), slope, deviation, persistence, levels, spread, freedom)

    def day(self, number: int) -> float:
        """Return what the line says for a day, which may be below 0."""
        level = self._level(number)
        return level.amount + self.slope * (min(number, 2 * self.days - 1) - level.day) if level else 0.0

    def level(self) -> float:
        """Return what the line says for the first day to come, whichever weekday it is."""
        found = [level.amount + self.slope * (self.days - level.day) for level in self._levels]
        return fmean(found) if found else 0.0

    def total(self, days: Iterable[int]) -> Range:
        """Return the range of all these days together. Without a deviation it goes from nothing to the double."""
        days = list(days)
        expected = math.fsum(max(self.day(number), 0.0) for number in days)
        if self.deviation is None:
            return Range(expected, 0.0, 2 * expected)
        half = _student(self._freedom) * self.deviation * math.sqrt(self._variance(days))
        return Range(expected, max(expected - half, 0.0), expected + half)

    def _variance(self, days: Sequence[int]) -> float:
        """Return the variance of the days themselves, of the levels and of the slope, in squares of the deviation."""
        counts = Counter(self._level(number) for number in days)
        levels = math.fsum(count * count / level.size for level, count in counts.items() if level)
        lever = math.fsum(number - level.day for number in days if (level := self._level(number)))
        length, kept = len(days), self.persistence
        together = 2 * math.fsum((length - apart) * kept**apart for apart in range(1, length))
        return length + together + (levels + lever * lever / self._spread) * (1 + kept) / (1 - kept)

    def _level(self, number: int) -> _Level | None:
        return self._levels[number % len(self._levels)] if self._levels else None


def _period(days: Sequence[int]) -> int:
    """Return 7 where there are enough days for a line, on each weekday one at least; else 1."""
    is_enough = len(days) >= LEAST_FOR_A_LINE and len({day % _WEEK for day in days}) == _WEEK
    return _WEEK if is_enough else 1


def _student(freedom: int) -> float:
    """Return the quantile of Student's t distribution by that of the normal one: Abramowitz and Stegun, Handbook of
    Mathematical Functions, 26.7.5; within 2% from two degrees of freedom on.
    """
    z = _Z
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
