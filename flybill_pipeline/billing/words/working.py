"""How a line was reckoned: a sentence for each step of its working. No number is made here.

A step on record has a note in English; what it says of numbers and days is taken from it, as an invoice never changes.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from flybill_pipeline.billing.invoicing.returned_credits import AGAIN, BACK, LAPSED
from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.money.period import last_day_of
from flybill_pipeline.billing.pricing.working import BELOW_ZERO, WorkingStep
from flybill_pipeline.billing.words.sentence import Exact, Sentence, Value, said

NOWHERE: Mapping[str, int] = {}
_PERCENT = 100
_HOURS = re.compile(r"below zero for ([0-9.]{1,20}) hours, which count as zero")
_DAYS = re.compile(r"([0-9]{1,2}) of ([0-9]{2}) days")
_ACTIVE = re.compile(r"active from ([0-9-]{10}T[0-9:.]{8,15}\+00:00) until ([0-9-]{10}T[0-9:.]{8,15}\+00:00)")


def step_words(step: WorkingStep, currency: str, places: Mapping[str, int] = NOWHERE) -> Sentence:
    """Such as "200 @ $0.025 = $5.00"; a kind of step without words of its own is said by its name and amount.

    `places` are the numbers of the lines of the same statement, by their ids: a discount names those that it is off.
    """
    values = _values(step, currency)
    if step.package_size is not None:
        sentence = _packages(step)
    elif step.rate is not None:
        sentence = said("{percent}% of {count} = {amount}")
    elif step.step == "discount" and (place := places.get(step.note or "")):
        sentence = said("off line {line}: {amount}", line=place)
    else:
        sentence = STEPS.get(step.step, _named)(step)
    return sentence.of(**values, priced=_units(step).of(**values))


def active_time(step: WorkingStep) -> tuple[datetime, datetime] | None:
    """The half-open time in which a plan was active, of the step of its line."""
    times = _ACTIVE.fullmatch(step.note or "")
    return None if times is None else (datetime.fromisoformat(times[1]), datetime.fromisoformat(times[2]))


def _values(step: WorkingStep, currency: str) -> dict[str, Value]:
    with exact():
        percent = (step.rate or ZERO) * _PERCENT
    return {
        "count": step.quantity or ZERO,
        "amount": Exact(step.amount, currency),
        "price": Exact(step.unit_amount or ZERO, currency),
        "fee": Exact(step.flat_amount or ZERO, currency),
        "above": step.from_quantity or ZERO,
        "until": step.up_to or ZERO,
        "size": step.package_size or ZERO,
        "percent": percent,
        "limit": Exact(step.limit or ZERO, currency),
        "units": step.limit or ZERO,
        "name": step.step.replace("_", " "),
    }


def _named(_: WorkingStep) -> Sentence:
    return said("{name}: {amount}")


def _free(step: WorkingStep) -> Sentence:
    return said("{count} free") if step.limit is None else said("{count} free (the first {units} of the month are)")


def _units(step: WorkingStep) -> Sentence:
    if step.flat_amount:
        return said("{count} @ {price} + {fee} flat = {amount}")
    return said("{count} @ {price} = {amount}")


def _tier(step: WorkingStep) -> Sentence:
    if step.from_quantity:
        above = said("above {above}: {priced}")
        return above if step.up_to is None else said("above {above} up to {until}: {priced}")
    return said("from the first: {priced}") if step.up_to is None else said("from the first up to {until}: {priced}")


def _packages(step: WorkingStep) -> Sentence:
    if step.quantity == 1:
        return said("1 package of {size} @ {price} = {amount}")
    return said("{count} packages of {size} @ {price} = {amount}")


def _minimum(step: WorkingStep) -> Sentence:
    return said("minimum: {amount}") if step.limit is None else said("minimum of {limit}: {amount}")


def _maximum(step: WorkingStep) -> Sentence:
    return said("maximum: {amount}") if step.limit is None else said("maximum of {limit}: {amount}")


def _part_of_month(step: WorkingStep) -> Sentence:
    days = _DAYS.fullmatch(step.note or "")
    if days is None:
        return said("for the days of other prices: {amount}")
    return said("{days} of {of_days} days: {amount}", days=int(days[1]), of_days=int(days[2]))


def _below_zero(step: WorkingStep) -> Sentence:
    hours = _HOURS.fullmatch(step.note or "")
    if hours is None:
        return said("below zero, which counts as zero")
    return said("below zero for {hours} hours, which count as zero", hours=Decimal(hours[1]))


def _active(step: WorkingStep) -> Sentence:
    active = active_time(step)
    if active is None:
        return said("for the time that it was active: {amount}")
    return said("active from {first} until {last}: {amount}", first=active[0].date(), last=last_day_of(active[1]))


STEPS: Mapping[str, Callable[[WorkingStep], Sentence]] = {
    "free_units": _free,
    "units": _units,
    "tier": _tier,
    "flat": lambda _: said("flat: {amount}"),
    "minimum_spend": _minimum,
    "maximum_spend": _maximum,
    "part_of_month": _part_of_month,
    BELOW_ZERO: _below_zero,
    "subscription": _active,
    "one_off": lambda _: said("once: {amount}"),
    "credit": lambda _: said("of {limit} that were left: {amount}"),
    BACK: lambda _: said("back to the credit, which can pay with it: {amount}"),
    LAPSED: lambda _: said("back to the credit, which has ended: {amount}"),
    AGAIN: lambda _: said("paid by the credit again: {amount}"),
    "discount": lambda _: said("off one line: {amount}"),
    "rounding": lambda _: said("rounding: {amount}"),
    "already_billed": lambda _: said("billed before: {amount}"),
    "waived": lambda _: said("waived, and never paid: {amount}"),
}
"""By the kind of a step; packages and percentages are known by what they have."""
