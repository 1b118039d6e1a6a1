"""percentage: a share of an amount; the meter counts major units of money. Other models do not belong here."""

from flybill_pipeline.billing.money.decimals import exact, plain
from flybill_pipeline.billing.pricing.prices import ModelField, Price, PriceModel
from flybill_pipeline.billing.pricing.stretches import Stretch
from flybill_pipeline.billing.pricing.working import WorkingStep


def _steps(price: Price, stretch: Stretch) -> tuple[WorkingStep, ...]:
    """One step: the amount x `rate`, where a rate of 0.029 is 2.9%."""
    base = stretch.end - stretch.start
    return (WorkingStep("percentage", amount=base * price.rate, quantity=base, rate=price.rate),) if base else ()


def _words(price: Price, currency: str) -> str:
    with exact():
        return f" @ {plain(price.rate * 100)}%"


PERCENTAGE = PriceModel(name="percentage", fields=(ModelField("rate", "amount"),), steps=_steps, words=_words)
