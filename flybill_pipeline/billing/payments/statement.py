"""What the developer who is billed is told about a month, in plain words: state, sentence, what happens next.

No numbers are made here (they come from the draft or the invoice), nothing is read, nothing is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flybill_pipeline.billing.invoicing.forecast import forecast_minor
from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.credit_notes import CreditNote, customer_sentence
from flybill_pipeline.billing.payments.standing import Payment
from flybill_pipeline.billing.payments.words import customer_words


@dataclass(frozen=True, slots=True)
class MonthFacts:
    """What is known of one org's month. `outcome`, `sync_state` and `payment` are None while there is none.

    `delay` is what keeps every invoice from the payment provider at present, None when nothing does. `standing_minor`
    of the total does not grow with the month.
    """

    month: Month
    currency: str | None
    total_minor: int
    usage_up_to: datetime | None
    outcome: str | None = None
    outcome_message: str | None = None
    sync_state: str | None = None
    sync_message: str | None = None
    invoice_number: str | None = None
    payment: Payment | None = None
    delay: str | None = None
    standing_minor: int = 0


@dataclass(frozen=True, slots=True)
class Statement:
    """`state` for machines, `message` and `next_step` for people, `forecast_minor` what the month may come to."""

    state: str
    message: str
    next_step: str
    forecast_minor: int


def statement(facts: MonthFacts, now: datetime, closing_day: int, credit_notes: Sequence[CreditNote] = ()) -> Statement:
    """The statement of a month as of `now`, with what was credited of its invoice.

    `closing_day` of the next month is what customers are promised while there is no invoice.
    """
    if facts.currency is None:
        return Statement("unknown", "We do not know this organization yet.", "Its usage is kept until we do.", 0)
    state, message, next_step = _words(facts, now, closing_day)
    credited = facts.payment.credited_minor if facts.payment else 0
    message = f"{message} {customer_sentence(facts.total_minor, credit_notes, credited)}".rstrip()
    return Statement(state, message, next_step, _forecast(facts, now))


def _words(facts: MonthFacts, now: datetime, closing_day: int) -> tuple[str, str, str]:
    amount = format_money(facts.total_minor, facts.currency or "usd")
    closing = f"{facts.month.next()}-{closing_day:02d}"
    match facts.outcome:
        case None if now < facts.month.start:
            return (
                "open",
                f"{facts.month} has not begun: what is known of it comes to {amount}.",
                f"The month ends on {facts.month.last_day}; your invoice is made on {closing}.",
            )
        case None if now < facts.month.end:
            return (
                "open",
                f"{facts.month} is still running: you owe {amount} so far.",
                f"The month ends on {facts.month.last_day}; your invoice is made on {closing}.",
            )
        case None:
            return (
                "closing",
                f"{facts.month} has ended and comes to {amount}; the invoice is not made yet.",
                f"Your invoice is made on {closing}, or as soon as we close the month.",
            )
        case "invoiced":
            return _invoiced(facts, amount)
        case "held":
            return (
                "held",
                facts.outcome_message or f"{facts.month} waits for a check on our side.",
                "You need not do anything.",
            )
        case outcome:
            return (
                str(outcome),
                facts.outcome_message or f"{facts.month} comes to {amount}.",
                "You need not do anything.",
            )


def _invoiced(facts: MonthFacts, amount: str) -> tuple[str, str, str]:
    owed = f"You owe {amount} for {facts.month} (invoice {facts.invoice_number})."
    if facts.payment is not None:
        state = "payable" if facts.payment.state == "open" else facts.payment.state
        return state, *customer_words(facts.payment, f"Invoice {facts.invoice_number} for {facts.month}")
    match facts.sync_state:
        case "blocked" | "mismatch":
            return (
                "invoiced",
                owed,
                facts.sync_message or "We are mending a problem on our side; the amount will not change.",
            )
        case _:
            return (
                "invoiced",
                owed,
                facts.delay or "The payment link follows as soon as our payment provider answers. The amount is final.",
            )


def _forecast(facts: MonthFacts, now: datetime) -> int:
    if facts.outcome is not None:
        return facts.total_minor
    return forecast_minor(facts.month, facts.total_minor, facts.standing_minor, facts.usage_up_to, now)
