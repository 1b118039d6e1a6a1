"""volume: the whole month at the price of the one tier that holds it. Other models do not belong here."""

from flybill_pipeline.billing.money.decimals import ZERO
from flybill_pipeline.billing.pricing.prices import ModelField, Price, PriceModel
from flybill_pipeline.billing.pricing.stretches import Stretch
from flybill_pipeline.billing.pricing.working import WorkingStep


def _steps(price: Price, stretch: Stretch) -> tuple[WorkingStep, ...]:
    """One step: units x the `unit_amount` of the month's tier, and the share of its `flat_amount`.

    The bill may fall as usage grows over a tier's end: that is the model, not a fault.
    """
    units, lower = stretch.end - stretch.start, ZERO
    for tier in price.tiers:
        if tier.up_to is None or stretch.month <= tier.up_to:
            fee = stretch.share.of(tier.flat_amount)
            amount = units * tier.unit_amount + fee
            step = WorkingStep("tier", amount, units, tier.unit_amount, fee, lower, tier.up_to)
            return (step,) if units or fee else ()
        lower = tier.up_to
    raise ValueError(f"no tier of {price.meter!r} holds {stretch.month}: the last one must be open")


def _words(price: Price, currency: str) -> str:
    return " in volume tiers"


VOLUME = PriceModel(
    name="volume",
    fields=(ModelField("tiers", "tiers"),),
    steps=_steps,
    words=_words,
)
