"""Credit notes to Stripe's parameters, and what Stripe has of them to our values. Pure; invoices: `mapping.py`."""

from collections.abc import Mapping
from typing import Any

from flybill_pipeline.billing.payments.credit_note_sync import CreditPlan, StripeBill, StripeCreditNote, StripeLine
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.stripe_gateway.mapping import read_line_id
from flybill_pipeline.stripe_gateway.shapes import shaped


def credit_note_params(note: CreditNote, stripe_invoice_id: str, plan: CreditPlan) -> dict[str, Any]:
    """The parameters of a credit note on one line. Stripe's own `reason` is one of four words, so ours is the memo."""
    params: dict[str, Any] = {
        "invoice": stripe_invoice_id,
        "lines": [
            {
                "type": "invoice_line_item",
                "invoice_line_item": plan.stripe_line_id,
                "amount": plan.sent_minor,
            }
        ],
        "memo": note.reason,
        "metadata": {
            "flybill_credit_note_id": note.credit_note_id,
            "flybill_number": note.number,
            "flybill_invoice_id": note.invoice_id,
            "flybill_org_id": note.org_id,
            "flybill_line": str(note.line_no),
        },
    }
    if plan.balance_minor:
        params["credit_amount"] = plan.balance_minor
    return params


def read_credit_note(data: Mapping[str, Any]) -> StripeCreditNote:
    """What we need of Stripe's credit note. Raises one of NONSENSE when it is not one."""
    return shaped(
        StripeCreditNote,
        stripe_credit_note_id=data["id"],
        credit_note_id=(data.get("metadata") or {}).get("flybill_credit_note_id"),
        number=data["number"],
        status=data["status"],
        currency=data["currency"],
        amount_minor=data["amount"],
        before_tax_minor=data["subtotal"],
        post_payment_minor=data["post_payment_amount"],
        created=data["created"],
        livemode=data["livemode"],
    )


def read_bill(data: Mapping[str, Any]) -> StripeBill:
    """What a credit note needs to know of Stripe's invoice. Raises one of NONSENSE when it is not one.

    What is paid asks for nothing, although an amount may remain: what was paid outside Stripe, or forgiven.
    """
    return shaped(
        StripeBill,
        status=data["status"],
        total_minor=data["total"],
        remaining_minor=0 if data["status"] == "paid" else data["amount_remaining"],
        credited_minor=data["pre_payment_credit_notes_amount"] + data["post_payment_credit_notes_amount"],
        taxed=bool((data.get("automatic_tax") or {}).get("enabled")),
    )


def read_line(data: Mapping[str, Any]) -> StripeLine:
    """Stripe's id of a line, beside ours. Raises one of NONSENSE when it is not a line."""
    taxes = data.get("taxes") or []
    return shaped(
        StripeLine,
        stripe_line_id=data["id"],
        line_id=read_line_id(data),
        amount_minor=data["amount"],
        included_minor=sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "inclusive"),
    )
