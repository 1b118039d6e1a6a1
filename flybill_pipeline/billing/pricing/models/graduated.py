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
    start, end, month, share = stretch
    steps, lower, highest = list[WorkingStep](), ZERO, max(start, end, month)
    for tier in price.tiers:
        if lower >= highest:
            break
        up_to, unit_amount, flat_amount = tier.up_to, tier.unit_amount, tier.flat_amount
        units = _units(lower, up_to, end) - _units(lower, up_to, start) if start else _units(lower, up_to, end)
        fee = share.of(flat_amount) if flat_amount and month > lower else ZERO
        if units or fee:
            steps.append(WorkingStep("tier", units * unit_amount + fee, units, unit_amount, fee, lower, up_to))
        lower = up_to or lower  # only the last tier is open
    return tuple(steps)


def _units(lower: Decimal, up_to: Decimal | None, quantity: Decimal) -> Decimal:
    """How many units of `quantity` are in the tier (`lower`, `up_to`]."""
    if quantity <= lower:
        return ZERO
    return (quantity if up_to is None or quantity < up_to else up_to) - lower


def _words(price: Price, currency: str) -> str:
    return " in graduated tiers"


GRADUATED = PriceModel(
    name="graduated",
    fields=(ModelField("tiers", "tiers"),),
    steps=_steps,
    words=_words,
)
