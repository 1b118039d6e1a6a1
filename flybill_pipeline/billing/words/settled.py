"""What is said of a month that was settled, by its outcome, and of one that is held, by the reason. Nothing is decided.

A reason that is ours to mend says so; none blames the customer, or names what only we know.
"""

from collections.abc import Mapping

from flybill_pipeline.billing.invoicing import clashes, left_behind
from flybill_pipeline.billing.invoicing.outcomes import CARRIED_FORWARD, HELD, INVOICED, NOTHING_TO_BILL, WAIVED
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.words.sentence import Money, Told, said

_LOOKED_AT = said("A person looks at it, then your invoice is made. You need not do anything.")
_MENDED = said("We mend this, then your invoice is made. You need not do anything.")
_WE_WRITE = said("We write to you about how to go on. You need not do anything until then.")
_NOTHING_TO_DO = said("You need not do anything.")
_CHECKED = Told(said("Your invoice for {month} waits for a check on our side."), _LOOKED_AT)

_PRICES = Told(said("Your invoice for {month} waits: a price is missing on our side."), _MENDED)
_RECORDS = Told(said("Your invoice for {month} waits: a number in our records cannot be right."), _MENDED)
_INCOMPLETE = Told(said("Your invoice for {month} waits: our records of you are not complete yet."), _MENDED)
HOLDS: Mapping[str, Told] = {
    "unpriced_meter": _PRICES,
    "unknown_contract": _PRICES,
    "no_price_book": _PRICES,
    "too_large": _RECORDS,
    "summed_levels": _RECORDS,
    "not_storable": _RECORDS,
    "unknown_org": _INCOMPLETE,
    "unknown_alias": _INCOMPLETE,
    left_behind.CODE: Told(said("Your invoice for {month} waits until an earlier month is complete."), _MENDED),
    clashes.CODE: Told(said("Your invoice for {month} waits: a part of it is in another currency."), _WE_WRITE),
    "currency_changed": Told(said("Your invoice for {month} waits: a part is in your earlier currency."), _MENDED),
    "unusual_total": Told(said("{month} comes to much more than is usual for you, so we check it first."), _LOOKED_AT),
    "large_credit": Told(said("{month} comes to a large credit for you, so we check it first."), _LOOKED_AT),
    "above_stripe_maximum": Told(said("{month} comes to more than our payment provider collects at once."), _WE_WRITE),
}
"""By the code with which a month is held."""

OUTCOMES: Mapping[tuple[str, str | None], Told] = {
    (INVOICED, None): Told(
        said("You owe {total} for {month}."), said("The invoice is on its way to our payment provider.")
    ),
    (CARRIED_FORWARD, "credit"): Told(
        said("You have a credit of {total} from {month}."),
        said("It is taken off your next invoice. You need not do anything."),
    ),
    (CARRIED_FORWARD, "below_minimum"): Told(
        said("{month} comes to {total}, which is too small to invoice on its own."),
        said("It is added to your next invoice. You need not do anything."),
    ),
    (WAIVED, "below_minimum"): Told(
        said("{month} comes to {total}, which is too small to invoice: you do not owe it."), _NOTHING_TO_DO
    ),
    (NOTHING_TO_BILL, None): Told(said("You owe nothing for {month}."), _NOTHING_TO_DO),
}
"""By the outcome of a month that is not held, and its code. Amounts are not below zero."""


def settled_words(month: Month, outcome: str, code: str | None, total: Money) -> Told:
    """What is read of a month with this outcome. For a code of an older version it says what is true of all."""
    shown = Money(abs(total.minor), total.currency)
    told = HOLDS.get(code or "", _CHECKED) if outcome == HELD else OUTCOMES[outcome, code]
    return told.of(month=month, total=shown)
