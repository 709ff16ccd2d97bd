"""Amounts of money: integers of nano-USD inside, exact decimals outside. Never floats."""

from decimal import Decimal
from typing import Any

NANOS_PER_USD = 10**9

_MOST_USD = 10**7
"""More than this in one event is a broken line. The limit keeps sums of such lines within 64 bits."""
_MOST_FAST_USD = 10**6


def to_nanos(usd: float | Decimal) -> int:
    """Convert an amount to nano-USD, half a nano-dollar to the even one.

    A float counts as the decimal that it is written as, which is exact up to 15 digits.
    """
    return int((Decimal(repr(usd) if isinstance(usd, float) else usd) * NANOS_PER_USD).to_integral_value())


def logged_nanos(value: Any) -> int | None:
    """Return the nano-USD of a `cost_usd` or `saved_usd` in the log; None for what is no amount.

    Every reader of the log converts with this function, so that all of them come to the same sums.
    """
    if type(value) not in (int, float) or not -_MOST_USD < value < _MOST_USD:
        return None
    if -_MOST_FAST_USD < value < _MOST_FAST_USD:
        product = value * NANOS_PER_USD
        nearest: int = round(product)
        # In this range the product of two floats is off by less than 0.2, so it can mislead only close to a half.
        if -0.25 < product - nearest < 0.25:
            return nearest
    return to_nanos(value)


def to_decimal_text(nanos: int) -> str:
    """Return the amount in USD as a JSON number, exact and without an exponent: 6000000 is "0.006"."""
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    whole, rest = divmod(nanos, NANOS_PER_USD)
    decimals = f"{rest:09d}".rstrip("0")
    return f"{sign}{whole}.{decimals or '0'}"


def exact_usd(nanos: int) -> str:
    """Return the amount for people and programs to read, exact and with two decimals at least: "$512.344", "$0.00"."""
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    whole, rest = divmod(nanos, NANOS_PER_USD)
    return f"{sign}${whole}.{f'{rest:09d}'.rstrip('0').ljust(2, '0')}"


def format_usd(nanos: int, least_decimals: int = 2) -> str:
    """Return the amount for people to read: "$512.34", "$0.000123".

    From a dollar up it has two decimals, below that as many as it needs, but at least `least_decimals`.
    """
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    if nanos >= NANOS_PER_USD or nanos == 0:
        cents = (nanos + 5_000_000) // 10_000_000
        return f"{sign}${cents // 100}.{cents % 100:02d}"
    decimals = f"{nanos:09d}".rstrip("0")
    return f"{sign}$0.{decimals.ljust(least_decimals, '0')}"
