"""What the operator is told of a payment, and of how fresh payments are. Customers: `billing/words`."""

from datetime import UTC, datetime

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.payments.polls import Poll
from flybill_pipeline.billing.payments.standing import Payment


def operator_sentence(payment: Payment) -> str:
    """What the operator is told: what happened and what to do about it."""
    open_amount, day = _money(payment, payment.open_minor), _day(payment.since)
    sentences = {
        "open": f"{open_amount} is open.",
        "partly_paid": f"{open_amount} of {_money(payment, payment.due_minor)} is still open.",
        "past_due": f"{open_amount} was due on {_day(payment.due_at)}: remind the customer.",
        "failed": f"{payment.attempts} payment attempt(s) failed, the last on {day}; {_next_attempt(payment)}",
        "paid": f"Paid on {day}{_refunded(payment)}.",
        "credited": f"Settled by credit notes on {day}.",
        "refunded": f"{_money(payment, payment.refunded_minor)} was refunded on {day}.",
        "disputed": (
            f"The customer's bank disputes {_money(payment, payment.disputed_minor)} since {day}: "
            "answer in Stripe's dashboard before its deadline."
        ),
        "dispute_lost": (
            f"A dispute was lost on {day}: {_money(payment, payment.lost_minor)} went back. Agree with the customer."
        ),
        "voided": (
            f"Voided at Stripe on {day}, though it stands here, so nothing is asked for it. If somebody edited it "
            "there, a revision took its place, which flybill does not follow; else make it again there."
        ),
        "uncollectible": f"Given up at Stripe on {day}: {open_amount} is not expected any more.",
    }
    return sentences[payment.state]


def freshness_explained(poll: Poll) -> str:
    """How fresh payments are, and since when they are not, with what happened and what to do about it."""
    sentence = f"Payments as of {_moment(poll.read_up_to)}." if poll.read_up_to else "Payments were never read."
    if poll.failing_since:
        sentence = f"{sentence} Since {_moment(poll.failing_since)} they cannot be read."
        return f"{sentence} What happened: {poll.failure}. What to do: {poll.remedy}"
    if poll.read_up_to and poll.fell_back_at == poll.read_up_to:
        return f"{sentence} They were read from the invoices themselves: the events did not reach back far enough."
    return sentence


def _next_attempt(payment: Payment) -> str:
    if payment.next_attempt_at:
        return f"Stripe tries again on {_day(payment.next_attempt_at)}."
    return "Stripe has given up: ask the customer for another way to pay."


def _refunded(payment: Payment) -> str:
    """A part that was given back of what is paid."""
    return f", of which {_money(payment, payment.refunded_minor)} was given back" if payment.refunded_minor else ""


def _money(payment: Payment, minor: int) -> str:
    return format_money(minor, payment.currency)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _day(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d}" if at else "an unknown day"
