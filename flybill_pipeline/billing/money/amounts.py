"""Amounts: exact decimals of the major unit to integers of the minor unit and back, and as text. No prices here."""

import re
from decimal import ROUND_HALF_UP, Decimal

from flybill_pipeline.billing.money.currencies import currency_of
from flybill_pipeline.billing.money.decimals import exact, grouped, plain


def to_minor(amount: Decimal, currency: str) -> int:
    """`amount` of major units in minor units, rounded half away from zero to what Stripe accepts.

    1.005 usd is 101; 1.2345 kwd is 1230 (Stripe wants the last of three digits to be 0); 12.5 isk is 1300 (whole
    units, counted in hundredths). Raises UnknownCurrencyError.
    """
    unit = currency_of(currency)
    with exact():
        minor = amount * unit.units_per_major
        steps = minor if unit.step == 1 else minor / unit.step
        # ROUND_HALF_UP is decimal's name for ties away from zero, on both sides of it.
        return int(steps.to_integral_value(ROUND_HALF_UP)) * unit.step


def from_minor(minor: int, currency: str) -> Decimal:
    """`minor` units as an exact decimal of major units. Raises UnknownCurrencyError."""
    with exact():
        return Decimal(minor) / currency_of(currency).units_per_major


def minor_of(text: str, currency: str) -> int:
    """What a person wrote as an amount of major units, such as "12.50", in minor units; nothing is ever rounded.

    Raises ValueError with a sentence when it is not digits with a point, or not an amount that `currency` has.
    """
    if re.fullmatch(r"[0-9]{1,15}(\.[0-9]+)?", text.strip(), re.ASCII) is None:
        raise ValueError(f"{text!r} is not an amount: write digits with a decimal point, like 12.50")
    amount = Decimal(text.strip())
    minor = to_minor(amount, currency)
    if from_minor(minor, currency) != amount:
        smallest = plain(from_minor(currency_of(currency).step, currency))
        raise ValueError(f"{text!r} is not an amount in {currency.upper()}: its smallest step is {smallest}")
    return minor


def minimum_minor(currency: str) -> int:
    """The smallest total (minor units) that Stripe collects; 0 where it names none. Raises UnknownCurrencyError."""
    return currency_of(currency).minimum_minor


def format_money(minor: int, currency: str) -> str:
    """`minor` units for people: $1,234.50, -€12.00, ¥500, KWD 12.340, ISK 5,000. Raises UnknownCurrencyError."""
    decimals = decimals_of(currency)
    amount = from_minor(abs(minor), currency)
    return _with_symbol(f"{amount:,.{decimals}f}", currency, negative=minor < 0)


def format_amount(amount: Decimal, currency: str) -> str:
    """An unrounded amount, such as a unit price, with all its digits: $5.00, $0.0000022; else as format_money."""
    text = grouped(amount.copy_abs())
    whole, _, fraction = text.partition(".")
    fraction = fraction.ljust(decimals_of(currency), "0")
    return _with_symbol(f"{whole}.{fraction}" if fraction else whole, currency, negative=amount < 0)


def decimals_of(currency: str) -> int:
    """How many decimals amounts of the currency are written with. Raises UnknownCurrencyError."""
    unit = currency_of(currency)
    return 0 if unit.step == unit.units_per_major else len(str(unit.units_per_major)) - 1


def _with_symbol(digits: str, currency: str, *, negative: bool) -> str:
    unit = currency_of(currency)
    sign = "-" if negative else ""
    return f"{sign}{unit.symbol}{digits}" if unit.symbol else f"{unit.code.upper()} {sign}{digits}"
