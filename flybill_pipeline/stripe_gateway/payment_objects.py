"""Stripe's objects about money, read into observations. Pure; no calls. Their meaning: `billing.payments.standing`.

Events show their object in the API version of the account, or of the webhook, not in ours: only members that all
versions have are asked for by name; one of `shapes.NONSENSE` says that this one must be looked at itself.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from flybill_pipeline.billing.payments.standing import Observation, ObservationKind
from flybill_pipeline.stripe_gateway.shapes import shaped

EVENT_TYPES = (
    "invoice.finalized",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.voided",
    "invoice.marked_uncollectible",
    "invoice_payment.paid",
    "credit_note.created",
    "credit_note.updated",
    "credit_note.voided",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
)
"""What is asked for; Stripe takes at most 20 names. A finalized invoice tells when it is due, or when collected."""
Json = Mapping[str, Any]


def read_event(event: Json) -> Observation:
    """What an event shows. Raises one of NONSENSE when its object lacks something, or is of another kind."""
    return read_object(event["data"]["object"], event["id"], _time(event["created"]))


def read_object(data: Json, observation_id: str, seen_at: datetime) -> Observation:
    """An object as it was at a moment. Raises one of NONSENSE when it lacks something, or is of another kind."""
    kind, members = _READERS[data["object"]]
    return shaped(
        Observation,
        observation_id=observation_id,
        kind=kind,
        object_id=data["id"],
        status=data["status"],
        currency=data["currency"],
        seen_at=seen_at,
        **members(data),
    )


def _invoice(data: Json) -> dict[str, Any]:
    moments = data.get("status_transitions") or {}
    settled = {"paid": "paid_at", "void": "voided_at", "uncollectible": "marked_uncollectible_at"}
    return {
        "stripe_invoice_id": data["id"],
        "flybill_invoice_id": (data.get("metadata") or {}).get("flybill_invoice_id"),
        "revised_by": data.get("latest_revision"),
        "amount_minor": data["amount_due"] + (data.get("pre_payment_credit_notes_amount") or 0),
        "paid_minor": _paid(data),
        "attempts": data.get("attempt_count") or 0,
        "next_attempt_at": _moment(data.get("next_payment_attempt")),
        "due_at": _moment(data.get("due_date")),
        "settled_at": _moment(moments.get(settled.get(data["status"], ""))),
        "hosted_invoice_url": data.get("hosted_invoice_url"),
        "invoice_pdf": data.get("invoice_pdf"),
    }


def _paid(data: Json) -> Any:
    """What was paid. Of an invoice that was paid outside Stripe it may say that nothing was, and all of it was."""
    return data["amount_due"] if data["status"] == "paid" and data["amount_paid"] == 0 else data["amount_paid"]


def _payment(data: Json) -> dict[str, Any]:
    return {
        "stripe_invoice_id": data["invoice"],
        "amount_minor": data["amount_paid"] or 0,
        "payment_intent": (data.get("payment") or {}).get("payment_intent"),
    }


def _credit_note(data: Json) -> dict[str, Any]:
    return {
        "stripe_invoice_id": data["invoice"],
        "amount_minor": data["amount"],
        "pre_payment_minor": data["pre_payment_amount"],  # of 2025: many accounts speak an older version
    }


def _by_payment(data: Json) -> dict[str, Any]:
    return {"amount_minor": data["amount"], "payment_intent": data.get("payment_intent")}


_READERS: Mapping[str, tuple[ObservationKind, Callable[[Json], dict[str, Any]]]] = {
    "invoice": ("invoice", _invoice),
    "invoice_payment": ("payment", _payment),
    "credit_note": ("credit_note", _credit_note),
    "refund": ("refund", _by_payment),
    "dispute": ("dispute", _by_payment),
}


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else _time(seconds)
