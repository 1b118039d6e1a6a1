"""What is said of a payment: one sentence for the operator, two for the customer. Words only; no state is decided."""

from datetime import UTC, datetime

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.payments.polls import Poll
from flybill_pipeline.billing.payments.standing import Payment

NOTHING_TO_DO = "You need not do anything."


def customer_words(payment: Payment, invoice: str) -> tuple[str, str]:
    """What the customer is told of `invoice` (such as "FB-2026-10-000001 for 2026-10"), and what happens next."""
    if payment.state == "paid" and not payment.due_minor:
        return f"{invoice} is settled: your balance covered it.", "Nothing more is due."
    due, open_amount = _money(payment, payment.due_minor), _money(payment, payment.open_minor)
    pay = f"pay or view it at {_page(payment)}"
    words = {
        "open": (f"You owe {open_amount} ({_lower(invoice)}).", _sentence(pay)),
        "partly_paid": (
            f"{_money(payment, payment.paid_minor)} of {due} is paid; {open_amount} is still due ({_lower(invoice)}).",
            _sentence(pay),
        ),
        "past_due": (f"{open_amount} was due on {_day(payment.due_at)} ({_lower(invoice)}).", _sentence(pay)),
        "failed": (
            f"The payment of {open_amount} failed on {_day(payment.since)} ({_lower(invoice)}).",
            _after_failure(payment),
        ),
        "paid": (f"{invoice} over {due} is paid{_refunded(payment)}.", f"Paid on {_day(payment.since)}."),
        "credited": (f"{invoice} over {due} is settled by a credit note.", "Nothing more is due."),
        "refunded": (
            f"{invoice}: {_money(payment, payment.refunded_minor)} was given back to you.",
            "Nothing more is due.",
        ),
        "disputed": (
            f"{invoice}: the payment of {_money(payment, payment.disputed_minor)} is disputed through your bank.",
            "Your bank and we settle it. " + NOTHING_TO_DO,
        ),
        "dispute_lost": (
            f"{invoice}: your bank gave {_money(payment, payment.lost_minor)} back to you.",
            "We get in touch with you about what is still due.",
        ),
        "voided": (f"{invoice} was voided.", "Nothing is due for it."),
        "uncollectible": (f"{open_amount} was never paid ({_lower(invoice)}).", _sentence(pay)),
    }
    return words[payment.state]


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
        "voided": f"Voided at Stripe on {day}, though it stands here: credit it here, or bill it again at Stripe.",
        "uncollectible": f"Given up at Stripe on {day}: {open_amount} is not expected any more.",
    }
    return sentences[payment.state]


def freshness(poll: Poll) -> str:
    """How fresh all that is said of payments is, and since when it is not; for customers too."""
    known = f"Payments as of {_moment(poll.read_up_to)}." if poll.read_up_to else "Payments were never read."
    return f"{known} Since {_moment(poll.failing_since)} they cannot be read." if poll.failing_since else known


def freshness_explained(poll: Poll) -> str:
    """The same for the operator, with what happened and what to do about it."""
    sentence = freshness(poll)
    if poll.failing_since:
        return f"{sentence} What happened: {poll.failure}. What to do: {poll.remedy}"
    if poll.read_up_to and poll.fell_back_at == poll.read_up_to:
        return f"{sentence} They were read from the invoices themselves: the events did not reach back far enough."
    return sentence


def _after_failure(payment: Payment) -> str:
    again = f"Stripe will try again on {_day(payment.next_attempt_at)}; " if payment.next_attempt_at else ""
    return _sentence(f"{again}update your card at {_page(payment)}")


def _next_attempt(payment: Payment) -> str:
    if payment.next_attempt_at:
        return f"Stripe tries again on {_day(payment.next_attempt_at)}."
    return "Stripe has given up: ask the customer for another way to pay."


def _refunded(payment: Payment) -> str:
    """A part that was given back of what is paid."""
    return f", of which {_money(payment, payment.refunded_minor)} was given back" if payment.refunded_minor else ""


def _page(payment: Payment) -> str:
    return payment.hosted_invoice_url or "our payment provider's page, linked in your e-mail"


def _sentence(text: str) -> str:
    """With a capital, and a full stop unless it ends with an address that would swallow it."""
    return text[0].upper() + text[1:] + ("" if text.rsplit(" ", 1)[-1].startswith("http") else ".")


def _lower(invoice: str) -> str:
    return invoice[0].lower() + invoice[1:]


def _money(payment: Payment, minor: int) -> str:
    return format_money(minor, payment.currency)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _day(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d}" if at else "an unknown day"
