"""Minimum and maximum spend of a price, compared once with the whole month. What usage costs before that: rating.py."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from flybill_pipeline.billing.money.decimals import ZERO, divide
from flybill_pipeline.billing.pricing.prices import Price
from flybill_pipeline.billing.pricing.stretches import Share
from flybill_pipeline.billing.pricing.working import WorkingStep


class PricedPart(NamedTuple):
    """A part of a month under one price: its share of the days, its quantity, and what that costs before limits."""

    price: Price
    share: Share
    quantity: Decimal
    amount: Decimal


def limit_steps(parts: Sequence[PricedPart]) -> list[tuple[WorkingStep, ...]]:
    """For each part of one line's month: its part of what is missing to the minimum, and of what is over the maximum.

    The month's minimum is the sum of the parts' minimums, each weighted by its share of the days; where there is none
    it is zero. It is compared with what all parts cost. It is due when they have usage, in a contract without any too.

    A part without a maximum has no limit, whatever the others have: the maximums of the others, weighted, limit what
    these cost together. That comes first, so that the month never costs less than its minimum.
    """
    if all(part.price.minimum_spend is None and part.price.maximum_spend is None for part in parts):
        return [()] * len(parts)
    lowered = dict(_lowered(parts))
    amounts = [part.amount + (lowered[place].amount if place in lowered else ZERO) for place, part in enumerate(parts)]
    raised = dict(_raised(parts, amounts))
    return [tuple(steps[place] for steps in (lowered, raised) if place in steps) for place in range(len(parts))]


def _lowered(parts: Sequence[PricedPart]) -> Iterator[tuple[int, WorkingStep]]:
    """By place: what is over the maximum, shared as the parts' amounts are."""
    limited = {place: part for place, part in enumerate(parts) if part.price.maximum_spend is not None}
    maximum = sum([part.share.of(part.price.maximum_spend or ZERO) for part in limited.values()], ZERO)
    amounts = [part.amount for part in limited.values()]
    amount = sum(amounts, ZERO)
    if limited and abs(amount) > maximum:
        left = _in_proportion(maximum.copy_sign(amount), amounts)
        for (place, part), lowered in zip(limited.items(), left, strict=True):
            yield place, WorkingStep("maximum_spend", amount=lowered - part.amount, limit=maximum)


def _raised(parts: Sequence[PricedPart], amounts: Sequence[Decimal]) -> Iterator[tuple[int, WorkingStep]]:
    """By place: what the `amounts` lack to the minimum, shared as the parts have it."""
    used = sum([part.quantity for part in parts], ZERO) > 0
    minimums = {
        place: part.share.of(part.price.minimum_spend)
        for place, part in enumerate(parts)
        if part.price.minimum_spend and (used or part.price.contract is not None)
    }
    minimum = sum(minimums.values(), ZERO)
    missing = minimum - sum(amounts, ZERO)
    if minimums and missing > 0:
        for place, amount in zip(minimums, _in_proportion(missing, list(minimums.values())), strict=True):
            yield place, WorkingStep("minimum_spend", amount=amount, limit=minimum)


def _in_proportion(amount: Decimal, weights: Sequence[Decimal]) -> Iterator[Decimal]:
    """`amount` in parts like `weights` (whose sum is not 0), to 18 decimals; they sum to it exactly."""
    whole, passed, given = sum(weights, ZERO), ZERO, ZERO
    for weight in weights:
        passed += weight
        due = amount if passed == whole else divide(amount * passed, whole)
        yield due - given
        given = due
