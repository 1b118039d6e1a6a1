"""Amounts between major and minor units, rounding, and how people read them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.money.amounts import format_amount, format_money, from_minor, minimum_minor, to_minor
from flybill_pipeline.billing.money.currencies import CURRENCIES, UnknownCurrencyError
from flybill_pipeline.billing.money.decimals import divide, exact, grouped, plain

AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=18)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("0.005", "usd", 1),
        ("-0.005", "usd", -1),
        ("0.0049999999999999999999999999999999999999", "usd", 0),
        ("1.015", "usd", 102),
        ("2.5", "jpy", 3),
        ("-2.5", "jpy", -3),
        ("1.2345", "kwd", 1230),
        ("1.235", "kwd", 1240),
        ("-1.235", "kwd", -1240),
        ("50.00", "kwd", 50000),
        ("5000", "isk", 500000),
        ("12.5", "isk", 1300),
        ("5", "ugx", 500),
        ("5000", "mga", 5000),
        ("19.99", "usd", 1999),
        ("0.29", "usd", 29),
        ("123456789012345678901234567890.125", "usd", 12345678901234567890123456789013),
        ("1", "USD", 100),
    ],
)
def test_amounts_are_rounded_half_away_from_zero_to_what_stripe_takes(amount: str, currency: str, minor: int) -> None:
    assert to_minor(Decimal(amount), currency) == minor


@given(AMOUNTS, st.sampled_from(sorted(CURRENCIES)))
def test_rounding_is_symmetric_and_never_off_by_more_than_half_a_step(amount: Decimal, code: str) -> None:
    minor, currency = to_minor(amount, code), CURRENCIES[code]
    assert to_minor(amount.copy_negate(), code) == -minor
    assert minor % currency.step == 0
    with exact():
        assert abs(amount * currency.units_per_major - minor) * 2 <= currency.step


@given(st.integers(-(10**30), 10**30), st.sampled_from(sorted(CURRENCIES)))
def test_minor_units_come_back_unchanged(steps: int, code: str) -> None:
    minor = steps * CURRENCIES[code].step
    assert to_minor(from_minor(minor, code), code) == minor


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (123450, "usd", "$1,234.50"),
        (-1200, "eur", "-€12.00"),
        (500, "jpy", "¥500"),
        (1200, "chf", "CHF 12.00"),
        (-1200, "chf", "CHF -12.00"),
        (12340, "kwd", "KWD 12.340"),
        (500000, "isk", "ISK 5,000"),
        (0, "usd", "$0.00"),
        (10**32 + 1, "usd", "$1,000,000,000,000,000,000,000,000,000,000.01"),
    ],
)
def test_money_as_people_read_it(minor: int, currency: str, text: str) -> None:
    assert format_money(minor, currency) == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("0.0000022", "usd", "$0.0000022"),
        ("5", "usd", "$5.00"),
        ("0.5", "jpy", "¥0.5"),
        ("1E+3", "jpy", "¥1,000"),
        ("-2", "usd", "-$2.00"),
        ("123456789012345678901234567890.1234567", "usd", "$123,456,789,012,345,678,901,234,567,890.1234567"),
    ],
)
def test_an_exact_amount_keeps_all_its_digits(amount: str, currency: str, text: str) -> None:
    assert format_amount(Decimal(amount), currency) == text


def test_the_minimum_is_stripes_where_stripe_has_one() -> None:
    assert [minimum_minor(code) for code in ("usd", "gbp", "jpy", "huf", "isk")] == [50, 30, 50, 17500, 0]


def test_an_unknown_currency_is_named() -> None:
    for ask in (lambda: to_minor(Decimal(1), "usdd"), lambda: format_money(1, "usdd"), lambda: minimum_minor("usdd")):
        with pytest.raises(UnknownCurrencyError, match="usdd"):
            ask()


@pytest.mark.parametrize(
    ("number", "text"),
    [("1E-7", "0.0000001"), ("1E+3", "1000"), ("1.500", "1.5"), ("-0.0", "0"), ("100", "100"), ("-1E-2", "-0.01")],
)
def test_decimals_are_written_without_an_exponent(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


def test_thousands_are_grouped_and_zeros_dropped() -> None:
    assert grouped(Decimal("1440000.50")) == "1,440,000.5"


@pytest.mark.parametrize(
    ("dividend", "divisor", "places", "quotient"),
    [
        ("2", "3", 2, "0.67"),
        ("-2", "3", 2, "-0.67"),
        ("1", "8", 2, "0.13"),
        ("-1", "8", 2, "-0.13"),
        ("1", "-8", 2, "-0.13"),
        ("10", "4", 18, "2.5"),
    ],
)
def test_division_rounds_half_away_from_zero_where_it_is_told_to(
    dividend: str, divisor: str, places: int, quotient: str
) -> None:
    assert divide(Decimal(dividend), Decimal(divisor), places) == Decimal(quotient)
