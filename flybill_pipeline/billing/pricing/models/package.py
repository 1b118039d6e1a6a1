"""package: units are sold by the box, and a started box is paid in full. Other models do not belong here."""

from decimal import Decimal

from flybill_pipeline.billing.pricing.prices import Price
from flybill_pipeline.billing.pricing.working import WorkingStep


def package(price: Price, quantity: Decimal) -> tuple[WorkingStep, ...]:
    """One step: started packages x `unit_amount`; 101 units in packages of 100 are 2."""
    whole, rest = divmod(quantity, price.package_size)
    started = whole + (1 if rest else 0)
    return (
        WorkingStep(
            "packages",
            amount=started * price.unit_amount,
            quantity=started,
            unit_amount=price.unit_amount,
            package_size=price.package_size,
        ),
    )
