"""Payments of invoices and the money that goes back: refunds and disputes. Belongs here: these objects, their lists and
events. Does not: when an invoice is paid (`payments`). Like Stripe's, refunds and disputes know the payment only.
"""

from __future__ import annotations

from .call import Call, new_id, require
from .errors import no_such
from .events import emit
from .pages import Page, list_page
from .store import Json, load

CLOSED = ("won", "lost", "warning_closed")
APPEALED = ("appeal_needs_response", "appeal_under_review")
CARD = {"brand": "visa", "case_type": "chargeback", "network": "visa", "network_reason_code": "10.4"}
EVIDENCE = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)
"""What a seller may send to the bank; here nobody does."""


def record_payment(call: Call, invoice: Json, amount: int) -> None:
    """Money of an invoice arrived, in minor units."""
    payment = {
        "id": new_id("inpay"),
        "object": "invoice_payment",
        "amount_paid": amount,
        "amount_requested": invoice["amount_remaining"],
        "created": call.now,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": invoice["livemode"],
        "payment": {"type": "payment_intent", "payment_intent": new_id("pi")},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": call.now},
    }
    call.store.insert(payment)
    emit(call, "invoice_payment.paid", payment)


def list_invoice_payments(call: Call, params: Json, _id: str) -> Json:
    """GET /v1/invoice_payments: newest first."""
    page = Page("invoice_payment", "/v1/invoice_payments").where("parent", params.get("invoice"))
    page = page.where("status", params.get("status"))
    wanted = (params.get("payment") or {}).get("payment_intent")
    return list_page(call, page.member("payment.payment_intent", wanted), params)


def create_refund(call: Call, params: Json, _id: str) -> Json:
    """POST /v1/refunds: gives back a part or all of a payment; it succeeds at once."""
    payment = _payment(call, params.get("payment_intent") or "")
    amount: int = params["amount"] if "amount" in params else payment["amount_paid"]
    given = sum(refund["amount"] for refund in _of_payment(call, "refund", payment))
    require(0 < amount <= payment["amount_paid"] - given, "Refund amount is greater than unrefunded amount.")
    refund = {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": new_id("txn"),
        "charge": new_id("ch"),
        "created": call.now,
        "currency": payment["currency"],
        "customer": None,
        "customer_account": None,
        "destination_details": {"type": "card", "card": {"type": "refund"}},
        "metadata": params.get("metadata") or {},
        "payment_intent": payment["payment"]["payment_intent"],
        "payment_method": None,
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    call.store.insert(refund, livemode=call.livemode)  # which the object itself does not say
    emit(call, "refund.created", refund)
    return refund


def list_refunds(call: Call, params: Json, _id: str) -> Json:
    """GET /v1/refunds: newest first."""
    page = Page("refund", "/v1/refunds").member("payment_intent", params.get("payment_intent"))
    return list_page(call, page, params)


def open_dispute(call: Call, invoice: Json, amount: int | None, reason: str) -> Json:
    """The bank of who paid an invoice takes the money of its last payment back, for now."""
    payments = call.store.children("invoice_payment", invoice["id"])
    require(bool(payments), "Nothing was paid that could be disputed.", param="invoice")
    payment = payments[-1]
    dispute = {
        "id": new_id("du"),
        "object": "dispute",
        "amount": payment["amount_paid"] if amount is None else amount,
        "balance_transactions": [],
        "charge": new_id("ch"),
        "created": call.now,
        "currency": payment["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {"due_by": call.now + 7 * 86400, "has_evidence": False, "past_due": False}
        | {"submission_count": 0, "submission_method": "not_submitted", "enhanced_eligibility": {}},
        "is_charge_refundable": False,
        "livemode": call.livemode,
        "metadata": {},
        "payment_intent": payment["payment"]["payment_intent"],
        "payment_method_details": {"type": "card", "card": CARD},
        "reason": reason,
        "status": "needs_response",
    }
    call.store.insert(dispute)
    for event in ("created", "funds_withdrawn"):
        emit(call, f"charge.dispute.{event}", dispute)
    return dispute


def move_dispute(call: Call, dispute_id: str, status: str) -> Json:
    """A dispute goes on: under_review, or to its end; one that was lost may be appealed."""
    dispute = call.find("dispute", dispute_id, param="id", status=404)
    appealed = dispute["status"] == "lost" and status in APPEALED
    require(appealed or dispute["status"] not in CLOSED, "This dispute is already closed.", param="id")
    dispute["status"] = status
    call.store.update(dispute)
    emit(call, "charge.dispute.closed" if status in CLOSED else "charge.dispute.updated", dispute)
    if status == "won":
        emit(call, "charge.dispute.funds_reinstated", dispute)
    return dispute


def close_dispute(call: Call, _params: Json, dispute_id: str) -> Json:
    """POST /v1/disputes/{id}/close: gives in, so the dispute is lost."""
    return move_dispute(call, dispute_id, "lost")


def list_disputes(call: Call, params: Json, _id: str) -> Json:
    """GET /v1/disputes: newest first."""
    page = Page("dispute", "/v1/disputes").member("payment_intent", params.get("payment_intent"))
    return list_page(call, page, params)


def retrieve_invoice_payment(call: Call, _params: Json, payment_id: str) -> Json:
    """GET /v1/invoice_payments/{id}."""
    return call.find("invoice_payment", payment_id, param="id", status=404)


def retrieve_refund(call: Call, _params: Json, refund_id: str) -> Json:
    """GET /v1/refunds/{id}."""
    return call.find("refund", refund_id, param="id", status=404)


def retrieve_dispute(call: Call, _params: Json, dispute_id: str) -> Json:
    """GET /v1/disputes/{id}."""
    return call.find("dispute", dispute_id, param="id", status=404)


def _payment(call: Call, payment_intent: str) -> Json:
    rows = call.store.rows(
        "select body from objects where kind = 'invoice_payment'"
        " and json_extract(body, '$.payment.payment_intent') = ?",
        (payment_intent,),
    )
    if not rows:
        raise no_such("payment_intent", payment_intent, param="payment_intent")
    return load(rows[0][0])


def _of_payment(call: Call, kind: str, payment: Json) -> list[Json]:
    rows = call.store.rows(
        "select body from objects where kind = ? and json_extract(body, '$.payment_intent') = ?",
        (kind, payment["payment"]["payment_intent"]),
    )
    return [load(body) for (body,) in rows]
