"""What the developer who is billed is told of a month: its state, what happened, what happens next. No number is made.

States are decided by their own modules, and their words stand in `settled.py`, `sync.py` and `payments.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from flybill_pipeline.billing.invoicing.forecast import Forecast, as_it_is
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.payments.month_facts import MonthFacts, month_state
from flybill_pipeline.billing.words.credits import credited_words
from flybill_pipeline.billing.words.payments import parts_words, payment_words
from flybill_pipeline.billing.words.sentence import Money, Sentence, Told, Words, said
from flybill_pipeline.billing.words.settled import settled_words
from flybill_pipeline.billing.words.sync import waiting_words


@dataclass(frozen=True, slots=True)
class Statement:
    """`state` is for machines; `message` says what happened, `next_step` what happens next or is to be done.

    `forecast` is what the month may come to; None while it has not begun, and while nothing of its usage is known.
    """

    state: str
    message: Words
    next_step: Sentence
    forecast: Forecast | None


def statement(facts: MonthFacts, now: datetime, closing_day: int, credit_notes: Sequence[CreditNote] = ()) -> Statement:
    """The statement of a month as of `now`, with what was credited of its invoice.

    `closing_day` of the next month is what customers are promised while there is no invoice.
    """
    told = _told(facts, now, closing_day)
    message = (told.what, *_why_so_much(facts, credit_notes))
    forecast = facts.forecast or (as_it_is(facts.total_minor) if now >= facts.month.end else None)
    return Statement(month_state(facts, now), message, told.next, forecast)


def _why_so_much(facts: MonthFacts, credit_notes: Sequence[CreditNote]) -> Words:
    """What stands between the lines and what is asked for: tax, the customer's balance, credit notes."""
    payment = facts.payment
    if payment is None:
        return credited_words(facts.total_minor, credit_notes)
    said_already = payment.state == "credited" and not credit_notes
    credited = None if said_already else Money(payment.credited_minor, payment.currency)
    parts = parts_words(payment, facts.total_minor, facts.total_there_minor)
    return *parts, *credited_words(facts.total_minor, credit_notes, credited)


def _told(facts: MonthFacts, now: datetime, closing_day: int) -> Told:
    if facts.currency is None:
        return Told(said("We do not know this organization yet."), said("Its usage is kept until we do."))
    total = Money(facts.total_minor, facts.currency)
    if facts.outcome is None:
        return _before_invoice(facts, now, total, closing_day)
    if facts.invoice_number is None:
        return settled_words(facts.month, facts.outcome, facts.outcome_code, total)
    if facts.payment is not None:
        return payment_words(facts.payment, facts.invoice_number, facts.month)
    owed = said("You owe {total} for {month} (invoice {number}).")
    return Told(
        owed.of(total=total, month=facts.month, number=facts.invoice_number),
        waiting_words(facts.sync_state, facts.sync_code, facts.delay),
    )


def _before_invoice(facts: MonthFacts, now: datetime, total: Money, closing_day: int) -> Told:
    month, made_on = facts.month, facts.month.next().first_day.replace(day=closing_day)
    if now >= month.end:
        ended = said("{month} has ended and comes to {total}; the invoice is not made yet.", month=month, total=total)
        if now.date() > made_on:
            return Told(ended, said("Your invoice is made as soon as we close the month."))
        return Told(ended, said("Your invoice is made on {day}, or as soon as we close the month.", day=made_on))
    if now < month.start:
        what = said("{month} has not begun: what is known of it comes to {total}.", month=month, total=total)
    elif total.minor < 0:
        credit = Money(-total.minor, total.currency)
        what = said("{month} is still running: you have a credit of {total} so far.", month=month, total=credit)
    else:
        what = said("{month} is still running: you owe {total} so far.", month=month, total=total)
    return Told(what, _ends(month.last_day, made_on))


def _ends(last_day: date, made_on: date) -> Sentence:
    text = said("The last day of the month is {last} (UTC); your invoice is made on {day}.")
    return text.of(last=last_day, day=made_on)
