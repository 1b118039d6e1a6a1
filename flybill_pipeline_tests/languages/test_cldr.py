"""Amounts, numbers, days: as CLDR has them, with the digits of our tables. English, which is our own, is held to it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal, get_currency_symbol
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.currencies import CURRENCIES
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.words.english import ENGLISH
from flybill_pipeline.languages.chosen import language

GERMAN = language("de")
DAYS = st.dates(date(1900, 1, 1), date(9900, 1, 1))


def test_german() -> None:
    assert GERMAN.money(123456, "eur") == "1.234,56 €"
    assert GERMAN.money(-123456, "usd") == "-1.234,56 $"
    assert GERMAN.money(500000, "isk") == "5.000 ISK"
    assert GERMAN.money(12340, "kwd") == "12,340 KWD"
    assert GERMAN.amount(Decimal("0.0000022"), "eur") == "0,0000022 €"
    assert GERMAN.amount(Decimal("5"), "eur") == "5,00 €"
    assert GERMAN.number(Decimal("1440000.50")) == "1.440.000,5"
    assert GERMAN.quantity(Decimal("1.5"), "second") == "1,5 Sekunden"
    assert GERMAN.quantity(Decimal(1), "second") == "1 Sekunde"
    assert GERMAN.quantity(Decimal(2), "{furlong}") == "2 {furlong}"
    assert GERMAN.day(date(2026, 11, 3)) == "3. November 2026"
    assert GERMAN.moment(datetime(2026, 11, 3, 14, tzinfo=UTC)) == "3. November 2026, 14:00 UTC"
    assert GERMAN.month(Month(2026, 10)) == "Oktober 2026"


@given(st.integers(-(10**18), 10**18), st.sampled_from(sorted(CURRENCIES)))
def test_an_amount_has_the_same_digits_in_each_language(minor: int, currency: str) -> None:
    ours, theirs = format_money(minor, currency), GERMAN.money(minor, currency)
    assert digits(theirs.replace(".", "").replace(",", ".")) == digits(ours.replace(",", ""))
    assert theirs.startswith("-") is (minor < 0)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=20, min_value=-(10**20), max_value=10**20))
def test_no_digit_of_a_number_is_lost(number: Decimal) -> None:
    assert digits(GERMAN.number(number).replace(".", "").replace(",", ".")) == digits(
        ENGLISH.number(number).replace(",", "")
    )


@given(DAYS)
def test_english_days_and_months_are_those_of_cldr(day: date) -> None:
    locale = Locale.parse("en")
    assert ENGLISH.day(day) == format_date(day, "long", locale=locale)
    assert ENGLISH.month(Month.of(day)) == format_date(day, "LLLL y", locale=locale)


@given(st.integers(-(10**9), 10**9))
def test_english_numbers_are_those_of_cldr(number: int) -> None:
    assert ENGLISH.number(number) == format_decimal(number, locale="en")


@pytest.mark.parametrize("currency", [code for code, each in CURRENCIES.items() if each.symbol])
def test_our_symbols_are_those_of_cldr(currency: str) -> None:
    assert CURRENCIES[currency].symbol == get_currency_symbol(currency.upper(), locale="en")


def digits(text: str) -> str:
    """The digits of an amount with their point."""
    return "".join(each for each in text if each.isdigit() or each == ".")
