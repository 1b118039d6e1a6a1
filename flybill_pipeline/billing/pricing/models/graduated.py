"""graduated: each part of the quantity at the price of the tier it falls in. Other models do not belong here."""

from decimal import Decimal

from flybill_pipeline.billing.money.decimals import ZERO
from flybill_pipeline.billing.pricing.prices import ModelField, Price, PriceModel
from flybill_pipeline.billing.pricing.stretches import Stretch
from flybill_pipeline.billing.pricing.working import WorkingStep


def _steps(price: Price, stretch: Stretch) -> tuple[WorkingStep, ...]:
    """One step a tier: the stretch's units in it x its `unit_amount`, and the share of its `flat_amount`.

    A tier's flat amount is due when the month enters it, in whichever stretch it does.
    """
    steps, lower = list[WorkingStep](), ZERO
    for tier in price.tiers:
        if lower >= max(stretch.start, stretch.end, stretch.month):
            break
        units = _up_to(tier.up_to, stretch.end, lower) - _up_to(tier.up_to, stretch.start, lower)
        fee = stretch.share.of(tier.flat_amount) if stretch.month > lower else ZERO
        if units or fee:
            amount = units * tier.unit_amount + fee
            steps.append(WorkingStep("tier", amount, units, tier.unit_amount, fee, lower, tier.up_to))
        lower = tier.up_to or lower  # only the last tier is open
    return tuple(steps)


def _up_to(end: Decimal | None, units: Decimal, lower: Decimal) -> Decimal:
    """How many of the `units` are in a tier that begins above `lower`."""
    return max((units if end is None else min(units, end)) - lower, ZERO)


def _words(price: Price, currency: str) -> str:
    return " in graduated tiers"


GRADUATED = PriceModel(
    name="graduated",
    fields=(ModelField("tiers", "tiers"),),
    steps=_steps,
    words=_words,
)
