"""A stretch of a month's usage, and the share of a month: what a price model prices. No prices and no amounts here."""

from decimal import Decimal
from typing import NamedTuple

from flybill_pipeline.billing.money.decimals import ZERO, divide


class Share(NamedTuple):
    """So many days of so many."""

    days: int
    of_days: int

    def of(self, amount: Decimal) -> Decimal:
        """The share of `amount`, to 18 decimals where it does not end before."""
        if self.days == self.of_days:
            return amount
        return divide(amount * self.days, Decimal(self.of_days)) if self.days else ZERO


WHOLE = Share(1, 1)
NOTHING = Share(0, 1)


class Stretch(NamedTuple):
    """The part of a month that one price rates: usage that goes from `start` to `end`; the month comes to `month`.

    All three are 0 or more, in billed units after the free ones. A month with one price is the stretch from 0 to what
    it comes to. Where prices change within it, each rates a stretch that begins where the month had got to. A model
    prices the units between both ends, as parts of the whole month. `end` is below `start` where more is taken back
    than used: those units are given back. `share` is the part of what is due once a month (flat amounts) that this
    stretch pays: all of it, that of its days, or nothing where nothing is due.
    """

    start: Decimal
    end: Decimal
    month: Decimal
    share: Share
