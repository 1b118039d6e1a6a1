"""per_unit: every unit at one amount. Other models do not belong here."""

from decimal import Decimal

from flybill_pipeline.billing.pricing.prices import Price
from flybill_pipeline.billing.pricing.working import WorkingStep


def per_unit(price: Price, quantity: Decimal) -> tuple[WorkingStep, ...]:
    """One step: quantity x `unit_amount`."""
    amount = quantity * price.unit_amount
    return (WorkingStep("units", amount=amount, quantity=quantity, unit_amount=price.unit_amount),)
