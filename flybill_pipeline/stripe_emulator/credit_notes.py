"""Credit notes. Belongs here: create, retrieve, list, and what they do to the invoice and the balance. Does not:
refunds of real payments; a refund is only an id here."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from . import objects
from .amounts import rounded
from .call import Call, new_id, require
from .customers import change_balance
from .errors import StripeError, exclusive_params, missing_param, no_such, not_emulated
from .events import emit
from .finalization import mark_paid
from .invoices import save, snapshot
from .pages import Page, list_page
from .store import Json


def create_credit_note(call: Call, params: Json, _id: str) -> Json:
    """POST /v1/credit_notes: reduces what an open invoice asks for, or gives back from a paid one."""
    for name in ("shipping_cost", "refunds"):
        if params.get(name):
            raise not_emulated(name)
    invoice = call.find("invoice", params["invoice"], param="invoice")
    require(invoice["status"] in ("open", "paid"), "Credit notes need an open or paid invoice.", param="invoice")
    note = _blank(call, invoice, params)
    note["lines"]["data"] = _lines(call, params, note["livemode"])
    _require_line_not_exceeded(call, note)
    note |= dict.fromkeys(
        ("amount", "subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax"), _total(note)
    )
    _apply(call, invoice, note, params)
    call.store.insert(note)
    emit(call, "credit_note.created", note)
    return note


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


def _total(note: Json) -> int:
    return sum(line["amount"] for line in note["lines"]["data"])


def _lines(call: Call, params: Json, livemode: bool) -> list[Json]:
    """The lines asked for; a bare amount makes one line."""
    if "lines" in params and "amount" in params:
        raise exclusive_params(["amount", "lines"])
    if "amount" in params:
        custom = {"type": "custom_line_item", "description": None, "unit_amount": params["amount"], "quantity": 1}
        return [_line(call, params["invoice"], custom, "amount", livemode)]
    if not params.get("lines"):
        raise missing_param("lines")
    return [
        _line(call, params["invoice"], line, f"lines[{index}]", livemode) for index, line in enumerate(params["lines"])
    ]


def _line(call: Call, invoice_id: str, params: Json, path: str, livemode: bool) -> Json:
    for name in ("tax_amounts", "tax_rates"):
        if params.get(name):
            raise not_emulated(f"{path}[{name}]")
    source = _invoice_line(call, invoice_id, params, path) if params["type"] == "invoice_line_item" else None
    unit_amount = params.get("unit_amount", params.get("unit_amount_decimal"))
    return {
        "id": new_id("cnli"),
        "object": "credit_note_line_item",
        "amount": _amount(params, source, path),
        "description": params.get("description", source and source["description"]),
        "discount_amount": 0,
        "discount_amounts": [],
        "invoice_line_item": source and source["id"],
        "livemode": livemode,
        "metadata": params.get("metadata") or {},
        "pretax_credit_amounts": [],
        "quantity": params.get("quantity", 1),
        "tax_rates": [],
        "taxes": [],
        "type": params["type"],
        "unit_amount": params.get("unit_amount"),
        "unit_amount_decimal": None if unit_amount is None else format(Decimal(unit_amount), "f"),
    }


def _invoice_line(call: Call, invoice_id: str, params: Json, path: str) -> Json:
    if not params.get("invoice_line_item"):
        raise missing_param(f"{path}[invoice_line_item]")
    line = call.find("line_item", params["invoice_line_item"], param=f"{path}[invoice_line_item]")
    if line["invoice"] != invoice_id:
        raise no_such("invoice line item", line["id"], param=f"{path}[invoice_line_item]")
    return line


def _require_line_not_exceeded(call: Call, note: Json) -> None:
    """No line of the invoice gives back more than it amounts to, earlier notes counted."""
    notes = [*call.store.children("credit_note", note["invoice"]), note]
    credited: Counter[str] = Counter()
    standing = (each for each in notes if each["status"] != "void")
    for line in (line for each in standing for line in each["lines"]["data"] if line["invoice_line_item"]):
        credited[line["invoice_line_item"]] += line["amount"]
    for line in note["lines"]["data"]:
        if source := line["invoice_line_item"]:
            fits = credited[source] <= call.find("line_item", source, param="lines")["amount"]
            require(fits, "The line gives back more than it amounts to.", param="lines")


def _amount(params: Json, source: Json | None, path: str) -> int:
    """Minor units of one line: an amount, a part of the invoice line by quantity, or quantity x unit amount."""
    if "amount" in params:
        return int(params["amount"])
    quantity = params.get("quantity", 1)
    unit_amount = params.get("unit_amount", params.get("unit_amount_decimal"))
    if unit_amount is not None:
        return rounded(Decimal(unit_amount) * quantity)
    if source is None:
        raise missing_param(f"{path}[unit_amount]")
    return rounded(Decimal(source["amount"]) * quantity / max(source["quantity"], 1))


def _apply(call: Call, invoice: Json, note: Json, params: Json) -> None:
    """First the invoice asks for less, but not below zero; what is left over is given back, and its parts add up."""
    credited = invoice["pre_payment_credit_notes_amount"] + invoice["post_payment_credit_notes_amount"]
    fits = 0 < note["amount"] <= invoice["total"] - credited
    require(fits, "The credit note must be positive and at most what the invoice has not credited yet.", param="amount")
    note["pre_payment_amount"] = min(note["amount"], invoice["amount_remaining"])
    note["post_payment_amount"] = note["amount"] - note["pre_payment_amount"]
    note["type"] = _type(note)
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
        raise StripeError(
            "The sum of credit_amount, refund_amount and out_of_band_amount must equal the post payment amount of "
            f"{note['post_payment_amount']}.",
            param="credit_amount",
        )
    if credit:
        note["customer_balance_transaction"] = new_id("cbtxn")
        change_balance(call, invoice["customer"], -credit, invoice["currency"])
    if refund:
        note["refunds"] = [
            {"amount_refunded": refund, "refund": new_id("re"), "payment_record_refund": None, "type": "refund"}
        ]
