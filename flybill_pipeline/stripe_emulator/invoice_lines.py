"""Lines of a draft. Belongs here: adding, changing, removing and listing them, and what one line amounts to. Does
not: the totals of the invoice (`amounts`)."""

from __future__ import annotations

from decimal import Decimal

from . import objects
from .amounts import rounded
from .call import Call, merged_metadata, new_id, require
from .config import MAX_INVOICE_LINES
from .errors import StripeError, exclusive_params, missing_param, no_such, not_emulated
from .invoices import find_draft, find_invoice, recompute, save, snapshot
from .pages import Page, list_page
from .store import Json
from .taxes import remember_behavior

_PRICED_BY = ("amount", "price_data", "pricing", "invoice_item")


def add_lines(call: Call, params: Json, invoice_id: str) -> Json:
    """POST /v1/invoices/{id}/add_lines: all or none; answers the whole invoice."""
    invoice = find_draft(call, invoice_id)
    before = snapshot(invoice)
    count = call.store.count_children("line_item", invoice_id) + len(params["lines"])
    too_many = f"An invoice can have at most {MAX_INVOICE_LINES} line items."
    require(count <= MAX_INVOICE_LINES, too_many, param="lines")
    call.store.insert_many([_new_line(call, invoice, line, index) for index, line in enumerate(params["lines"])])
    return _changed(call, invoice, before, params)


def update_lines(call: Call, params: Json, invoice_id: str) -> Json:
    """POST /v1/invoices/{id}/update_lines."""
    invoice = find_draft(call, invoice_id)
    before = snapshot(invoice)
    for index, change in enumerate(params["lines"]):
        line = _find_line(call, invoice_id, change["id"], index)
        call.store.update(_priced(call, invoice, line, change, f"lines[{index}]"))
    return _changed(call, invoice, before, params)


def remove_lines(call: Call, params: Json, invoice_id: str) -> Json:
    """POST /v1/invoices/{id}/remove_lines: `unassign` deletes too, since pending items are not emulated."""
    invoice = find_draft(call, invoice_id)
    before = snapshot(invoice)
    for index, entry in enumerate(params["lines"]):
        call.store.delete(_find_line(call, invoice_id, entry["id"], index)["id"])
    return _changed(call, invoice, before, params)


def list_lines(call: Call, params: Json, invoice_id: str) -> Json:
    """GET /v1/invoices/{id}/lines: in the order in which they were added."""
    find_invoice(call, invoice_id)
    page = Page("line_item", f"/v1/invoices/{invoice_id}/lines", newest_first=False).where("parent", invoice_id)
    return list_page(call, page, params)


def _changed(call: Call, invoice: Json, before: Json, params: Json) -> Json:
    if "invoice_metadata" in params:
        invoice["metadata"] = merged_metadata(invoice["metadata"], params["invoice_metadata"])
    recompute(call, invoice)
    return save(call, invoice, before)


def _find_line(call: Call, invoice_id: str, line_id: str, index: int) -> Json:
    line = call.find("line_item", line_id, param=f"lines[{index}][id]")
    if line["invoice"] != invoice_id:
        raise no_such("line item", line_id, param=f"lines[{index}][id]")
    return line


def _new_line(call: Call, invoice: Json, params: Json, index: int) -> Json:
    line = objects.invoice_line(
        new_id("il"),
        invoice_id=invoice["id"],
        currency=invoice["currency"],
        livemode=call.livemode,
        item_id=new_id("ii"),
    )
    line["period"] = {"start": call.now, "end": call.now}
    return _priced(call, invoice, line, params, f"lines[{index}]")


def _priced(call: Call, invoice: Json, line: Json, params: Json, path: str) -> Json:
    """The line with the parameters applied; one that has a price already keeps it unless another is given."""
    _check(call, invoice, params, path, new=line["pricing"] is None)
    quantity = _quantity(params, line)
    if "price_data" in params:
        line["pricing"] = _pricing(params["price_data"], _unit_amount(params["price_data"], path))
        remember_behavior(call, line["id"], params["price_data"].get("tax_behavior"))
    elif "amount" in params:
        line["pricing"] = _pricing({}, Decimal(params["amount"]))
        quantity = Decimal(1)
    line["amount"] = rounded(Decimal(line["pricing"]["unit_amount_decimal"]) * quantity)
    line |= {"quantity": int(quantity), "quantity_decimal": format(quantity, "f"), "subtotal": line["amount"]}
    line["discountable"] = params.get("discountable", line["amount"] >= 0)
    for name in ("description", "period"):
        line[name] = params.get(name, line[name])
    if "metadata" in params:
        line["metadata"] = merged_metadata(line["metadata"], params["metadata"])
    if "tax_amounts" in params:
        line["taxes"] = [_tax(entry) for entry in params["tax_amounts"] or []]
    return line


def _check(call: Call, invoice: Json, params: Json, path: str, *, new: bool) -> None:
    given = [name for name in _PRICED_BY if name in params]
    if new and not given:
        raise missing_param(f"{path}[amount]")
    if len(given) > 1:
        raise exclusive_params([f"{path}[{name}]" for name in given])
    if given == ["amount"] and (quantity := {"quantity", "quantity_decimal"} & params.keys()):
        raise exclusive_params(["amount", *sorted(quantity)], param=f"{path}[amount]")
    if given == ["invoice_item"]:
        raise no_such("invoiceitem", params["invoice_item"], param=f"{path}[invoice_item]")
    if given == ["pricing"]:
        raise no_such("price", params["pricing"].get("price", ""), param=f"{path}[pricing][price]")
    for name in ("discounts", "tax_rates"):
        if params.get(name):
            raise not_emulated(f"{path}[{name}]")
    period = params.get("period", {"start": 0, "end": 0})
    in_order = period["start"] <= period["end"]
    require(in_order, "The period's end must be greater than or equal to its start.", param=f"{path}[period][end]")
    currency = params.get("price_data", {}).get("currency", invoice["currency"])
    if currency != invoice["currency"]:
        message = (
            f"The currency of the line ({currency}) must match the currency of the invoice ({invoice['currency']})."
        )
        raise StripeError(message, param=f"{path}[price_data][currency]")
    given_by_hand = invoice["automatic_tax"]["enabled"] and params.get("tax_amounts")
    require(not given_by_hand, "You cannot set tax amounts on automatic tax invoices.", param=f"{path}[tax_amounts]")


def _quantity(params: Json, line: Json) -> Decimal:
    if "quantity" in params and "quantity_decimal" in params:
        raise exclusive_params(["quantity", "quantity_decimal"])
    return Decimal(str(params.get("quantity_decimal", params.get("quantity", line["quantity_decimal"]))))


def _unit_amount(price: Json, path: str) -> Decimal:
    given = [name for name in ("unit_amount", "unit_amount_decimal") if name in price]
    if len(given) != 1:
        name = f"{path}[price_data][unit_amount]"
        raise exclusive_params([name, f"{name}_decimal"]) if given else missing_param(name)
    if "product" not in price and "product_data" not in price:
        raise missing_param(f"{path}[price_data][product]")
    return Decimal(price[given[0]])


def _pricing(price: Json, unit_amount: Decimal) -> Json:
    """A price made for this one line, as Stripe makes one even for a bare amount; its product, unless one is named."""
    return {
        "type": "price_details",
        "price_details": {"price": new_id("price"), "product": price.get("product") or new_id("prod")},
        "unit_amount_decimal": format(unit_amount, "f"),
    }


def _tax(entry: Json) -> Json:
    return {
        "amount": entry["amount"],
        "tax_behavior": "exclusive",
        "tax_rate_details": {"tax_rate": new_id("txr")},
        "taxability_reason": entry.get("taxability_reason", "not_available"),
        "taxable_amount": entry["taxable_amount"],
        "type": "tax_rate_details",
    }
