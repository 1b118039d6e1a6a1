"""What a quantity costs within one tier, for the models that have tiers. Which tier it falls in is each model's."""

from decimal import Decimal

from flybill_pipeline.billing.pricing.prices import Tier
from flybill_pipeline.billing.pricing.working import WorkingStep


def tier_step(tier: Tier, quantity: Decimal, lower: Decimal) -> WorkingStep:
    """`quantity` at the tier's `unit_amount`, and its `flat_amount` once; the tier begins above `lower`."""
    return WorkingStep(
        "tier",
        amount=quantity * tier.unit_amount + tier.flat_amount,
        quantity=quantity,
        unit_amount=tier.unit_amount,
        flat_amount=tier.flat_amount,
        from_quantity=lower,
        up_to=tier.up_to,
    )
