"""Lines of credit notes, and what they add up to. Belongs here: which lines are asked for, what one amounts to with its
tax, that no line of an invoice gives back too much. Does not: what a note does (`credit_notes`)."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from .amounts import rounded, summed_taxes
from .call import Call, new_id, require
from .errors import exclusive_params, missing_param, no_such, not_emulated
from .store import Json
from .taxes import added, included, part_of_tax


def lines_of(call: Call, invoice: Json, params: Json) -> list[Json]:
    """The lines asked for; a bare amount makes one line."""
    if "lines" in params and "amount" in params:
        raise exclusive_params(["amount", "lines"])
    if "amount" in params:
        if invoice["automatic_tax"]["enabled"]:
            raise not_emulated("amount")  # how Stripe divides it into tax and the rest is not known
        custom = {"type": "custom_line_item", "description": None, "unit_amount": params["amount"], "quantity": 1}
        return [_line(call, invoice, custom, "amount")]
    if not params.get("lines"):
        raise missing_param("lines")
    return [_line(call, invoice, line, f"lines[{index}]") for index, line in enumerate(params["lines"])]


def totals(lines: list[Json]) -> Json:
    """The fields from subtotal to amount: tax is a part of the amount, whichever way it was priced."""
    taxes = [tax for line in lines for tax in line["taxes"]]
    subtotal = sum(line["amount"] for line in lines)
    excluding_tax = subtotal - included(taxes)
    amount = subtotal + added(taxes)
    return {
        "amount": amount,
        "subtotal": subtotal,
        "subtotal_excluding_tax": excluding_tax,
        "total": amount,
        "total_excluding_tax": excluding_tax,
        "total_taxes": summed_taxes(taxes),
    }


def require_line_not_exceeded(call: Call, note: Json) -> None:
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


def _line(call: Call, invoice: Json, params: Json, path: str) -> Json:
    _check(invoice, params, path)
    source = _invoice_line(call, invoice, params, path) if params["type"] == "invoice_line_item" else None
    net = _net(params, source, path)
    taxes = part_of_tax(source, net) if source else []
    unit_amount = params.get("unit_amount", params.get("unit_amount_decimal"))
    return {
        "id": new_id("cnli"),
        "object": "credit_note_line_item",
        "amount": net + included(taxes),
        "description": params.get("description", source and source["description"]),
        "discount_amount": 0,
        "discount_amounts": [],
        "invoice_line_item": source and source["id"],
        "livemode": call.livemode,
        "metadata": params.get("metadata") or {},
        "pretax_credit_amounts": [],
        "quantity": params.get("quantity", 1),
        "tax_rates": [],
        "taxes": taxes,
        "type": params["type"],
        "unit_amount": params.get("unit_amount"),
        "unit_amount_decimal": None if unit_amount is None else format(Decimal(unit_amount), "f"),
    }


def _check(invoice: Json, params: Json, path: str) -> None:
    """With automatic tax a note is of lines of the invoice, and their tax is Stripe's."""
    if invoice["automatic_tax"]["enabled"]:
        of_invoice = params["type"] == "invoice_line_item"
        require(of_invoice, "custom_line_item is not valid for an automatic tax invoice.", param=f"{path}[type]")
        by_hand = params.get("tax_amounts") or params.get("tax_rates")
        require(not by_hand, "Taxes of an automatic tax invoice cannot be set.", param=f"{path}[tax_amounts]")
    for name in ("tax_amounts", "tax_rates"):
        if params.get(name):
            raise not_emulated(f"{path}[{name}]")


def _invoice_line(call: Call, invoice: Json, params: Json, path: str) -> Json:
    if not params.get("invoice_line_item"):
        raise missing_param(f"{path}[invoice_line_item]")
    line = call.find("line_item", params["invoice_line_item"], param=f"{path}[invoice_line_item]")
    if line["invoice"] != invoice["id"]:
        raise no_such("invoice line item", line["id"], param=f"{path}[invoice_line_item]")
    return line


def _net(params: Json, source: Json | None, path: str) -> int:
    """Minor units of one line without any tax: an amount, a part by quantity, or quantity x unit amount."""
    if "amount" in params:
        return int(params["amount"])
    quantity = params.get("quantity", 1)
    unit_amount = params.get("unit_amount", params.get("unit_amount_decimal"))
    if unit_amount is not None:
        return rounded(Decimal(unit_amount) * quantity)
    if source is None:
        raise missing_param(f"{path}[unit_amount]")
    return rounded(Decimal(source["amount"] - included(source["taxes"])) * quantity / max(source["quantity"], 1))
