"""A line in plain words, for the developer who pays it: the same on a statement, on the page of the payment provider,
and wherever else a line is told. No amounts are worked out here.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, Self

from flybill_pipeline.billing.money.amounts import format_amount
from flybill_pipeline.billing.money.decimals import ZERO, grouped
from flybill_pipeline.billing.pricing.prices import Price
from flybill_pipeline.billing.pricing.working import BELOW_ZERO, WorkingStep
from flybill_pipeline.billing.usage.graphemes import cut_short

SEPARATOR = " · "

LONGEST = 440
"""Characters of a usage line's words. A payment provider takes 500, and a late line says more after these."""
_LONGEST_VALUE = 80
"""Of a dimension's value: a customer may choose it, and it must not push the price out of the line."""
_LONGEST_STEPS = 240

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
    """The words that all lines of one price and one combination of dimensions share; `days` is empty for all month.

    `priced` is how the price is said where no step of the working has a price of its own.
    """

    named: str
    unit: str
    priced: str
    currency: str
    days: str = ""

    def describe(self, quantity: Decimal, working: tuple[WorkingStep, ...]) -> str:
        """Such as "Machines · shared-cpu-1x · 1,440,000 seconds @ $0.0000022, first 1,000 free".

        Where the price has several tiers, each that was climbed is said: "250 GB: 100 free, 150 @ $0.02". What is too
        long is cut where it is named, never in a number.
        """
        priced = _steps_words(quantity, working, self.currency) or self.priced
        details = [self._detail(step) for step in working if step.limit is not None or step.note is not None]
        text = f"{counted_in(self.unit, quantity)}{priced}{''.join(details)}{self.days}"
        room = max(LONGEST - len(text) - len(SEPARATOR), _LONGEST_VALUE)
        return f"{cut_short(self.named, room)}{SEPARATOR}{text}"

    def _detail(self, step: WorkingStep) -> str:
        limit = step.limit or ZERO
        shown = grouped(limit) if step.step == "free_units" else format_amount(limit, self.currency)
        return (_OF_DAYS if self.days else _OF_MONTH).get(step.step, "").format(limit=shown, note=step.note)

    def of_days(self, start: date, end: date) -> Self:
        """The same for a line of just some days of the month, from `start` on and before `end`."""
        return self._replace(days=f", from {start} to {end - timedelta(days=1)}")


class _NoWords(UsageWords):
    """Of lines that nobody reads."""

    def describe(self, quantity: Decimal, working: tuple[WorkingStep, ...]) -> str:
        return ""


NO_WORDS = _NoWords("", "", "", "")


def usage_words(price: Price, title: str, dimensions: Mapping[str, str], unit: str, currency: str) -> UsageWords:
    """What a line of `price` says of usage that is counted in `unit`; `title` is what people read of the meter."""
    values = [cut_short(value, _LONGEST_VALUE) for _, value in sorted(dimensions.items()) if value]
    named = SEPARATOR.join([title, *values])
    return UsageWords(named, unit, price.model.words(price, currency), currency)


def counted_in(unit: str, quantity: Decimal) -> str:
    """So many of a unit: "1 second", "2.5 seconds", "3 GB"."""
    return f"{grouped(quantity)} {unit if quantity in (1, -1) else plural(unit)}"


@lru_cache(maxsize=1_000)  # as many as there are meters
def plural(unit: str) -> str:
    """Many of a unit: "seconds", "addresses", "GB"."""
    if not unit or not unit[-1].islower():  # GB, vCPU: symbols have no plural
        return unit
    if unit.endswith("s") and not unit.endswith("ss"):  # somebody wrote "requests"
        return unit
    if unit.endswith("y") and unit[-2:-1] not in "aeiou":
        return f"{unit[:-1]}ies"
    return unit + ("es" if unit.endswith(("ss", "x", "ch", "sh")) else "s")


def _steps_words(quantity: Decimal, working: Sequence[WorkingStep], currency: str) -> str:
    """The price of each tier and the number of packages, after `quantity`; empty where the price has neither."""
    steps = [step for step in working if step.step in ("tier", "packages")]
    if not steps:
        return ""
    if len(steps) == 1 and steps[0].step == "tier" and steps[0].quantity == quantity:
        return _price_words(steps[0], currency)
    texts = [_step_words(step, currency) for step in steps]
    text = ", ".join(texts)
    return f": {text if len(text) <= _LONGEST_STEPS else ', '.join(_as_many_as_fit(texts))}"


def _step_words(step: WorkingStep, currency: str) -> str:
    quantity = step.quantity or ZERO
    if step.step == "packages":
        boxes = "package of " if abs(quantity) == 1 else "packages of "
        return f"{grouped(quantity)} {boxes}{grouped(step.package_size or ZERO)}{_price_words(step, currency)}"
    return f"{grouped(quantity)}{_price_words(step, currency)}" if quantity else f"{_fee(step, currency)} flat"


def _price_words(step: WorkingStep, currency: str) -> str:
    """What a unit costs, and what the step costs besides."""
    if step.unit_amount:
        return f" @ {_amount_words(step.unit_amount, currency)}{_plus_fee(step, currency)}"
    return f" for {_fee(step, currency)}" if step.flat_amount else " free"


def _plus_fee(step: WorkingStep, currency: str) -> str:
    return f" + {_fee(step, currency)} flat" if step.flat_amount else ""


def _fee(step: WorkingStep, currency: str) -> str:
    return _amount_words(step.flat_amount or ZERO, currency)


@lru_cache(maxsize=1_000)  # a tier's price is said on many lines
def _amount_words(amount: Decimal, currency: str) -> str:
    return format_amount(amount, currency)


def _as_many_as_fit(texts: Sequence[str]) -> Iterator[str]:
    """The first of the texts, and how many more there are where a line cannot hold them all."""
    room = _LONGEST_STEPS
    for place, text in enumerate(texts):
        room -= len(text)
        if room < 0 and place:
            yield f"and {len(texts) - place} more"
            return
        yield text
