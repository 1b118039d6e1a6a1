"""Accounts for a month's usage: what the lake holds must stand in lines or wait with a reason. Only reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from flybill_pipeline.billing.decimals import ZERO, exact, plain
from flybill_pipeline.billing.period import Month


class Lake(Protocol):
    """What the lake holds."""

    def by_meter(self, month: Month) -> Mapping[str, Decimal]:
        """The exact quantity of a month, per meter."""


class Books(Protocol):
    """What stands in the billing tables."""

    def accounted_usage(self, month: Month) -> Mapping[str, tuple[Decimal, Decimal]]:
        """Per meter the quantity in the month's lines, and the one that waits with a problem."""


@dataclass(frozen=True, slots=True)
class MeterAccount:
    """One meter's month. Quantities in the unit that usage is recorded in."""

    meter: str
    landed: Decimal
    in_lines: Decimal
    waiting: Decimal

    @property
    def missing(self) -> Decimal:
        """What the lake holds and nobody accounts for: late usage of a finalized month, or a fault of ours."""
        with exact():
            return self.landed - self.in_lines - self.waiting

    @property
    def balanced(self) -> bool:
        return self.missing == 0

    def as_row(self) -> dict[str, str]:
        """The account as text, for a table."""
        names = ("landed", "in_lines", "waiting", "missing")
        return {"meter": self.meter, **{name: plain(getattr(self, name)) for name in names}}


def account_for_usage(month: Month, lake: Lake, books: Books) -> list[MeterAccount]:
    """The account of every meter that has usage or lines in the month, by name."""
    landed, accounted = lake.by_meter(month), books.accounted_usage(month)
    return [
        MeterAccount(meter, landed.get(meter, ZERO), *accounted.get(meter, (ZERO, ZERO)))
        for meter in sorted(landed.keys() | accounted.keys())
    ]
