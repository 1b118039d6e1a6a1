"""Revisions, by which people edit an invoice that is final: a draft with its contents, which takes its place. Belongs
here: making one, and that it takes the place. Does not: any other draft (`invoices`), and how it is finalized."""

from __future__ import annotations

from .call import Call, new_id, require
from .errors import not_emulated
from .events import emit
from .invoices import create_invoice, find_invoice, recompute, with_lines
from .store import Json

_OF_THE_FINAL_ONE = (
    "automatically_finalizes_at",
    "ending_balance",
    "hosted_invoice_url",
    "invoice_pdf",
    "latest_revision",
    "next_payment_attempt",
    "number",
    "webhooks_delivered_at",
)
_REVISABLE = ("open", "uncollectible")


def create_invoice_or_revision(call: Call, params: Json, _id: str) -> Json:
    """POST /v1/invoices: a draft that is empty, or has what another invoice has."""
    cause = params.get("from_invoice")
    if not cause:
        return create_invoice(call, params, _id)
    if others := sorted(params.keys() - {"from_invoice", "expand"}):
        raise not_emulated(others[0])
    original = call.find("invoice", cause["invoice"], param="from_invoice[invoice]")
    require(original["status"] in _REVISABLE, "Only open and uncollectible invoices can be revised.")
    revision = {
        **original,
        **dict.fromkeys(_OF_THE_FINAL_ONE),
        "id": new_id("in"),
        "created": call.now,
        "status": "draft",
        "attempted": False,
        "attempt_count": 0,
        "auto_advance": False,
        "from_invoice": {"action": cause["action"], "invoice": original["id"]},
        "status_transitions": dict.fromkeys(original["status_transitions"]),
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
    }
    call.store.insert(revision)
    lines = call.store.children("line_item", original["id"])
    call.store.insert_many([{**line, "id": new_id("il"), "invoice": revision["id"]} for line in lines])
    recompute(call, revision)
    call.store.update(revision)
    shown = with_lines(call, revision)
    emit(call, "invoice.created", shown)
    return shown


def original_of(call: Call, invoice: Json) -> Json | None:
    """The invoice whose place this draft takes as it is finalized, if any: it becomes void, and names its revision."""
    cause = invoice["from_invoice"]
    if cause is None:
        return None
    original = find_invoice(call, cause["invoice"])
    require(original["status"] in _REVISABLE, "The invoice that this one revises cannot be voided any more.")
    original["latest_revision"] = invoice["id"]
    call.store.update(original)
    return original
