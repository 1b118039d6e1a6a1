"""Our values to Stripe's parameters, and Stripe's objects back to our values. Pure; no calls, no decisions."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from flybill_pipeline.billing.invoicing.tax_ids import TaxId
from flybill_pipeline.billing.sync.accounts import StripeAccount
from flybill_pipeline.billing.sync.profiles import ADDRESS, EMAIL, NAME
from flybill_pipeline.billing.sync.values import (
    CustomerProfile,
    StripeCustomer,
    StripeInvoice,
    StripeTaxId,
    SyncInvoice,
    SyncLine,
    SyncOrg,
    TaxBehavior,
)
from flybill_pipeline.billing.usage.graphemes import cut
from flybill_pipeline.billing.usage.texts import LONGEST_NAME
from flybill_pipeline.stripe_gateway.invoice_page import custom_fields, memo
from flybill_pipeline.stripe_gateway.shapes import shaped, text_of

DAYS_UNTIL_DUE = 30
"""For send_invoice when the org names no term; Stripe insists on one."""
LONGEST_METADATA = 500
LONGEST_PRODUCT = 250
"""Of a product's name, in characters."""


def invoice_params(invoice: SyncInvoice, *, statement_url: str | None = None) -> dict[str, Any]:
    """The parameters of a draft. `discounts=""` because a customer's coupon would otherwise change our total."""
    params: dict[str, Any] = {
        "customer": invoice.org.customer_id,
        "currency": invoice.currency,
        "collection_method": invoice.org.collection_method,
        "auto_advance": False,
        "pending_invoice_items_behavior": "exclude",
        "discounts": "",
        "automatic_tax": {"enabled": invoice.tax is not None},
        "description": memo(invoice, statement_url),
        "metadata": {
            "flybill_invoice_id": invoice.invoice_id,
            "flybill_number": invoice.number,
            "flybill_org_id": org_mark(invoice.org.org_id),
            "flybill_month": str(invoice.month),
            "flybill_content_hash": invoice.content_hash,
            "flybill_subtotal_minor": str(invoice.subtotal_minor),
            "flybill_lines": str(len(invoice.lines)),
        },
    }
    if invoice.lines_here > len(invoice.lines):
        params["metadata"]["flybill_lines_here"] = str(invoice.lines_here)
    if fields := custom_fields(invoice):
        params["custom_fields"] = fields
    if invoice.tax is not None:
        params["metadata"]["flybill_tax"] = invoice.tax
    if invoice.number_at_stripe is not None:
        params["number"] = invoice.number_at_stripe
    if invoice.org.collection_method == "send_invoice":
        days = invoice.org.days_until_due
        params["days_until_due"] = DAYS_UNTIL_DUE if days is None else days  # 0: due on receipt
    return params


def line_params(lines: Sequence[SyncLine], tax: TaxBehavior | None = None) -> list[dict[str, Any]]:
    """Lines with an amount each, already rounded; Stripe's period is inclusive, so it ends a second before ours.

    With tax each line is a price of its own: only a price says whether tax is a part of it, a bare amount leaves that
    to the account's settings.
    """
    return [
        {
            **_amount_params(line, tax),
            "description": line.description,
            "period": {
                "start": int(line.service_month.start.timestamp()),
                "end": int((line.service_month.end - timedelta(seconds=1)).timestamp()),
            },
            "metadata": {"flybill_line_id": line.line_id},
        }
        for line in lines
    ]


def _amount_params(line: SyncLine, tax: TaxBehavior | None) -> dict[str, Any]:
    if tax is None:
        return {"amount": line.amount_minor}
    product = {"name": cut(line.title or line.meter or line.kind.replace("_", " "), LONGEST_PRODUCT)}
    price = {"currency": line.currency, "product_data": product, "unit_amount": line.amount_minor, "tax_behavior": tax}
    return {"price_data": price, "quantity": 1}


def customer_params(org: SyncOrg) -> dict[str, Any]:
    """The parameters of a customer for an org that came without one. A name that is too long for
    Stripe is cut: none is imported any more.
    """
    params: dict[str, Any] = {"name": cut(org.name, LONGEST_NAME), "metadata": {"flybill_org_id": org_mark(org.org_id)}}
    if org.email:
        params["email"] = org.email
    if org.address:
        params["address"] = {part: text for part, text in asdict(org.address).items() if text}
    return params


def profile_params(org: SyncOrg, fields: Collection[str]) -> dict[str, Any]:
    """The parameters that bring these fields of a customer to what the org has; an empty text takes away."""
    address = {part: text or "" for part, text in asdict(org.address).items()} if org.address else ""
    values: dict[str, Any] = {NAME: cut(org.name, LONGEST_NAME), EMAIL: org.email or "", ADDRESS: address}
    return {field: value for field, value in values.items() if field in fields}


def tax_id_params(tax_id: TaxId) -> dict[str, Any]:
    """The parameters of a customer's tax id."""
    return {"type": tax_id.kind, "value": tax_id.value}


def org_mark(org_id: str) -> str:
    """An org's id as metadata holds it: a longer one than Stripe takes is hashed."""
    return org_id if len(org_id) <= LONGEST_METADATA else hashlib.sha256(org_id.encode()).hexdigest()


def read_invoice(data: Mapping[str, Any]) -> StripeInvoice:
    """What we need of Stripe's invoice. Raises one of NONSENSE when it is not one."""
    metadata = data.get("metadata") or {}
    return shaped(
        StripeInvoice,
        stripe_invoice_id=data["id"],
        status=data["status"],
        customer_id=data["customer"],
        currency=data["currency"],
        subtotal_minor=data["subtotal"],
        total_minor=data["total"],
        total_excluding_tax_minor=data.get("total_excluding_tax"),
        amount_due_minor=data["amount_due"],
        livemode=data["livemode"],
        created=data["created"],
        hosted_invoice_url=data.get("hosted_invoice_url"),
        flybill_invoice_id=metadata.get("flybill_invoice_id"),
        flybill_content_hash=metadata.get("flybill_content_hash"),
        flybill_number=metadata.get("flybill_number"),
        flybill_terms=metadata.get("flybill_terms"),
        line_ids=_line_ids(data.get("lines") or {}),
        number=data.get("number"),
        revises=(data.get("from_invoice") or {}).get("invoice"),
    )


def read_customer(data: Mapping[str, Any]) -> StripeCustomer:
    """What we need of Stripe's customer. Raises one of NONSENSE when it is not one."""
    metadata = data.get("metadata") or {}
    return shaped(
        StripeCustomer,
        customer_id=data["id"],
        created=data["created"],
        flybill_org_id=metadata.get("flybill_org_id"),
        flybill_terms=metadata.get("flybill_terms"),
    )


def read_customer_profile(data: Mapping[str, Any]) -> CustomerProfile | None:
    """What stands at a customer; None of one that was deleted. Raises one of NONSENSE when it is not a customer."""
    if data.get("deleted"):
        return None
    address = data.get("address") or {}
    return shaped(
        CustomerProfile,
        customer_id=data["id"],
        name=data.get("name"),
        email=data.get("email"),
        has_address=any(text for text in address.values()),
        currency=data.get("currency"),
        flybill_org_id=(data.get("metadata") or {}).get("flybill_org_id"),
    )


def read_tax_id(data: Mapping[str, Any]) -> StripeTaxId:
    """A tax id of a customer. Raises one of NONSENSE when it is not one."""
    return shaped(StripeTaxId, stripe_tax_id=data["id"], kind=data["type"], value=data["value"])


def read_account(data: Mapping[str, Any], *, live: bool) -> StripeAccount:
    """The account itself; it has no mode, its keys have. Raises one of NONSENSE when it is not one."""
    if data["object"] != "account":
        raise ValueError("no account")
    return shaped(StripeAccount, account_id=data["id"], livemode=live)


def _line_ids(lines: Mapping[str, Any]) -> tuple[str, ...] | None:
    return None if lines.get("has_more", True) else tuple(read_line_id(line) for line in lines["data"])


def read_line_id(data: Mapping[str, Any]) -> str:
    """Our id of a line at Stripe; Stripe's own for a line that is not ours, so that it never passes for one."""
    return text_of((data.get("metadata") or {}).get("flybill_line_id") or data["id"])
