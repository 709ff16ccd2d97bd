"""Turn sums into the amounts that answers show: USD, averages and percentages."""

from decimal import ROUND_HALF_EVEN, Decimal

from addons.ledger.money import NANOS_PER_USD, format_usd

WORTH_IT = 10_000_000
"""Nano-USD (a cent): advice that saves less is not shown."""


def usd(nanos: int | None) -> Decimal:
    """Return nano-USD as USD; None, which is SQL's sum of no rows, counts as 0."""
    return Decimal(nanos or 0) / NANOS_PER_USD


def usd_or_null(nanos: int | None) -> Decimal | None:
    return None if nanos is None else usd(nanos)


def known(nanos: int | None, unpriced: int | None) -> int | None:
    """Return a sum of nano-USD; None where it is 0 while something in it has no known price.

    `unpriced` is how many calls are not in the sum, or only in part.
    """
    return None if unpriced and not nanos else nanos or 0


def usd_each(nanos: int | None, count: int | None) -> Decimal:
    """Return the average in USD, rounded to the nano-USD; 0 for a count of 0."""
    return usd(int((Decimal(nanos or 0) / count).to_integral_value(ROUND_HALF_EVEN))) if count else Decimal(0)


def average(total: int | None, count: int | None) -> float:
    """Return the average of a count such as tokens, to two decimals; 0 for a count of 0."""
    return round((total or 0) / count, 2) if count else 0.0


def percent(part: int, whole: int) -> float:
    return round(part * 100 / whole, 2) if whole else 0.0


def about(nanos: int) -> str:
    """Return USD as text for people: rounded to the cent, except for amounts under a cent."""
    return format_usd(round(nanos, -7) if nanos >= WORTH_IT else nanos)
