"""graduated: each part of the quantity at the price of the tier it falls in. Other models do not belong here."""

from decimal import Decimal

from flybill_pipeline.billing.decimals import ZERO
from flybill_pipeline.billing.prices import Price
from flybill_pipeline.billing.working import WorkingStep


def graduated(price: Price, quantity: Decimal) -> tuple[WorkingStep, ...]:
    """One step a tier entered: its part x its `unit_amount`, and its `flat_amount` once."""
    steps, lower = list[WorkingStep](), ZERO
    for tier in price.tiers:
        if quantity <= lower:
            break
        upper = quantity if tier.up_to is None else min(quantity, tier.up_to)
        part = upper - lower
        steps.append(
            WorkingStep(
                "tier",
                amount=part * tier.unit_amount + tier.flat_amount,
                quantity=part,
                unit_amount=tier.unit_amount,
                flat_amount=tier.flat_amount,
                from_quantity=lower,
                up_to=tier.up_to,
            )
        )
        lower = upper
    return tuple(steps)
