"""Amounts for answers: USD, averages and percentages of sums."""

from decimal import ROUND_HALF_EVEN, Decimal

from addons.ledger.money import NANOS_PER_USD, format_usd

WORTH_IT = 10_000_000
"""Nano-USD: what saves less than a cent is not worth reading."""


def usd(nanos: int | None) -> Decimal:
    """None, a sum of nothing, is 0."""
    return Decimal(nanos or 0) / NANOS_PER_USD


def usd_or_null(nanos: int | None) -> Decimal | None:
    return None if nanos is None else usd(nanos)


def usd_each(nanos: int | None, count: int | None) -> Decimal:
    """An average, to the nano-dollar; 0 of nothing."""
    return usd(int((Decimal(nanos or 0) / count).to_integral_value(ROUND_HALF_EVEN))) if count else Decimal(0)


def average(total: int | None, count: int | None) -> float:
    """Of tokens and the like, to two decimals; 0 of nothing."""
    return round((total or 0) / count, 2) if count else 0.0


def percent(part: int, whole: int) -> float:
    return round(part * 100 / whole, 2) if whole else 0.0


def about(nanos: int) -> str:
    """USD for people: to the cent, but for less than one."""
    return format_usd(round(nanos, -7) if nanos >= WORTH_IT else nanos)
