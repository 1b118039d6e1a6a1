"""percentage: a share of an amount; the meter counts major units of money. Other models do not belong here."""

from decimal import Decimal

from flybill_pipeline.billing.pricing.prices import Price
from flybill_pipeline.billing.pricing.working import WorkingStep


def percentage(price: Price, quantity: Decimal) -> tuple[WorkingStep, ...]:
    """One step: quantity x `rate`, where a rate of 0.029 is 2.9 %."""
    return (WorkingStep("percentage", amount=quantity * price.rate, quantity=quantity, rate=price.rate),)
