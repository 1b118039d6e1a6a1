"""flat: one amount, once a month, when there is usage. Other models do not belong here."""

from flybill_pipeline.billing.money.amounts import format_amount
from flybill_pipeline.billing.pricing.prices import ModelField, Price, PriceModel
from flybill_pipeline.billing.pricing.stretches import Stretch
from flybill_pipeline.billing.pricing.working import WorkingStep


def _steps(price: Price, stretch: Stretch) -> tuple[WorkingStep, ...]:
    """One step: the stretch's share of `unit_amount`, whatever the quantity."""
    if not stretch.share.days:
        return ()
    amount = stretch.share.of(price.unit_amount)
    return (WorkingStep("flat", amount=amount, quantity=stretch.end - stretch.start, flat_amount=amount),)


def _words(price: Price, currency: str) -> str:
    return f", {format_amount(price.unit_amount, currency)} flat"


FLAT = PriceModel(
    name="flat",
    fields=(ModelField("unit_amount", "amount", also="flat_amount"),),  # the latter is what tiers call it
    steps=_steps,
    words=_words,
)
