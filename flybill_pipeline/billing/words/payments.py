"""What is said of a payment, by its state, and how fresh that is. No state is decided here."""

from collections.abc import Callable, Iterator, Mapping

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
    "paid": said("{paid} for {month} is paid (invoice {number})."),
    "credited": said("{due} for {month} is settled by a credit note (invoice {number})."),
    "refunded": said("{refunded} for {month} was given back to you (invoice {number})."),
    "disputed": said("{disputed} that you paid for {month} is disputed through your bank (invoice {number})."),
    "dispute_lost": said("The dispute is over: your bank gave {lost} for {month} back to you (invoice {number})."),
    "voided": said("The invoice {number} for {month} was taken back."),
    "uncollectible": said("{open} for {month} was never paid (invoice {number})."),
}
_PAID_IN_PART = said("{paid} for {month} is paid, and {refunded} of it was given back to you (invoice {number}).")
_FROM_BALANCE = said("Nothing is to be paid for {month} (invoice {number}): your balance was taken off.")
_REST_LATER = said("If an amount is left that is too small to collect by itself, it is added to your next invoice.")


def payment_words(payment: Payment, number: str, month: Month) -> Told:
    """What is read of the payment of the month's invoice, and what happens next."""
    what, after = _WHAT[payment.state], _NEXT[payment.state](payment)
    if payment.state in ("paid", "credited") and not payment.due_minor:
        what, after = _FROM_BALANCE, _REST_LATER
    elif payment.state == "paid" and payment.refunded_minor:
        what = _PAID_IN_PART
    return Told(what.of(number=number, month=month, **_values(payment)), after.of(**_values(payment)))


def parts_words(payment: Payment, before_tax_minor: int, total_minor: int | None) -> Words:
    """Why an invoice asked for another amount than its lines come to.

    `total_minor` is what it came to at our payment provider, with tax, before the customer's balance; None: not known.
    """
    if total_minor is None or payment.state in ("voided", "refunded", "disputed", "dispute_lost"):
        return ()
    return tuple(_parts(payment, before_tax_minor, total_minor))


def _parts(payment: Payment, before_tax_minor: int, total_minor: int) -> Iterator[Sentence]:
    def money(minor: int) -> Money:
        return Money(minor, payment.currency)

    if total_minor > before_tax_minor:
        yield said("{tax} of what was asked for is tax.", tax=money(total_minor - before_tax_minor))
    if total_minor > payment.due_minor > 0:
        yield said("{used} of your balance was taken off first.", used=money(total_minor - payment.due_minor))
    if total_minor < payment.due_minor:
        earlier = money(payment.due_minor - total_minor)
        yield said("{earlier} of what was asked for was open from before.", earlier=earlier)


def _values(payment: Payment) -> dict[str, Value]:
    amounts = ("open", "paid", "due", "refunded", "disputed", "lost")
    values: dict[str, Value] = {name: Money(getattr(payment, f"{name}_minor"), payment.currency) for name in amounts}
    if not payment.paid_minor:  # settled without any payment that Stripe counts
        values["paid"] = values["due"]
    return {**values, "since": payment.since.date(), "due_on": (payment.due_at or payment.since).date()}


def _pay(payment: Payment) -> Sentence:
    """When it is collected, or until when it is to be paid, as far as that is known, and where."""
    page, due, collected = payment.hosted_invoice_url, payment.due_at, payment.next_attempt_at
    if collected and page:
        text = said("It is collected from {day} on; you can also pay or view it here: {page}")
        return text.of(day=collected.date(), page=page)
    if collected:
        return said("It is collected from {day} on. You need not do anything.", day=collected.date())
    if due and page:
        return said("It is due on {day}. Pay or view it here: {page}", day=due.date(), page=page)
    if due:
        text = said("It is due on {day}. Pay or view it on the page that our e-mail with the invoice links to.")
        return text.of(day=due.date())
    return _where(payment)


def _where(payment: Payment) -> Sentence:
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
    "past_due": _where,
    "uncollectible": _where,
    "failed": _pay_again,
    "paid": lambda _: said("Paid on {since}."),
    "credited": lambda _: _SETTLED,
    "refunded": lambda _: said("Nothing more is due. It may take some days until your bank shows it."),
    "disputed": lambda _: _WITH_THE_BANK,
    "dispute_lost": lambda _: said(
        "Nothing is collected for it by itself. If we ask for it again, we write to you first."
    ),
    "voided": lambda _: said("Nothing is due for it. If you got a corrected invoice in its place, that one counts."),
}


def payments_freshness(poll: Poll) -> Words:
    """How fresh all that is said of payments is, and since when it is not."""
    known = said("No payment was read yet.")
    if poll.read_up_to:
        known = said("Payments as of {moment}.", moment=poll.read_up_to)
    if poll.failing_since is None:
        return (known,)
    return known, said("Since {moment} they cannot be read.", moment=poll.failing_since)
