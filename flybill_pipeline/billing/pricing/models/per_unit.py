"""per_unit: every unit at one amount. Other models do not belong here."""

from flybill_pipeline.billing.money.amounts import format_amount
from flybill_pipeline.billing.pricing.prices import ModelField, Price, PriceModel
from flybill_pipeline.billing.pricing.stretches import Stretch
from flybill_pipeline.billing.pricing.working import WorkingStep


def _steps(price: Price, stretch: Stretch) -> tuple[WorkingStep, ...]:
    """One step: units x `unit_amount`."""
    units = stretch.end - stretch.start
    if not units:
        return ()
    return (WorkingStep("units", amount=units * price.unit_amount, quantity=units, unit_amount=price.unit_amount),)


def _words(price: Price, currency: str) -> str:
    return f" @ {format_amount(price.unit_amount, currency)}"


PER_UNIT = PriceModel(
    name="per_unit",
    fields=(ModelField("unit_amount", "amount"),),
    steps=_steps,
    words=_words,
)
