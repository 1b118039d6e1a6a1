"""A line in plain words, for the developer who pays it. No amounts are worked out here."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType

from flybill_pipeline.billing.decimals import exact, grouped, plain
from flybill_pipeline.billing.money import format_amount
from flybill_pipeline.billing.prices import Price, PriceModel
from flybill_pipeline.billing.working import WorkingStep

SEPARATOR = " · "


def describe_usage(
    price: Price,
    dimensions: Mapping[str, str],
    quantity: Decimal,
    unit: str,
    working: tuple[WorkingStep, ...],
    *,
    currency: str,
) -> str:
    """Such as "machine_seconds · shared-cpu-1x · 1,440,000 seconds @ $0.0000022, first 1,000 free"."""
    values = [value for _, value in sorted(dimensions.items()) if value]
    priced = _PRICED[price.model](price, currency)
    details = [_detail(step, step.limit, currency) for step in working if step.limit is not None]
    return SEPARATOR.join([price.meter, *values, f"{units(quantity, unit)}{priced}{''.join(details)}"])


def units(quantity: Decimal, unit: str) -> str:
    """The quantity with its unit, in the plural where it has one: "1 second", "1,440,000 seconds", "1.5 GB"."""
    return f"{grouped(quantity)} {unit if quantity.copy_abs() == 1 else _plural(unit)}"


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
