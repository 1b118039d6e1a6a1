"""graduated: each part of the quantity at the price of the tier it falls in. Other models do not belong here."""

from decimal import Decimal

from flybill_pipeline.billing.money.decimals import ZERO
from flybill_pipeline.billing.pricing.models.tiers import tier_step
from flybill_pipeline.billing.pricing.prices import Price
from flybill_pipeline.billing.pricing.working import WorkingStep


def graduated(price: Price, quantity: Decimal) -> tuple[WorkingStep, ...]:
    """One step a tier entered: its part x its `unit_amount`, and its `flat_amount` once."""
    steps, lower = list[WorkingStep](), ZERO
    for tier in price.tiers:
        if quantity <= lower:
            break
        upper = quantity if tier.up_to is None else min(quantity, tier.up_to)
        steps.append(tier_step(tier, upper - lower, lower))
        lower = upper
    return tuple(steps)
