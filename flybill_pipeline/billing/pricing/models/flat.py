"""flat: one amount, once, when there is usage. Other models do not belong here."""

from decimal import Decimal

from flybill_pipeline.billing.pricing.prices import Price
from flybill_pipeline.billing.pricing.working import WorkingStep


def flat(price: Price, quantity: Decimal) -> tuple[WorkingStep, ...]:
    """One step: `unit_amount`, whatever the quantity."""
    return (WorkingStep("flat", amount=price.unit_amount, quantity=quantity, flat_amount=price.unit_amount),)
