"""volume: the whole quantity at the price of the one tier that holds it. Other models do not belong here."""

from decimal import Decimal

from flybill_pipeline.billing.money.decimals import ZERO
from flybill_pipeline.billing.pricing.models.tiers import tier_step
from flybill_pipeline.billing.pricing.prices import Price
from flybill_pipeline.billing.pricing.working import WorkingStep


def volume(price: Price, quantity: Decimal) -> tuple[WorkingStep, ...]:
    """One step: quantity x the tier's `unit_amount`, and its `flat_amount`.

    The bill may fall as usage grows over a tier's end: that is the model, not a fault.
    """
    lower = ZERO
    for tier in price.tiers:
        if tier.up_to is None or quantity <= tier.up_to:
            return (tier_step(tier, quantity, lower),)
        lower = tier.up_to
    raise ValueError(f"no tier of {price.meter!r} holds {quantity}: the last one must be open")
