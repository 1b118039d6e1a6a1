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

    The month's limit is the sum of the parts' limits, each weighted by its share of the days; it is compared with what
    those parts cost together. A minimum is due when they have usage, in a contract without any too. (A loaded price has
    minimum <= maximum.)
    """
    if all(part.price.minimum_spend is None and part.price.maximum_spend is None for part in parts):
        return [()] * len(parts)
    raised = dict(_raised(parts))
    amounts = [part.amount + (raised[place].amount if place in raised else ZERO) for place, part in enumerate(parts)]
    lowered = dict(_lowered(parts, amounts))
    return [tuple(steps[place] for steps in (raised, lowered) if place in steps) for place in range(len(parts))]


def _raised(parts: Sequence[PricedPart]) -> Iterator[tuple[int, WorkingStep]]:
    """By place: what is missing to the minimum, shared as the parts have it."""
    limited = {place: part for place, part in enumerate(parts) if part.price.minimum_spend is not None}
    if sum(part.quantity for part in limited.values()) <= 0:
        limited = {place: part for place, part in limited.items() if part.price.contract is not None}
    minimums = [part.share.of(part.price.minimum_spend or ZERO) for part in limited.values()]
    minimum = sum(minimums, ZERO)
    missing = minimum - sum([part.amount for part in limited.values()], ZERO)
    if limited and missing > 0:
        weights = minimums if minimum else [Decimal(part.share.days) for part in limited.values()]
        for place, amount in zip(limited, _in_proportion(missing, weights), strict=True):
            yield place, WorkingStep("minimum_spend", amount=amount, limit=minimum)


def _lowered(parts: Sequence[PricedPart], amounts: Sequence[Decimal]) -> Iterator[tuple[int, WorkingStep]]:
    """By place: what is over the maximum, shared as the `amounts` are."""
    limited = {place: part for place, part in enumerate(parts) if part.price.maximum_spend is not None}
    maximum = sum([part.share.of(part.price.maximum_spend or ZERO) for part in limited.values()], ZERO)
    amount = sum([amounts[place] for place in limited], ZERO)
    if limited and abs(amount) > maximum:
        left = _in_proportion(maximum.copy_sign(amount), [amounts[place] for place in limited])
        for place, lowered in zip(limited, left, strict=True):
            yield place, WorkingStep("maximum_spend", amount=lowered - amounts[place], limit=maximum)


def _in_proportion(amount: Decimal, weights: Sequence[Decimal]) -> Iterator[Decimal]:
    """`amount` in parts like `weights` (whose sum is not 0), to 18 decimals; they sum to it exactly."""
    whole, passed, given = sum(weights, ZERO), ZERO, ZERO
    for weight in weights:
        passed += weight
        due = amount if passed == whole else divide(amount * passed, whole)
        yield due - given
        given = due
