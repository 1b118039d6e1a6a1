"""What is said of a month that still runs: what it may come to, how fresh it is, what is left. No numbers.

Why a line is there that nobody used or bought in the month is said here too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flybill_pipeline.billing.invoicing.commitments import Commitment
from flybill_pipeline.billing.invoicing.forecast import Forecast
from flybill_pipeline.billing.invoicing.items.credits import Credit
from flybill_pipeline.billing.invoicing.late_usage import ADJUSTMENT
from flybill_pipeline.billing.invoicing.returned_credits import RETURNED
from flybill_pipeline.billing.money.period import last_day_of
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.words.sentence import Money, Sentence, Words, counted, said

LATE = timedelta(hours=3)
"""A source that brought nothing for so long is named."""
IN_DAYS = timedelta(days=2)
"""From then on it is told in days."""
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Source:
    """A source of usage by what its people call it, and when its last file arrived."""

    name: str
    arrived_at: datetime


def forecast_words(forecast: Forecast, currency: str, standing_minor: int) -> Words:
    """What the month may come to, between what, and what of it does not grow."""
    return tuple(_forecast(forecast, currency, standing_minor))


def _forecast(forecast: Forecast, currency: str, standing_minor: int) -> Iterator[Sentence]:
    amount = Money(forecast.minor, currency)
    yield said("If the month goes on like this, it comes to about {amount}.", amount=amount)
    if forecast.low_minor < forecast.high_minor:
        low, high = Money(forecast.low_minor, currency), Money(forecast.high_minor, currency)
        text = said("If each day left is like the cheapest or the dearest so far, it is between {low} and {high}.")
        yield text.of(low=low, high=high)
    if standing_minor:
        text = said("Before discounts and credits, {standing} is plans and amounts that do not grow with the month.")
        yield text.of(standing=Money(standing_minor, currency))


def freshness_words(usage_up_to: datetime | None, sources: Sequence[Source], now: datetime) -> Words:
    """How fresh the usage of a month is: the last that is counted, and which sources report late."""
    return tuple(_freshness(usage_up_to, sources, now))


def _freshness(usage_up_to: datetime | None, sources: Sequence[Source], now: datetime) -> Iterator[Sentence]:
    if usage_up_to:
        yield said("Usage is counted up to {moment}.", moment=usage_up_to)
    late = sorted((source for source in sources if now - source.arrived_at >= LATE), key=lambda each: each.arrived_at)
    for source in late[:MOST_NAMED]:
        yield _ago(now - source.arrived_at).of(source=source.name)


def _ago(passed: timedelta) -> Sentence:
    if passed >= IN_DAYS:
        days = passed // timedelta(days=1)
        return counted("{source} reported {count} day ago.", "{source} reported {count} days ago.", count=days)
    hours = passed // timedelta(hours=1)
    return counted("{source} reported {count} hour ago.", "{source} reported {count} hours ago.", count=hours)


def left_words(left: Sequence[Credit], commitment: Commitment | None, lines: Sequence[LineItem]) -> Words:
    """What is left of credits after this month, and what is missing to the minimum of a contract."""
    return (*map(_credit, left), *_commitment(commitment, lines))


def _credit(credit: Credit) -> Sentence:
    left = Money(credit.left_minor, credit.currency)
    if credit.expires_at is None:
        return said("{left} of the credit {name} is left after this.", left=left, name=credit.name)
    text = said("{left} of the credit {name} is left after this, until {day}.", left=left, name=credit.name)
    return text.of(day=last_day_of(credit.expires_at))


def _commitment(commitment: Commitment | None, lines: Sequence[LineItem]) -> Iterator[Sentence]:
    if commitment is None or not lines:
        return
    true_up = next((line for line in lines if line.kind == "true_up"), None)
    minimum = Money(commitment.minimum_minor, lines[0].currency)
    if true_up is None:
        yield said("The minimum of {minimum} of your contract is reached.", minimum=minimum)
    else:
        missing = Money(true_up.amount_minor, true_up.currency)
        text = said("Your contract has a minimum of {minimum} for the month: {missing} is missing so far.")
        yield text.of(minimum=minimum, missing=missing)


WHY: Mapping[str, Sentence] = {
    ADJUSTMENT: said("Something came or changed after {month} was invoiced: all of it, less what was billed before."),
    "carried_forward": said("It was too small to invoice, or a credit, and so it was kept for this invoice."),
    RETURNED: said(
        "What this credit had paid for changed after {month} was invoiced. What a credit paid goes back to the credit, "
        "not to you as money; what you paid yourself goes back to you first."
    ),
    "true_up": said("Your contract asks for a minimum. This is what was missing to it."),
}
"""By the kind of a line: why it is there."""


def why_words(line: LineItem) -> Sentence | None:
    """Why a line is there; None of what was used or bought."""
    why = WHY.get(line.kind)
    return None if why is None else why.of(month=line.service_month)


NO_USAGE: Mapping[str, Sentence] = {
    **WHY,
    "subscription": said("A plan costs the same, whatever is used."),
    "one_off": said("It is due once, whatever is used."),
    "discount": said("It takes something off the lines above it."),
    "credit": said("It pays for what is above it."),
}
"""By the kind of a line without a meter: why no usage is behind it."""


def no_usage_words(line: LineItem) -> Sentence:
    """Why there is no usage to show of a line."""
    if line.meter is not None or line.kind not in NO_USAGE:
        return said("The prices that it was made by are not known any more.")
    return NO_USAGE[line.kind].of(month=line.service_month)
