"""How a line was reckoned, in words: a phrase for each step of its working. No number is made here."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from flybill_pipeline.billing.money.amounts import format_amount
from flybill_pipeline.billing.money.decimals import ZERO, exact, grouped
from flybill_pipeline.billing.pricing.working import BELOW_ZERO, WorkingStep

_PERCENT = 100


def step_words(step: WorkingStep, currency: str) -> str:
    """Such as "200 @ $0.025 = $5.00"; a kind of step without a phrase of its own is said by its name and amount."""
    if step.package_size is not None:
        return _packages(step, currency)
    if step.rate is not None:
        return _percentage(step, currency)
    return _PHRASES.get(step.step, _named)(step, currency)


def _named(step: WorkingStep, currency: str) -> str:
    return f"{step.step.replace('_', ' ')}: {format_amount(step.amount, currency)}"


def _free(step: WorkingStep, currency: str) -> str:
    of = f" (the first {grouped(step.limit)} of the month are)" if step.limit is not None else ""
    return f"{_count(step)} free{of}"


def _units(step: WorkingStep, currency: str) -> str:
    return f"{_count(step)}{_price(step, currency)} = {format_amount(step.amount, currency)}"


def _tier(step: WorkingStep, currency: str) -> str:
    above = f"above {grouped(step.from_quantity)}" if step.from_quantity else "from the first"
    until = f" up to {grouped(step.up_to)}" if step.up_to is not None else ""
    return f"{above}{until}: {_units(step, currency)}"


def _packages(step: WorkingStep, currency: str) -> str:
    started = "1 package of" if step.quantity == 1 else f"{_count(step)} packages of"
    size = grouped(step.package_size or ZERO)
    return f"{started} {size}{_price(step, currency)} = {format_amount(step.amount, currency)}"


def _percentage(step: WorkingStep, currency: str) -> str:
    with exact():
        percent = (step.rate or ZERO) * _PERCENT
    return f"{grouped(percent)} % of {_count(step)} = {format_amount(step.amount, currency)}"


def _limit(step: WorkingStep, currency: str) -> str:
    limit = f" of {format_amount(step.limit, currency)}" if step.limit is not None else ""
    return f"{'minimum' if step.step == 'minimum_spend' else 'maximum'}{limit}: {format_amount(step.amount, currency)}"


def _noted(step: WorkingStep, currency: str) -> str:
    amount = f": {format_amount(step.amount, currency)}" if step.amount else ""
    return f"{step.note or step.step.replace('_', ' ')}{amount}"


def _count(step: WorkingStep) -> str:
    return grouped(step.quantity or ZERO)


def _price(step: WorkingStep, currency: str) -> str:
    fee = f" + {format_amount(step.flat_amount, currency)} flat" if step.flat_amount else ""
    return f" @ {format_amount(step.unit_amount or Decimal(0), currency)}{fee}"


_PHRASES: Mapping[str, Callable[[WorkingStep, str], str]] = {
    "free_units": _free,
    "units": _units,
    "tier": _tier,
    "minimum_spend": _limit,
    "maximum_spend": _limit,
    "part_of_month": _noted,
    BELOW_ZERO: _noted,
}
