"""A language other than English: our texts from its catalog, numbers, money and days in the forms of CLDR by Babel.

How many digits an amount has is our table's business, never CLDR's: Stripe counts some currencies otherwise.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_currency, format_decimal

from flybill_pipeline.billing.money.amounts import decimals_of, from_minor
from flybill_pipeline.billing.money.decimals import exact, plain
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.words.units import UNITS
from flybill_pipeline.languages.catalog import texts

UNBROKEN = str.maketrans({"\u00a0": " ", "\u202f": " "})
"""Spaces that do not break do not print on every terminal."""


class Cldr:
    """A language by its code, such as "de"."""

    def __init__(self, code: str) -> None:
        self.code = code
        self._texts = texts(code)

    @cached_property
    def _locale(self) -> Locale:
        return Locale.parse(self.code)

    def text(self, text: str) -> str:
        """In English where the catalog lacks it: a page is better than none, and a test keeps catalogs whole."""
        return self._texts.get(text, (text,))[0]

    def plural(self, one: str, many: str, count: int) -> str:
        forms = self._texts.get(one, (one, many))
        return forms[0 if self._locale.plural_form(count) == "one" else len(forms) - 1]

    def money(self, minor: int, currency: str) -> str:
        return self._amount(from_minor(minor, currency), decimals_of(currency), currency)

    def amount(self, amount: Decimal, currency: str) -> str:
        """No digit is rounded away, and none is missing of those that the currency has."""
        _, _, digits = plain(amount).partition(".")
        return self._amount(amount, max(len(digits), decimals_of(currency)), currency)

    def number(self, number: Decimal | int) -> str:
        with exact():
            shown = format_decimal(Decimal(plain(Decimal(number))), locale=self._locale, decimal_quantization=False)
        return shown.translate(UNBROKEN)

    def quantity(self, number: Decimal, unit: str) -> str:
        known = UNITS.get(unit)
        if known is not None:
            unit = self.plural(known.text, known.plural or known.text, 1 if number in (1, -1) else 2)
        return f"{self.number(number)} {unit}"

    def day(self, day: date) -> str:
        return format_date(day, "long", locale=self._locale)

    def moment(self, moment: datetime) -> str:
        at = moment.astimezone(UTC)
        return f"{self.day(at.date())}, {format_time(at, 'HH:mm', tzinfo=UTC, locale=self._locale)} UTC"

    def month(self, month: Month) -> str:
        return format_skeleton("yMMMM", month.first_day, locale=self._locale)

    def _amount(self, amount: Decimal, digits: int, currency: str) -> str:
        """With so many digits; CLDR says where they and the sign of the currency go."""
        form = self._locale.currency_formats["standard"].pattern.replace("0.00", "0." + "0" * digits if digits else "0")
        with exact():
            rounded = Decimal(f"{amount:.{digits}f}")
            shown = format_currency(rounded, currency.upper(), form, locale=self._locale, currency_digits=False)
        return shown.translate(UNBROKEN)
