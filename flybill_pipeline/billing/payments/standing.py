"""What became of the money of one invoice, derived from what was seen of it at Stripe. Pure: no clock, no reading.

An observation is one object of Stripe's as it was at one moment. Observations arrive late, twice and in any order; the
answer depends only on which there are: of each object the furthest state counts, of equal ones the one seen last.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Literal, TypeAlias

ObservationKind: TypeAlias = Literal["invoice", "payment", "credit_note", "refund", "dispute"]

PaymentState: TypeAlias = Literal[
    "open",
    "partly_paid",
    "past_due",
    "failed",
    "paid",
    "credited",
    "refunded",
    "disputed",
    "dispute_lost",
    "voided",
    "uncollectible",
]

WORRYING: frozenset[PaymentState] = frozenset(
    ("past_due", "failed", "disputed", "dispute_lost", "voided", "uncollectible")
)
"""States that an operator should know of by name; none of them is a failure of the month."""

_FURTHEST = {
    "invoice": ({"draft", "open"}, {"uncollectible"}, {"paid", "void"}),
    "payment": ({"open"}, {"paid", "canceled"}),
    "credit_note": ({"issued"}, {"void"}),
    "refund": ({"pending", "requires_action"}, {"succeeded"}, {"failed", "canceled"}),
    "dispute": (
        {"warning_needs_response", "warning_under_review", "needs_response", "under_review"},
        {"warning_closed", "won", "lost", "prevented", "appeal_needs_response", "appeal_under_review"},
    ),
}
"""Per kind the statuses in the order in which Stripe goes through them; it never goes back. What was lost may be
appealed, and won after all, or lost again: of these the one seen last counts.
"""
_OF_NO_DISPUTE, _OF_NO_REFUND = ("warning_closed", "won", "lost", "prevented"), ("failed", "canceled")
"""With these no money is in dispute, or given back; with every other it is, whatever Stripe has added since."""
_ADDED_SINCE = {"dispute": 1}
"""The rank of a status that is not known: it may follow the end of a dispute. Of other kinds it is an early one."""

_RANK = {
    (kind, status): rank
    for kind, steps in _FURTHEST.items()
    for rank, statuses in enumerate(steps)
    for status in statuses
}


@dataclass(frozen=True, slots=True)
class Observation:
    """One object of Stripe's at the moment `seen_at`, by Stripe's clock; amounts in minor units.

    `amount_minor` is what an invoice asked for before any credit note, and what a payment, credit note, refund or
    dispute is about. `paid_minor` is of invoices; `pre_payment_minor` is the part of a credit note by which an open
    invoice asks for less; `settled_at` is when an invoice was paid, voided or given up. `revised_by` is Stripe's id of
    what took the place of an invoice that a person edited there.
    """

    observation_id: str
    kind: ObservationKind
    object_id: str
    status: str
    currency: str
    amount_minor: int
    seen_at: datetime
    stripe_invoice_id: str | None = None
    payment_intent: str | None = None
    paid_minor: int = 0
    pre_payment_minor: int = 0
    attempts: int = 0
    next_attempt_at: datetime | None = None
    due_at: datetime | None = None
    settled_at: datetime | None = None
    hosted_invoice_url: str | None = None
    invoice_pdf: str | None = None
    flybill_invoice_id: str | None = None
    revised_by: str | None = None


NOT_KEPT = ("flybill_invoice_id", "revised_by")
"""What an observation is filed by; the last of its members."""


@dataclass(frozen=True, slots=True)
class Payment:
    """Where the money of one invoice stands; amounts in minor units of `currency`.

    `due_minor` is what was asked for, with tax and after the customer's balance; `open_minor` what of it is still to
    come. `lost_minor` was taken back by a bank, `disputed_minor` may be. `since` is when the present state was reached,
    as far as Stripe told.
    """

    state: PaymentState
    currency: str
    due_minor: int
    paid_minor: int
    open_minor: int
    credited_minor: int
    refunded_minor: int
    disputed_minor: int
    lost_minor: int
    since: datetime
    attempts: int
    next_attempt_at: datetime | None
    due_at: datetime | None
    hosted_invoice_url: str | None
    invoice_pdf: str | None


def payment_of(observations: Iterable[Observation], now: datetime) -> Payment:
    """The payment of one Stripe invoice from all that was seen of it, in whatever order; ValueError without an invoice.

    `now` only tells whether the day on which an open invoice is due has ended.
    """
    latest: dict[str, Observation] = {}
    for seen in observations:
        known = latest.get(seen.object_id)
        if known is None or _freshness(seen) > _freshness(known):
            latest[seen.object_id] = seen
    invoice = next((seen for seen in latest.values() if seen.kind == "invoice"), None)
    if invoice is None:
        raise ValueError("nothing was seen of the invoice itself")
    return _payment(invoice, list(latest.values()), now)


def edited_at_stripe(observations: Iterable[Observation]) -> dict[str, str]:
    """Stripe's id of each invoice that a person edited there → that of what stands in its place at last."""
    places = {
        seen.object_id: seen.revised_by
        for seen in observations
        if seen.kind == "invoice" and seen.status == "void" and seen.revised_by is not None
    }
    last = dict(places)
    for edited in places:
        passed = {edited}
        while (place := places.get(last[edited])) is not None and place not in passed:
            passed.add(place)
            last[edited] = place
    return last


def _freshness(seen: Observation) -> tuple[int, int, datetime, str]:
    rank = _RANK.get((seen.kind, seen.status), _ADDED_SINCE.get(seen.kind, 0))
    return rank, seen.attempts, seen.seen_at, seen.observation_id


def _payment(invoice: Observation, latest: list[Observation], now: datetime) -> Payment:
    paid = max(invoice.paid_minor, _sum(latest, "payment", "paid"))
    reduced = sum(seen.pre_payment_minor for seen in _in(latest, "credit_note", "issued"))
    ended = invoice.status in ("paid", "void")
    payment = Payment(
        state="open",
        currency=invoice.currency,
        due_minor=invoice.amount_minor,
        paid_minor=paid,
        open_minor=0 if ended else max(0, invoice.amount_minor - reduced - paid),
        credited_minor=_sum(latest, "credit_note", "issued"),
        refunded_minor=_sum_but(latest, "refund", _OF_NO_REFUND),
        disputed_minor=_sum_but(latest, "dispute", _OF_NO_DISPUTE),
        lost_minor=_sum(latest, "dispute", "lost"),
        since=invoice.seen_at,
        attempts=invoice.attempts,
        next_attempt_at=None if ended else invoice.next_attempt_at,
        due_at=invoice.due_at,
        hosted_invoice_url=invoice.hosted_invoice_url,
        invoice_pdf=invoice.invoice_pdf,
    )
    state = _state(payment, invoice.status, now)
    return replace(payment, state=state, since=_since(state, invoice, latest))


def _state(payment: Payment, status: str, now: datetime) -> PaymentState:
    if status == "void":
        return "voided"
    if payment.disputed_minor:
        return "disputed"
    if payment.lost_minor:
        return "dispute_lost"
    if not payment.open_minor:  # also when the payment was seen before the invoice that it paid
        return _settled(payment)
    if status == "uncollectible":
        return "uncollectible"
    if payment.attempts:  # an attempt that had worked would have paid it
        return "failed"
    if payment.due_at is not None and _day_after(payment.due_at) <= now:
        return "past_due"
    return "partly_paid" if payment.paid_minor else "open"


def _day_after(moment: datetime) -> datetime:
    """Midnight UTC after it: people are told the day on which an invoice is due, and it is theirs to the end."""
    return datetime.combine(moment.astimezone(UTC).date() + timedelta(days=1), time.min, UTC)


def _settled(payment: Payment) -> PaymentState:
    if payment.refunded_minor and payment.refunded_minor >= payment.paid_minor:
        return "refunded"
    return "credited" if payment.credited_minor and not payment.paid_minor else "paid"


def _since(state: PaymentState, invoice: Observation, latest: list[Observation]) -> datetime:
    """When the state was reached: by what brought it about, else by the invoice itself."""
    if state in ("paid", "voided", "uncollectible") and invoice.settled_at is not None:
        return invoice.settled_at
    kinds = {"disputed": "dispute", "dispute_lost": "dispute", "refunded": "refund", "paid": "payment"}
    dates = [seen.seen_at for seen in latest if seen.kind == kinds.get(state)]
    return max(dates, default=invoice.seen_at)


def _in(latest: list[Observation], kind: ObservationKind, *statuses: str) -> list[Observation]:
    return [seen for seen in latest if seen.kind == kind and seen.status in statuses]


def _sum(latest: list[Observation], kind: ObservationKind, *statuses: str) -> int:
    return sum(seen.amount_minor for seen in _in(latest, kind, *statuses))


def _sum_but(latest: list[Observation], kind: ObservationKind, without: Collection[str]) -> int:
    return sum(seen.amount_minor for seen in latest if seen.kind == kind and seen.status not in without)
