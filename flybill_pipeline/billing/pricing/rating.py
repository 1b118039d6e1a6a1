"""What a quantity comes to under a price, exactly and with its working. Not which price, and no rounding to money."""

from decimal import Decimal
from typing import NamedTuple

from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.pricing.limits import PricedPart, limit_steps
from flybill_pipeline.billing.pricing.prices import Price
from flybill_pipeline.billing.pricing.stretches import NOTHING, WHOLE, Share, Stretch
from flybill_pipeline.billing.pricing.working import WorkingStep


class Rated(NamedTuple):
    """The exact amount in major units, not rounded, and the steps whose amounts sum to it."""

    amount: Decimal
    working: tuple[WorkingStep, ...]

    @classmethod
    def of(cls, steps: tuple[WorkingStep, ...]) -> "Rated":
        """What these steps come to."""
        return cls(sum([step.amount for step in steps], ZERO), steps)

    def with_steps(self, more: tuple[WorkingStep, ...]) -> "Rated":
        """The same with these steps after its own."""
        return Rated(sum([step.amount for step in more], self.amount), self.working + more) if more else self


def rate(price: Price, quantity: Decimal, share: Share = WHOLE, *, adds_up: bool = True) -> Rated:
    """Prices a month of `quantity`: free units first, then the model, then minimum and maximum spend.

    With a `share`, only so many days of the month have a price: they pay that share of what is due once a month, which
    is all of it where days do not add up to the quantity.

    A net negative quantity (corrections outweigh the month's usage) is a credit, the mirror image of the same usage:
    free units absorb it first, tiers and started packages count on its magnitude, the maximum limits it. Fixed amounts
    are no usage and are not given back: flat fees of tiers and the flat model stay out.

    A minimum is due when there is usage. In a contract it is a commitment, due at zero usage too.
    """
    with exact():
        if adds_up:
            rated = Rated.of(usage_steps(price, Stretch(ZERO, quantity, quantity, share)))
        else:
            rated = share_of_month(price, quantity, share)
        if price.minimum_spend is None and price.maximum_spend is None:
            return rated
        (limits,) = limit_steps([PricedPart(price, share, quantity, rated.amount)])
        return rated.with_steps(limits)


def share_of_month(price: Price, quantity: Decimal, share: Share) -> Rated:
    """The share by days of what a month of `quantity` costs before limits: each book's part of a peak, for example."""
    month = Rated.of(usage_steps(price, Stretch(ZERO, quantity, quantity, WHOLE)))
    others = share.of(month.amount) - month.amount
    step = WorkingStep("part_of_month", amount=others, note=f"{share.days} of {share.of_days} days")
    return month.with_steps((step,) if others else ())


def usage_steps(price: Price, usage: Stretch) -> tuple[WorkingStep, ...]:
    """What a stretch of usage costs before limits; here its quantities may be negative, and free units are in them.

    Stretches that follow one another cost together what one over all of them does, whether up or down.
    """
    if not price.free_units and usage.start >= 0 and usage.end >= 0 and usage.month > 0:
        return price.model.steps(price, usage)  # nearly all there is: nothing free, nothing taken back
    free = _free(price, usage.end) - _free(price, usage.start)
    start, end, month = (_billable(price, units) for units in usage[:3])
    steps: tuple[WorkingStep, ...] = (WorkingStep("free_units", quantity=free, limit=price.free_units),) if free else ()
    if start > 0 or end > 0 or month > 0:
        share = usage.share if month > 0 else NOTHING
        steps += price.model.steps(price, Stretch(max(start, ZERO), max(end, ZERO), abs(month), share))
    if start < 0 or end < 0:
        below = price.model.steps(price, Stretch(max(-start, ZERO), max(-end, ZERO), abs(month), NOTHING))
        steps += tuple([_mirrored(step) for step in below])
    return steps


def _free(price: Price, units: Decimal) -> Decimal:
    return min(abs(units), price.free_units).copy_sign(units)


def _billable(price: Price, units: Decimal) -> Decimal:
    return units - _free(price, units) if price.free_units else units


def _mirrored(step: WorkingStep) -> WorkingStep:
    return step._replace(amount=-step.amount, quantity=None if step.quantity is None else -step.quantity)
