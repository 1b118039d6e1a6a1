"""What a quantity comes to under a price, exactly and with its working. Not which price, and no rounding to money."""

from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.pricing.models import MODELS
from flybill_pipeline.billing.pricing.prices import Price, PriceModel, Tier
from flybill_pipeline.billing.pricing.working import WorkingStep


class Rated(NamedTuple):
    """The exact amount in major units, not rounded, and the steps whose amounts sum to it."""

    amount: Decimal
    working: tuple[WorkingStep, ...]


def rate(price: Price, quantity: Decimal) -> Rated:
    """Prices `quantity`: free units first, then the model, then minimum and maximum spend.

    A net negative quantity (corrections outweigh the month's usage) is a credit, the mirror image of the same usage:
    free units absorb it first, tiers and started packages count on its magnitude, the maximum limits it. Fixed amounts
    are no usage and are not given back: flat fees of tiers and the flat model stay out.

    A minimum is due when there is usage. In a contract it is a commitment, due at zero usage too.
    """
    with exact():
        steps = _usage_steps(price, quantity)
        amount = sum([step.amount for step in steps], ZERO)
        limit = _limit_step(price, quantity, amount)
        return Rated(amount, steps) if limit is None else Rated(amount + limit.amount, (*steps, limit))


def _usage_steps(price: Price, quantity: Decimal) -> tuple[WorkingStep, ...]:
    magnitude = abs(quantity)
    free = min(magnitude, price.free_units)
    steps: tuple[WorkingStep, ...] = (WorkingStep("free_units", quantity=free, limit=price.free_units),) if free else ()
    if quantity >= 0:
        return steps if magnitude == free else steps + MODELS[price.model](price, magnitude - free)
    if magnitude != free and price.model is not PriceModel.FLAT:
        steps += MODELS[price.model](_without_flat_fees(price), magnitude - free)
    return tuple([_mirrored(step) for step in steps])


def _without_flat_fees(price: Price) -> Price:
    return replace(price, tiers=tuple(Tier(tier.up_to, tier.unit_amount) for tier in price.tiers))


def _mirrored(step: WorkingStep) -> WorkingStep:
    return step._replace(amount=-step.amount, quantity=None if step.quantity is None else -step.quantity)


def _limit_step(price: Price, quantity: Decimal, amount: Decimal) -> WorkingStep | None:
    """The true-up to the minimum, or what is over the maximum (a loaded price has minimum <= maximum)."""
    minimum, maximum = price.minimum_spend, price.maximum_spend
    if minimum is not None and amount < minimum and (quantity > 0 or price.contract is not None):
        return WorkingStep("minimum_spend", amount=minimum - amount, limit=minimum)
    if maximum is not None and abs(amount) > maximum:
        return WorkingStep("maximum_spend", amount=maximum.copy_sign(amount) - amount, limit=maximum)
    return None
