"""What is said of a bill that is another than the one before, and of each thing that made it so. No numbers."""

from collections.abc import Mapping, Sequence

from flybill_pipeline.billing.invoicing.changes import NOTHING, Change
from flybill_pipeline.billing.invoicing.late_usage import ADJUSTMENT
from flybill_pipeline.billing.invoicing.returned_credits import RETURNED
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.descriptions import SEPARATOR
from flybill_pipeline.billing.usage.graphemes import cut_short
from flybill_pipeline.billing.usage.texts import in_one_line
from flybill_pipeline.billing.words.sentence import Money, Quantity, Sentence, Value, Words, said

MOST_SHOWN = 5
LONGEST_VALUE = 60
_LEFT_OUT = said("The minimum of a price is in it; plans, discounts and credits are not.")
_SAME = said("Nothing of it comes to another amount.")
KINDS: Mapping[str, Sentence] = {
    "true_up": said("Minimum of the contract"),
    "one_off": said("One-off amounts"),
    "discount": said("Discounts"),
    "credit": said("Credits"),
    "carried_forward": said("Carried over from earlier months"),
    ADJUSTMENT: said("Corrections of earlier months"),
    RETURNED: said("Given back to credits"),
}
"""What all lines of a kind are called together."""


def changed_words(month: Month, before: Month, now: Money, then: Money, *, days: int | None, same: bool) -> Words:
    """What both months come to; `days` of them, of a month that still runs. `same`: nothing differs."""
    values: dict[str, Value] = {"month": month, "before": before, "now": now, "then": then}
    if days is None:
        words: Words = (said("{month} comes to {now}; {before} came to {then}.").of(**values),)
    elif days == 1:
        text = said("The usage of the first day of {month} came to {now}; on that of {before} it came to {then}.")
        words = (text.of(**values), _LEFT_OUT)
    else:
        text = said(
            "In the first {days} days of {month} usage came to {now}; in as many of {before} it came to {then}."
        )
        words = (text.of(**values, days=days), _LEFT_OUT)
    return (*words, _SAME) if same else words


def name_words(change: Change) -> Sentence | str:
    """What it is: names are the price book's, or the customer's own, and stay as they are."""
    values = [cut_short(in_one_line(each), LONGEST_VALUE) for _, each in sorted(change.dimensions.items()) if each]
    if change.meter is not None:
        return SEPARATOR.join([change.title or change.meter, *values])
    return KINDS.get(change.kind) or SEPARATOR.join(values) or change.kind


def difference_words(change: Change, currency: str) -> Sentence:
    """By how much it is another amount, and of how much usage."""
    more, unit = change.more_minor, change.unit
    values: dict[str, Value] = {
        "difference": Money(abs(more), currency),
        "now": Money(change.after.minor, currency),
        "then": Money(change.before.minor, currency),
    }
    now, then = change.after.quantity, change.before.quantity
    if unit is not None and now is not None and then is not None and NOTHING in (change.after, change.before):
        values |= {"used": Quantity(now or then, unit)}
        if change.before == NOTHING:
            return said("{now} for {used}; there was none before").of(**values)
        return said("none; there was {then} for {used} before").of(**values)
    if unit is None or now is None or then is None:
        text = said("{difference} more: {now} instead of {then}")
        return (text if more > 0 else said("{difference} less: {now} instead of {then}")).of(**values)
    text = said("{difference} more: {now} for {used} instead of {then} for {used_then}")
    less = said("{difference} less: {now} for {used} instead of {then} for {used_then}")
    return (text if more > 0 else less).of(**values, used=Quantity(now, unit), used_then=Quantity(then, unit))


def shown_first(changes: Sequence[Change]) -> Sequence[Change]:
    """Those that people are shown; one that would be left out alone is shown as well."""
    return changes if len(changes) <= MOST_SHOWN + 1 else changes[:MOST_SHOWN]


def rest_words(changes: Sequence[Change], currency: str) -> Sentence | None:
    """What those that are not shown come to together; None where all are shown."""
    rest = changes[len(shown_first(changes)) :]
    if not rest:
        return None
    more = sum(each.more_minor for each in rest)
    text = (
        said("{count} others together: {difference} less")
        if more < 0
        else said("{count} others together: {difference} more")
    )
    return text.of(count=len(rest), difference=Money(abs(more), currency))
