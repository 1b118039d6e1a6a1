"""volume: the whole quantity at the price of the one tier that holds it. Other models do not belong here."""

from decimal import Decimal

from flybill_pipeline.billing.decimals import ZERO
from flybill_pipeline.billing.prices import Price
from flybill_pipeline.billing.working import WorkingStep


def volume(price: Price, quantity: Decimal) -> tuple[WorkingStep, ...]:
    """One step: quantity x the tier's `unit_amount`, and its `flat_amount`.

    The bill may fall as usage grows over a tier's end: that is the model, not a fault.
    """
    lowers = (ZERO, *(tier.up_to for tier in price.tiers[:-1]))
    lower, tier = next(
        (lower, tier)
        for lower, tier in zip(lowers, price.tiers, strict=True)
        if tier.up_to is None or quantity <= tier.up_to
    )
    return (
        WorkingStep(
            "tier",
            amount=quantity * tier.unit_amount + tier.flat_amount,
            quantity=quantity,
            unit_amount=tier.unit_amount,
            flat_amount=tier.flat_amount,
            from_quantity=lower,
            up_to=tier.up_to,
        ),
    )
