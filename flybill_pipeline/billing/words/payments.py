"""What is said of a payment, by its state, and how fresh that is. No state is decided here."""

from collections.abc import Callable, Mapping

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.polls import Poll
from flybill_pipeline.billing.payments.standing import Payment, PaymentState
from flybill_pipeline.billing.words.sentence import Money, Sentence, Told, Value, Words, said

_SETTLED = said("Nothing more is due.")
_WITH_THE_BANK = said("Your bank and we settle it. You need not do anything.")

_WHAT: Mapping[PaymentState, Sentence] = {
    "open": said("You owe {open} for {month} (invoice {number})."),
    "partly_paid": said("{paid} of {due} is paid for {month} (invoice {number}); {open} is still due."),
    "past_due": said("{open} was due on {due_on} for {month} (invoice {number})."),
    "failed": said("The payment of {open} for {month} did not go through on {since} (invoice {number})."),
    "paid": said("{due} for {month} is paid (invoice {number})."),
    "credited": said("{due} for {month} is settled by a credit note (invoice {number})."),
    "refunded": said("{refunded} for {month} was given back to you (invoice {number})."),
    "disputed": said("{disputed} that you paid for {month} is disputed through your bank (invoice {number})."),
    "dispute_lost": said("Your bank gave {lost} for {month} back to you (invoice {number})."),
    "voided": said("The invoice {number} for {month} was taken back."),
    "uncollectible": said("{open} for {month} was never paid (invoice {number})."),
}
_PAID_IN_PART = said("{due} for {month} is paid, and {refunded} of it was given back to you (invoice {number}).")
_FROM_BALANCE = said("Your balance covered the invoice {number} for {month}.")


def payment_words(payment: Payment, number: str, month: Month) -> Told:
    """What is read of the payment of the month's invoice, and what happens next."""
    what, after = _WHAT[payment.state], _NEXT[payment.state](payment)
    if payment.state == "paid" and not payment.due_minor:
        what, after = _FROM_BALANCE, _SETTLED
    elif payment.state == "paid" and payment.refunded_minor:
        what = _PAID_IN_PART
    return Told(what.of(number=number, month=month, **_values(payment)), after.of(**_values(payment)))


def _values(payment: Payment) -> dict[str, Value]:
    amounts = ("open", "paid", "due", "refunded", "disputed", "lost")
    values: dict[str, Value] = {name: Money(getattr(payment, f"{name}_minor"), payment.currency) for name in amounts}
    return {**values, "since": payment.since.date(), "due_on": (payment.due_at or payment.since).date()}


def _pay(payment: Payment) -> Sentence:
    if payment.hosted_invoice_url:
        return said("Pay or view it here: {page}", page=payment.hosted_invoice_url)
    return said("Pay or view it on the page that our e-mail with the invoice links to.")


def _pay_again(payment: Payment) -> Sentence:
    page, again = payment.hosted_invoice_url, payment.next_attempt_at
    if page and again:
        text = said("It is tried again on {day}. You can pay, or change your card, here: {page}")
        return text.of(day=again.date(), page=page)
    if page:
        return said("You can pay, or change your card, here: {page}", page=page)
    if again:
        return said("It is tried again on {day}. You can pay on the page that our e-mail links to.", day=again.date())
    return said("You can pay on the page that our e-mail with the invoice links to.")


_NEXT: Mapping[PaymentState, Callable[[Payment], Sentence]] = {
    "open": _pay,
    "partly_paid": _pay,
    "past_due": _pay,
    "uncollectible": _pay,
    "failed": _pay_again,
    "paid": lambda _: said("Paid on {since}."),
    "credited": lambda _: _SETTLED,
    "refunded": lambda _: _SETTLED,
    "disputed": lambda _: _WITH_THE_BANK,
    "dispute_lost": lambda _: said("We write to you about what is still due."),
    "voided": lambda _: said("Nothing is due for it."),
}


def payments_freshness(poll: Poll) -> Words:
    """How fresh all that is said of payments is, and since when it is not."""
    known = said("No payment was read yet.")
    if poll.read_up_to:
        known = said("Payments as of {moment}.", moment=poll.read_up_to)
    if poll.failing_since is None:
        return (known,)
    return known, said("Since {moment} they cannot be read.", moment=poll.failing_since)
