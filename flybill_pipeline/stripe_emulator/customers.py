"""Customers. Belongs here: their endpoints, their default currency, and a balance in each currency. Does not: invoices,
and coupons, which only the Dashboard can attach now (`control` stands in for it)."""

from __future__ import annotations

import secrets
from typing import Any

from . import objects
from .call import Call, merged_metadata, new_id, require
from .events import emit
from .pages import Page, list_page
from .store import Json

_PLAIN = (
    "balance",
    "business_name",
    "default_source",
    "description",
    "email",
    "individual_name",
    "invoice_prefix",
    "name",
    "next_invoice_sequence",
    "phone",
    "shipping",
)


def create_customer(call: Call, params: Json, _id: str) -> Json:
    """POST /v1/customers."""
    prefix = secrets.token_hex(4).upper()
    customer = objects.customer(new_id("cus"), created=call.now, livemode=call.livemode, invoice_prefix=prefix)
    _apply(customer, params)
    call.store.insert(customer)
    emit(call, "customer.created", customer)
    return customer


def retrieve_customer(call: Call, _params: Json, customer_id: str) -> Json:
    """GET /v1/customers/{id}: a deleted one still answers, as {id, object, deleted}."""
    customer = call.find("customer", customer_id, param="id", status=404)
    return {name: customer[name] for name in ("id", "object", "deleted")} if customer.get("deleted") else customer


def list_customers(call: Call, params: Json, _id: str) -> Json:
    """GET /v1/customers: without the deleted ones."""
    page = Page("customer", "/v1/customers").member("email", params.get("email"))
    return list_page(call, page.matching("status is not 'deleted'"), params)


def update_customer(call: Call, params: Json, customer_id: str) -> Json:
    """POST /v1/customers/{id}."""
    customer = call.live_customer(customer_id, param="id", status=404)
    before = {**customer, "invoice_settings": dict(customer["invoice_settings"])}
    _apply(customer, params)
    save(call, customer, before)
    return customer


def delete_customer(call: Call, _params: Json, customer_id: str) -> Json:
    """DELETE /v1/customers/{id}: cannot be undone; its invoices remain."""
    customer = call.live_customer(customer_id, param="id", status=404)
    tombstone = {"id": customer_id, "object": "customer", "deleted": True}
    # Mode and date stay in the store so that the tombstone is found like any object.
    call.store.update(tombstone | {"livemode": customer["livemode"], "created": customer["created"]})
    emit(call, "customer.deleted", customer)
    return tombstone


def save(call: Call, customer: Json, before: Json) -> None:
    """Stores a changed customer and tells so, if anything changed."""
    if customer != before:
        call.store.update(customer)
        emit(call, "customer.updated", customer, before)


def balance_in(customer: Json, currency: str) -> int:
    """What the customer owes in a currency, in minor units (negative: a credit); of a deleted one nothing is left."""
    if customer.get("deleted"):
        return 0
    if customer["currency"] in (None, currency):
        return int(customer["balance"])
    return -int(customer.get("invoice_credit_balance", {}).get(currency, 0))


def change_balance(call: Call, customer_id: str, amount: int, currency: str) -> None:
    """Adds minor units of a currency to what the customer owes (negative: a credit)."""
    customer = call.find("customer", customer_id, param="customer")
    if not amount or customer.get("deleted"):
        return
    owed = balance_in(customer, currency) + amount
    if customer["currency"] in (None, currency):
        save(call, customer | {"balance": owed}, customer)
    else:  # here Stripe counts the other way round: positive is a credit
        balances = {**customer.get("invoice_credit_balance", {}), currency: -owed}
        save(call, customer | {"invoice_credit_balance": balances}, customer)


def keep_first_currency(call: Call, customer: Json, currency: str) -> Json:
    """The customer, whose default currency is that of its first invoice; later ones may have another."""
    if customer["currency"] is not None:
        return customer
    first = customer | {"currency": currency}
    save(call, first, customer)
    return first


def payment_method_of(customer: Json) -> str | None:
    """What an invoice is paid with unless it names something else."""
    method: str | None = customer["invoice_settings"]["default_payment_method"] or customer["default_source"]
    return method


def _apply(customer: Json, params: Json) -> None:
    """Sets the parameters on a new or existing customer."""
    for name in _PLAIN:
        if name in params:
            customer[name] = params[name]
    if "email" in params:
        valid = params["email"] is None or "@" in params["email"]
        require(valid, f"Invalid email address: {params['email']}", code="email_invalid", param="email")
    if "address" in params:
        customer["address"] = params["address"] and objects.empty_address() | params["address"]
    if "tax_exempt" in params:
        customer["tax_exempt"] = params["tax_exempt"] or "none"
    if "preferred_locales" in params:
        customer["preferred_locales"] = params["preferred_locales"]
    if "metadata" in params:
        customer["metadata"] = merged_metadata(customer["metadata"], params["metadata"])
    customer["invoice_settings"] |= _invoice_settings(params.get("invoice_settings") or {})


def _invoice_settings(settings: dict[str, Any]) -> Json:
    method = settings.get("default_payment_method")
    known = method is None or method.startswith(("pm_", "card_", "src_"))
    param = "invoice_settings[default_payment_method]"
    require(known, f"No such PaymentMethod: '{method}'", code="resource_missing", param=param)
    return settings
