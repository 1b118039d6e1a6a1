"""Invoices up to the draft. Belongs here: create, retrieve, list, update, delete, and how an invoice is read and
saved. Does not: lines (`invoice_lines`), and what comes after the draft (`finalization`, `payments`)."""

from __future__ import annotations

from typing import Any

from . import amounts, objects, taxes
from .call import Call, merged_metadata, new_id, require
from .config import COLLECTION_DELAY, DAY, DRAFT_LIFETIME, EMBEDDED_LINES
from .customer_tax_ids import tax_ids_of
from .customers import balance_in, keep_first_currency
from .discounts import discounts_of, requested_discounts, with_coupons
from .errors import StripeError, exclusive_params, missing_param, not_emulated
from .events import emit
from .numbers import require_free_number
from .pages import Page, list_page
from .store import Json

_PLAIN = (
    "account_tax_ids",
    "auto_advance",
    "collection_method",
    "custom_fields",
    "default_payment_method",
    "default_source",
    "description",
    "due_date",
    "effective_at",
    "footer",
    "number",
    "statement_descriptor",
    "automatically_finalizes_at",
)
_NOT_EMULATED = (
    "application_fee_amount",
    "customer_account",
    "default_tax_rates",
    "on_behalf_of",
    "shipping_cost",
    "subscription",
    "transfer_data",
)
_EDITABLE_WHEN_OPEN = {"auto_advance", "default_payment_method", "default_source", "due_date", "payment_settings"}
_EDITABLE_ALWAYS = {"metadata", "expand"}
_MISSING_EMAIL = (
    "Missing email. In order to create invoices that are sent to the customer, the customer must have a valid email."
)


def create_invoice(call: Call, params: Json, _id: str) -> Json:
    """POST /v1/invoices: an empty draft."""
    _refuse_not_emulated(params)
    require_free_number(call, params.get("number"))
    if params.get("customer") is None:
        raise missing_param("customer")
    customer = call.live_customer(params["customer"])
    currency = params.get("currency") or customer["currency"] or "usd"
    method = params.get("collection_method", "charge_automatically")
    _check_terms(call, params, method, needs_terms=True)
    require(method != "send_invoice" or bool(customer["email"]), _MISSING_EMAIL)
    customer = keep_first_currency(call, customer, currency)
    invoice = objects.invoice(new_id("in"), created=call.now, livemode=call.livemode, of=customer, currency=currency)
    invoice["discounts"] = discounts_of(call, params, customer, invoice["id"])
    _apply(call, invoice, params)
    recompute(call, invoice)
    call.store.insert(invoice)
    shown = with_lines(call, invoice)
    emit(call, "invoice.created", shown)
    return shown


def retrieve_invoice(call: Call, _params: Json, invoice_id: str) -> Json:
    """GET /v1/invoices/{id}."""
    return with_lines(call, find_invoice(call, invoice_id))


def list_invoices(call: Call, params: Json, _id: str) -> Json:
    """GET /v1/invoices: newest first."""
    page = (
        Page("invoice", "/v1/invoices").where("customer", params.get("customer")).where("status", params.get("status"))
    )
    page = page.between("json_extract(body, '$.due_date')", params.get("due_date"))
    for name in ("collection_method", "subscription", "customer_account"):
        page = page.member(name, params.get(name))
    listing = list_page(call, page, params)
    listing["data"] = [with_lines(call, invoice) for invoice in listing["data"]]
    return listing


def update_invoice(call: Call, params: Json, invoice_id: str) -> Json:
    """POST /v1/invoices/{id}: nearly everything of a draft, little afterwards."""
    _refuse_not_emulated(params)
    invoice = find_invoice(call, invoice_id)
    _check_editable(invoice, set(params))
    require_free_number(call, params.get("number"), but=invoice_id)
    method = str(params.get("collection_method", invoice["collection_method"]))
    has_terms = invoice["due_date"] is not None
    _check_terms(call, params, method, needs_terms=not has_terms)
    before = snapshot(invoice)
    if "discounts" in params:
        requested = params["discounts"] or []
        invoice["discounts"] = requested_discounts(call, requested, invoice["customer"], invoice_id)
    _apply(call, invoice, params)
    if before["automatic_tax"]["enabled"] and not invoice["automatic_tax"]["enabled"]:
        for line in call.store.children("line_item", invoice_id):
            call.store.update(line | {"taxes": []})
    if invoice["status"] == "draft":
        recompute(call, invoice)
    return save(call, invoice, before)


def delete_invoice(call: Call, _params: Json, invoice_id: str) -> Json:
    """DELETE /v1/invoices/{id}: drafts only. The answer saved for its creation stays saved."""
    invoice = find_invoice(call, invoice_id)
    deletable = invoice["status"] == "draft"
    require(deletable, "You can only delete draft invoices.")
    emit(call, "invoice.deleted", with_lines(call, invoice))
    call.store.delete(invoice_id)
    return {"id": invoice_id, "object": "invoice", "deleted": True}


def find_invoice(call: Call, invoice_id: str, *, param: str = "invoice") -> Json:
    """The stored invoice, without its lines, by the id in a path; finalize, pay and the like call it `id`."""
    return call.find("invoice", invoice_id, param=param, status=404)


def find_draft(call: Call, invoice_id: str) -> Json:
    """An invoice whose lines may change, of a customer that still exists."""
    invoice = find_invoice(call, invoice_id)
    if invoice["status"] != "draft":
        raise StripeError("Invalid invoice: This invoice is no longer editable", code="invoice_not_editable")
    call.live_customer(invoice["customer"])
    return invoice


def with_lines(call: Call, invoice: Json) -> Json:
    """The invoice as Stripe shows it: with its first ten lines."""
    count = call.store.count_children("line_item", invoice["id"])
    shown = call.store.children("line_item", invoice["id"], EMBEDDED_LINES)
    listing = objects.listing(f"/v1/invoices/{invoice['id']}/lines", shown, has_more=count > len(shown))
    return {**invoice, "lines": listing | {"total_count": count}}


def snapshot(invoice: Json) -> Json:
    """A copy that later changes leave alone; handlers replace nested values or change these two."""
    return {**invoice, "status_transitions": dict(invoice["status_transitions"]), "metadata": dict(invoice["metadata"])}


def save(call: Call, invoice: Json, before: Json, *kinds: str) -> Json:
    """Stores a changed invoice, records the events (by default invoice.updated) and returns it as Stripe shows it."""
    call.store.update(invoice)
    shown = with_lines(call, invoice)
    for kind in kinds or ("invoice.updated",):
        emit(call, kind, shown, before if kind == "invoice.updated" else None)
    return shown


def recompute(call: Call, invoice: Json) -> None:
    """Brings the amounts of a draft up to date with its lines, discounts and customer."""
    lines = call.store.children("line_item", invoice["id"])
    customer = call.find("customer", invoice["customer"], param="customer")
    if not customer.get("deleted"):
        invoice |= objects.customer_copy(customer)  # where the customer is decides about the tax
        invoice["customer_tax_ids"] = tax_ids_of(call, customer["id"])
    taken, nets = amounts.discounted(lines, with_coupons(call, invoice["discounts"]))
    if invoice["automatic_tax"]["enabled"]:
        invoice["automatic_tax"] = invoice["automatic_tax"] | {"status": taxes.status_of(invoice)}
        taxes.tax_lines(call, invoice, lines, nets)
        for line in lines:
            call.store.update(line)
    invoice |= amounts.totals(lines, taken)
    invoice["starting_balance"] = balance_in(customer, invoice["currency"])
    settlement = amounts.settle(invoice["total"], invoice["starting_balance"], invoice["currency"])
    invoice["amount_due"] = invoice["amount_remaining"] = settlement.amount_due


def _apply(call: Call, invoice: Json, params: Json) -> None:
    """Sets the parameters on a new or existing invoice."""
    for name in _PLAIN:
        if name in params:
            invoice[name] = params[name]
    if "days_until_due" in params:
        invoice["due_date"] = invoice["created"] + params["days_until_due"] * DAY
    if "automatic_tax" in params:
        taxes.require_tax_can_be_set_up(call, params["automatic_tax"])
        invoice["automatic_tax"] = _automatic_tax(params["automatic_tax"])
    if "metadata" in params:
        invoice["metadata"] = merged_metadata(invoice["metadata"], params["metadata"])
    if "payment_settings" in params:
        invoice["payment_settings"] = invoice["payment_settings"] | params["payment_settings"]
    if "rendering" in params:
        neutral = dict.fromkeys(("amount_tax_display", "pdf", "template", "template_version"))
        invoice["rendering"] = neutral | params["rendering"]
    if "shipping_details" in params:
        invoice["shipping_details"] = params["shipping_details"]
    if invoice["status"] == "draft":
        _schedule(invoice, params.get("automatically_finalizes_at"))


def _schedule(invoice: Json, finalized_at: int | None) -> None:
    """When a draft is finalized and collected by itself: counted from its creation, unless a moment is named."""
    advances, collects = invoice["auto_advance"], invoice["collection_method"] == "charge_automatically"
    known = finalized_at or invoice["automatically_finalizes_at"]
    invoice["automatically_finalizes_at"] = (known or invoice["created"] + DRAFT_LIFETIME) if advances else finalized_at
    invoice["next_payment_attempt"] = invoice["created"] + COLLECTION_DELAY if advances and collects else None


def _automatic_tax(wanted: Json) -> Json:
    return {
        "disabled_reason": None,
        "enabled": wanted["enabled"],
        "liability": {"type": "self"} if wanted["enabled"] else None,
        "provider": "stripe" if wanted["enabled"] else None,
        "status": None,
    }


def _refuse_not_emulated(params: dict[str, Any]) -> None:
    for name in _NOT_EMULATED:
        if params.get(name):
            raise not_emulated(name)


def _check_terms(call: Call, params: Json, method: str, *, needs_terms: bool) -> None:
    """When an invoice is due must be said for send_invoice, and only for it."""
    given = [name for name in ("days_until_due", "due_date") if params.get(name) is not None]
    if len(given) > 1:
        raise exclusive_params(given)
    if method == "send_invoice":
        if needs_terms and not given:
            raise missing_param("days_until_due")
    elif given:
        raise StripeError(
            f"You can only specify `{given[0]}` if `collection_method` is `send_invoice`.", param=given[0]
        )
    if "due_date" in given:
        require(params["due_date"] > call.now, "`due_date` must be in the future.", param="due_date")


def _check_editable(invoice: Json, names: set[str]) -> None:
    if invoice["status"] == "draft":
        return
    editable = _EDITABLE_ALWAYS | (_EDITABLE_WHEN_OPEN if invoice["status"] == "open" else set())
    if refused := sorted(names - editable):
        message = f"Finalized invoices can't be updated in this way: {', '.join(refused)}"
        raise StripeError(message, code="invoice_not_editable", param=refused[0])
