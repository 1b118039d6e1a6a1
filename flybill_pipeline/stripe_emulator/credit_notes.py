"""Credit notes. Belongs here: create, preview, retrieve, list, and what they do to the invoice and the balance. Does
not: what their lines amount to (`credit_note_lines`); refunds of real payments: a refund is only an id here."""

from __future__ import annotations

from . import objects
from .call import Call, new_id, require
from .credit_note_lines import lines_of, require_line_not_exceeded, totals
from .customers import change_balance
from .errors import StripeError, not_emulated
from .events import emit
from .finalization import mark_paid
from .invoices import save, snapshot
from .pages import Page, list_page
from .store import Json


def create_credit_note(call: Call, params: Json, _id: str) -> Json:
    """POST /v1/credit_notes: reduces what an open invoice asks for, or gives back from a paid one."""
    invoice, note = _drawn_up(call, params)
    _apply(call, invoice, note, params)
    call.store.insert(note)
    emit(call, "credit_note.created", note)
    return note


def preview_credit_note(call: Call, params: Json, _id: str) -> Json:
    """GET /v1/credit_notes/preview: what a note would come to, with its tax; nothing is given back yet."""
    return _drawn_up(call, params)[1]


def retrieve_credit_note(call: Call, _params: Json, note_id: str) -> Json:
    """GET /v1/credit_notes/{id}."""
    return call.find("credit_note", note_id, param="id", status=404)


def list_credit_notes(call: Call, params: Json, _id: str) -> Json:
    """GET /v1/credit_notes: newest first."""
    page = Page("credit_note", "/v1/credit_notes").where("customer", params.get("customer"))
    return list_page(call, page.where("parent", params.get("invoice")), params)


def void_credit_note(call: Call, _params: Json, note_id: str) -> Json:
    """POST /v1/credit_notes/{id}/void: its open invoice asks for the amount again."""
    note = call.find("credit_note", note_id, param="id", status=404)
    invoice = call.find("invoice", note["invoice"], param="invoice")
    voidable = note["status"] == "issued" and invoice["status"] == "open"
    require(voidable, "You can only void an issued credit note of an open invoice.", param="id")
    before = snapshot(invoice)
    for name in ("amount_due", "amount_remaining"):
        invoice[name] += note["pre_payment_amount"]
    invoice["pre_payment_credit_notes_amount"] -= note["pre_payment_amount"]
    save(call, invoice, before)
    note |= {"status": "void", "voided_at": call.now}
    call.store.update(note)
    emit(call, "credit_note.voided", note)
    return note


def _drawn_up(call: Call, params: Json) -> tuple[Json, Json]:
    """The invoice, and the note with its amounts; neither is changed in the store."""
    for name in ("shipping_cost", "refunds"):
        if params.get(name):
            raise not_emulated(name)
    invoice = call.find("invoice", params["invoice"], param="invoice")
    require(invoice["status"] in ("open", "paid"), "Credit notes need an open or paid invoice.", param="invoice")
    note = _blank(call, invoice, params)
    note["lines"]["data"] = lines_of(call, invoice, params)
    require_line_not_exceeded(call, note)
    note |= totals(note["lines"]["data"])
    credited = invoice["pre_payment_credit_notes_amount"] + invoice["post_payment_credit_notes_amount"]
    fits = 0 < note["amount"] <= invoice["total"] - credited
    require(fits, "The credit note must be positive and at most what the invoice has not credited yet.", param="amount")
    note["pre_payment_amount"] = min(note["amount"], invoice["amount_remaining"])
    note["post_payment_amount"] = note["amount"] - note["pre_payment_amount"]
    note["type"] = _type(note)
    return invoice, note


def _blank(call: Call, invoice: Json, params: Json) -> Json:
    note_id = new_id("cn")
    ordinal = call.store.count_children("credit_note", invoice["id"]) + 1
    return {
        "id": note_id,
        "object": "credit_note",
        "amount": 0,
        "amount_shipping": 0,
        "created": call.now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": params.get("effective_at", call.now),
        "invoice": invoice["id"],
        "lines": objects.listing(f"/v1/credit_notes/{note_id}/lines", [], has_more=False),
        "livemode": call.livemode,
        "memo": params.get("memo"),
        "metadata": params.get("metadata") or {},
        "number": f"{invoice['number']}-CN-{ordinal:02d}",
        "out_of_band_amount": params.get("out_of_band_amount"),
        "pdf": f"https://pay.stripe.com/credit_notes/{call.account_id}/{note_id}/pdf",
        "post_payment_amount": 0,
        "pre_payment_amount": 0,
        "pretax_credit_amounts": [],
        "reason": params.get("reason"),
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "total": 0,
        "total_excluding_tax": 0,
        "total_taxes": [],
        "type": "pre_payment",
        "voided_at": None,
    }


def _apply(call: Call, invoice: Json, note: Json, params: Json) -> None:
    """First the invoice asks for less, but not below zero; what is left over is given back, and its parts add up."""
    before = snapshot(invoice)
    _give_back(call, invoice, note, params)
    for name in ("pre_payment", "post_payment"):
        invoice[f"{name}_credit_notes_amount"] += note[f"{name}_amount"]
    for name in ("amount_due", "amount_remaining"):
        invoice[name] -= note["pre_payment_amount"]
    if invoice["status"] == "open" and invoice["amount_remaining"] == 0:
        mark_paid(call, invoice, amount=invoice["amount_paid"], attempted=False)
        save(call, invoice, before, "invoice.updated", "invoice.paid")
    else:
        save(call, invoice, before)


def _type(note: Json) -> str:
    if not note["post_payment_amount"]:
        return "pre_payment"
    return "mixed" if note["pre_payment_amount"] else "post_payment"


def _give_back(call: Call, invoice: Json, note: Json, params: Json) -> None:
    """What was paid already goes to the balance, is refunded, or is given back outside Stripe."""
    credit, refund, outside = (
        params.get(name) or 0 for name in ("credit_amount", "refund_amount", "out_of_band_amount")
    )
    if credit + refund + outside != note["post_payment_amount"]:
        # As people quote it, who had forgotten the tax; of an invoice that is still open Stripe's words are not known.
        raise StripeError(
            f"The sum of credit amount, refund amount and out of band amount ({credit + refund + outside}) must equal "
            f"the credit note amount ({note['post_payment_amount']})."
        )
    if credit:
        note["customer_balance_transaction"] = new_id("cbtxn")
        change_balance(call, invoice["customer"], -credit, invoice["currency"])
    if refund:
        note["refunds"] = [
            {"amount_refunded": refund, "refund": new_id("re"), "payment_record_refund": None, "type": "refund"}
        ]
