"""English, the language in which our texts are written: amounts and numbers as invoices have them. Other languages: no.

Days and months are as CLDR has them for English; a test compares both.
"""

from datetime import UTC, date, datetime
from decimal import Decimal

from flybill_pipeline.billing.money.amounts import format_amount, format_money
from flybill_pipeline.billing.money.decimals import grouped
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.descriptions import counted_in
from flybill_pipeline.billing.words.sentence import Sentence, say

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


class English:
    """English as it is said."""

    code = "en"

    def text(self, text: str) -> str:
        return text

    def plural(self, one: str, many: str, count: int) -> str:
        return one if count == 1 else many

    def money(self, minor: int, currency: str) -> str:
        return format_money(minor, currency)

    def amount(self, amount: Decimal, currency: str) -> str:
        return format_amount(amount, currency)

    def number(self, number: Decimal | int) -> str:
        return grouped(Decimal(number))

    def quantity(self, number: Decimal, unit: str) -> str:
        return counted_in(unit, number)

    def day(self, day: date) -> str:
        return f"{_MONTHS[day.month - 1]} {day.day}, {day.year}"

    def moment(self, moment: datetime) -> str:
        at = moment.astimezone(UTC)
        return f"{self.day(at)}, {at:%H:%M} UTC"

    def month(self, month: Month) -> str:
        first = month.first_day
        return f"{_MONTHS[first.month - 1]} {first.year}"


ENGLISH = English()


def english(*sentences: Sentence) -> str:
    """The sentences as they are kept in the database."""
    return say(ENGLISH, *sentences)
