"""A line in plain words, for the developer who pays it. No amounts are worked out here."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple, Self

from flybill_pipeline.billing.money.amounts import format_amount
from flybill_pipeline.billing.money.decimals import ZERO, grouped
from flybill_pipeline.billing.pricing.prices import Price
from flybill_pipeline.billing.pricing.working import BELOW_ZERO, WorkingStep

SEPARATOR = " · "

_OF_MONTH = {
    "free_units": ", first {limit} free",
    "minimum_spend": ", raised to the minimum of {limit}",
    "maximum_spend": ", limited to the maximum of {limit}",
    BELOW_ZERO: ", {note}",
}
_OF_DAYS = {
    "free_units": ", first {limit} of the month free",
    "minimum_spend": ", with its part of what is missing to the month's minimum",
    "maximum_spend": ", its part of the month's maximum",
    "part_of_month": ", for {note}",
    BELOW_ZERO: ", {note}",
}
"""What a line says of some of its steps, by their kind; the limits of a line of some days are the month's."""


class UsageWords(NamedTuple):
    """The words that all lines of one price and one combination of dimensions share; `days` is empty for all month."""

    named: str
    unit: str
    unit_plural: str
    priced: str
    currency: str
    days: str = ""

    def describe(self, quantity: Decimal, working: tuple[WorkingStep, ...]) -> str:
        """Such as "machine_seconds · shared-cpu-1x · 1,440,000 seconds @ $0.0000022, first 1,000 free"."""
        unit = self.unit if quantity in (1, -1) else self.unit_plural
        details = [self._detail(step) for step in working if step.limit is not None or step.note is not None]
        return f"{self.named}{grouped(quantity)} {unit}{self.priced}{''.join(details)}{self.days}"

    def _detail(self, step: WorkingStep) -> str:
        limit = step.limit or ZERO
        shown = grouped(limit) if step.step == "free_units" else format_amount(limit, self.currency)
        return (_OF_DAYS if self.days else _OF_MONTH).get(step.step, "").format(limit=shown, note=step.note)

    def of_days(self, start: date, end: date) -> Self:
        """The same for a line of just some days of the month."""
        return self._replace(days=f", from {start} until {end}")


def usage_words(price: Price, dimensions: Mapping[str, str], unit: str, currency: str) -> UsageWords:
    """What a line of `price` says of usage that is counted in `unit`."""
    values = [value for _, value in sorted(dimensions.items()) if value]
    named = "".join([f"{text}{SEPARATOR}" for text in (price.meter, *values)])
    return UsageWords(named, unit, _plural(unit), price.model.words(price, currency), currency)


def _plural(unit: str) -> str:
    if not unit or not unit[-1].islower():  # GB, vCPU: symbols have no plural
        return unit
    return unit + ("es" if unit.endswith(("s", "x", "ch", "sh")) else "s")
