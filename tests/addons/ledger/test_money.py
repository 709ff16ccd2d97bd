from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.ledger.money import exact_usd, format_usd, logged_nanos, to_decimal_text, to_nanos


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (512_340_000_000, "$512.34"),
        (500_000_000_000, "$500.00"),
        (1_005_000_000, "$1.01"),
        (4_500_000, "$0.0045"),
        (123_000, "$0.000123"),
        (1, "$0.000000001"),
        (500_000_000, "$0.50"),
        (0, "$0.00"),
        (-4_500_000, "-$0.0045"),
        (1_234_567_890_000_000, "$1234567.89"),
    ],
)
def test_amounts_are_shown_with_the_decimals_that_they_need(nanos: int, text: str) -> None:
    assert format_usd(nanos) == text


@pytest.mark.parametrize(
    ("nanos", "text"),
    [(2_000_000, "$0.0020"), (123_000, "$0.000123"), (1_500_000_000, "$1.50"), (0, "$0.00")],
)
def test_small_amounts_can_be_given_decimals_that_they_do_not_need(nanos: int, text: str) -> None:
    assert format_usd(nanos, least_decimals=4) == text


@given(st.integers(-(10**18), 10**18))
def test_an_amount_is_written_exactly(nanos: int) -> None:
    assert Decimal(to_decimal_text(nanos)) * 10**9 == nanos


@given(st.integers(-(10**18), 10**18))
def test_an_exact_amount_to_read_is_written_exactly_and_in_full_cents(nanos: int) -> None:
    text = exact_usd(nanos)
    assert Decimal(text.replace("$", "")) * 10**9 == nanos and len(text.partition(".")[2]) >= 2
    if abs(nanos) < 10**9 or not nanos % 10_000_000:
        assert text == format_usd(nanos)


@given(st.integers(0, 10**15))
def test_an_amount_survives_the_log_although_readers_use_floats(nanos: int) -> None:
    assert to_nanos(orjson.loads(to_decimal_text(nanos))) == nanos


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("0.00012345678", 123_457),
        ("0.0034500000000000004", 3_450_000),
        ("4.5e-7", 450),
        ("2.5e-9", 2),
        ("3.5e-9", 4),
        ("0.0000000004", 0),
        ("7", 7 * 10**9),
        ("-0.25", -250_000_000),
        ("9999999.25", 9_999_999_250_000_000),
        ("10000000", None),
        ("1e300", None),
        ("null", None),
        ("true", None),
        ('"1"', None),
    ],
)
def test_an_amount_in_the_log_is_read_to_the_nano_dollar(text: str, nanos: int | None) -> None:
    assert logged_nanos(orjson.loads(text)) == nanos


@given(
    st.floats(-(10**7), 10**7, exclude_min=True, exclude_max=True)
    | st.integers(-(10**4), 10**4).map(lambda n: n / 2 / 10**9)
)
def test_an_amount_in_the_log_is_rounded_as_decimals_are(usd: float) -> None:
    assert logged_nanos(usd) == to_nanos(usd)
