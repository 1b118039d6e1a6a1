"""package: units are sold by the box, and a started box is paid in full. Other models do not belong here."""

from decimal import Decimal

from flybill_pipeline.billing.money.amounts import format_amount
from flybill_pipeline.billing.money.decimals import grouped
from flybill_pipeline.billing.pricing.prices import ModelField, Price, PriceModel
from flybill_pipeline.billing.pricing.stretches import Stretch
from flybill_pipeline.billing.pricing.working import WorkingStep


def _steps(price: Price, stretch: Stretch) -> tuple[WorkingStep, ...]:
    """One step: packages x `unit_amount`; 101 units in packages of 100 are 2.

    They are counted over the month: a stretch pays those that are started in it.
    """
    packages = _started(stretch.end, price.package_size) - _started(stretch.start, price.package_size)
    if not packages:
        return ()
    return (
        WorkingStep(
            "packages",
            amount=packages * price.unit_amount,
            quantity=packages,
            unit_amount=price.unit_amount,
            package_size=price.package_size,
        ),
    )


def _started(units: Decimal, size: Decimal) -> Decimal:
    whole, rest = divmod(units, size)
    return whole + (1 if rest else 0)


def _words(price: Price, currency: str) -> str:
    return f" in packages of {grouped(price.package_size)} @ {format_amount(price.unit_amount, currency)}"


PACKAGE = PriceModel(
    name="package",
    fields=(ModelField("package_size", "size"), ModelField("unit_amount", "amount")),
    steps=_steps,
    words=_words,
)
