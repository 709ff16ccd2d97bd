"""Amounts of money: integers of nano-USD inside, exact decimals outside. Never floats."""

from decimal import Decimal

NANOS_PER_USD = 10**9


def to_nanos(usd: float | Decimal) -> int:
    """Of a number as JSON has it: a float with up to 15 digits gives the decimal it was written as."""
    return int((Decimal(repr(usd) if isinstance(usd, float) else usd) * NANOS_PER_USD).to_integral_value())


def to_decimal_text(nanos: int) -> str:
    """USD as a JSON number, exact and without an exponent: 6000000 is "0.006"."""
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    whole, rest = divmod(nanos, NANOS_PER_USD)
    decimals = f"{rest:09d}".rstrip("0")
    return f"{sign}{whole}.{decimals or '0'}"


def format_usd(nanos: int, least_decimals: int = 2) -> str:
    """For people: two decimals from a dollar up, below that as many as the amount needs: "$512.34", "$0.000123".

    `least_decimals` are shown of amounts below a dollar even where they are zeros.
    """
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    if nanos >= NANOS_PER_USD or nanos == 0:
        cents = (nanos + 5_000_000) // 10_000_000
        return f"{sign}${cents // 100}.{cents % 100:02d}"
    decimals = f"{nanos:09d}".rstrip("0")
    return f"{sign}$0.{decimals.ljust(least_decimals, '0')}"
