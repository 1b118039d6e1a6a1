"""A line in plain words, for the developer who pays it. No amounts are worked out here."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple, Self

from flybill_pipeline.billing.money.amounts import format_amount
from flybill_pipeline.billing.money.decimals import exact, grouped, plain
from flybill_pipeline.billing.pricing.prices import Price, PriceModel
from flybill_pipeline.billing.pricing.working import WorkingStep

SEPARATOR = " · "


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
        limits = [_detail(step, step.limit, self.currency) for step in working if step.limit is not None]
        return f"{self.named}{grouped(quantity)} {unit}{self.priced}{''.join(limits)}{self.days}"

    def of_days(self, start: date, end: date) -> Self:
        """The same for a line of just some days of the month."""
        return self._replace(days=f", from {start} until {end}")


def usage_words(price: Price, dimensions: Mapping[str, str], unit: str, currency: str) -> UsageWords:
    """What a line of `price` says of usage that is counted in `unit`."""
    values = [value for _, value in sorted(dimensions.items()) if value]
    named = "".join([f"{text}{SEPARATOR}" for text in (price.meter, *values)])
    return UsageWords(named, unit, _plural(unit), _PRICED[price.model](price, currency), currency)


def _plural(unit: str) -> str:
    if not unit or not unit[-1].islower():  # GB, vCPU: symbols have no plural
        return unit
    return unit + ("es" if unit.endswith(("s", "x", "ch", "sh")) else "s")


def _per_unit(price: Price, currency: str) -> str:
    return f" @ {format_amount(price.unit_amount, currency)}"


def _package(price: Price, currency: str) -> str:
    return f" in packages of {grouped(price.package_size)} @ {format_amount(price.unit_amount, currency)}"


def _percentage(price: Price, currency: str) -> str:
    with exact():
        return f" @ {plain(price.rate * 100)} %"


def _tiers(price: Price, currency: str) -> str:
    return f" in {price.model.value} tiers"


def _flat(price: Price, currency: str) -> str:
    return f", {format_amount(price.unit_amount, currency)} flat"


_PRICED: Mapping[PriceModel, Callable[[Price, str], str]] = MappingProxyType(
    {
        PriceModel.PER_UNIT: _per_unit,
        PriceModel.GRADUATED: _tiers,
        PriceModel.VOLUME: _tiers,
        PriceModel.PACKAGE: _package,
        PriceModel.PERCENTAGE: _percentage,
        PriceModel.FLAT: _flat,
    }
)


def _detail(step: WorkingStep, limit: Decimal, currency: str) -> str:
    match step.step:
        case "free_units":
            return f", first {grouped(limit)} free"
        case "minimum_spend":
            return f", raised to the minimum of {format_amount(limit, currency)}"
        case "maximum_spend":
            return f", limited to the maximum of {format_amount(limit, currency)}"
        case _:
            return ""
