"""Complete response objects in their first state. Belongs here: every field that Stripe shows, with its neutral
value. Does not: how values change (the handlers) and how much is owed (`amounts`)."""

from __future__ import annotations

from typing import Any

from .store import Json

_UNKNOWN_OF_THE_BUSINESS = (
    "annual_revenue",
    "estimated_worker_count",
    "mcc",
    "minority_owned_business_designation",
    "product_description",
    "support_address",
    "support_email",
    "support_phone",
    "support_url",
    "url",
)
_DESCRIPTORS = ("statement_descriptor_prefix", "statement_descriptor_prefix_kana", "statement_descriptor_prefix_kanji")
_ACCOUNT_SETTINGS: Json = {
    "bacs_debit_payments": dict.fromkeys(("display_name", "service_user_number")),
    "branding": dict.fromkeys(("icon", "logo", "primary_color", "secondary_color")),
    "card_issuing": {"tos_acceptance": dict.fromkeys(("date", "ip"))},
    "card_payments": {"decline_on": {"avs_failure": True, "cvc_failure": True}} | dict.fromkeys(_DESCRIPTORS),
    "dashboard": {"display_name": "flybill emulator", "timezone": "Etc/UTC"},
    "invoices": dict.fromkeys(("default_account_tax_ids", "hosted_payment_method_save")),
    "payments": dict.fromkeys(("statement_descriptor", "statement_descriptor_kana", "statement_descriptor_kanji"))
    | dict.fromkeys(_DESCRIPTORS[1:]),
    "payouts": {
        "debit_negative_balances": True,
        "schedule": {"delay_days": 2, "interval": "daily"},
        "statement_descriptor": None,
    },
    "sepa_debit_payments": {},
}


def empty_address() -> Json:
    """An address without any part known."""
    return dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def account(account_id: str) -> Json:
    """The one account of an emulator, which all its keys belong to; test and live keys have the same id."""
    requirements: Json = {"current_deadline": None, "disabled_reason": None} | {
        name: []
        for name in ("alternatives", "currently_due", "errors", "eventually_due", "past_due", "pending_verification")
    }
    return {
        "id": account_id,
        "object": "account",
        "business_profile": {"name": "flybill emulator"} | dict.fromkeys(_UNKNOWN_OF_THE_BUSINESS),
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": "US",
        "created": 0,
        "default_currency": "usd",
        "details_submitted": True,
        "email": "emulator@example.com",
        "external_accounts": listing(f"/v1/accounts/{account_id}/external_accounts", [], has_more=False),
        "future_requirements": requirements,
        "metadata": {},
        "payouts_enabled": True,
        "requirements": requirements,
        "settings": _ACCOUNT_SETTINGS,
        "tos_acceptance": dict.fromkeys(("date", "ip", "user_agent")),
        "type": "standard",
    }


def customer(customer_id: str, *, created: int, livemode: bool, invoice_prefix: str) -> Json:
    """A customer that nothing is known of."""
    return {
        "id": customer_id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": created,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": invoice_prefix,
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": livemode,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


_ABSENT_FROM_A_DRAFT = (
    "account_tax_ids",
    "application",
    "automatically_finalizes_at",
    "confirmation_secret",
    "custom_fields",
    "customer_account",
    "default_payment_method",
    "default_source",
    "description",
    "due_date",
    "effective_at",
    "ending_balance",
    "footer",
    "from_invoice",
    "hosted_invoice_url",
    "invoice_pdf",
    "last_finalization_error",
    "latest_revision",
    "next_payment_attempt",
    "number",
    "on_behalf_of",
    "parent",
    "receipt_number",
    "rendering",
    "shipping_cost",
    "shipping_details",
    "statement_descriptor",
    "test_clock",
    "webhooks_delivered_at",
)
_NOTHING_OWED = (
    "amount_due",
    "amount_overpaid",
    "amount_paid",
    "amount_paid_off_stripe",
    "amount_remaining",
    "amount_shipping",
    "attempt_count",
    "post_payment_credit_notes_amount",
    "pre_payment_credit_notes_amount",
    "starting_balance",
    "subtotal",
    "subtotal_excluding_tax",
    "total",
    "total_excluding_tax",
)
_NO_ENTRIES = (
    "customer_tax_ids",
    "default_tax_rates",
    "discounts",
    "total_discount_amounts",
    "total_pretax_credit_amounts",
    "total_taxes",
)


def invoice(invoice_id: str, *, created: int, livemode: bool, of: Json, currency: str) -> Json:
    """A draft without lines for the customer `of`."""
    return {
        "id": invoice_id,
        "object": "invoice",
        **dict.fromkeys(_ABSENT_FROM_A_DRAFT),
        **dict.fromkeys(_NOTHING_OWED, 0),
        **{name: [] for name in _NO_ENTRIES},
        **customer_copy(of),
        "account_country": "US",
        "account_name": "flybill emulator",
        "attempted": False,
        "auto_advance": False,
        "automatic_tax": {"enabled": False} | dict.fromkeys(("disabled_reason", "liability", "provider", "status")),
        "billing_reason": "manual",
        "collection_method": "charge_automatically",
        "created": created,
        "currency": currency,
        "customer": of["id"],
        "issuer": {"type": "self"},
        "livemode": livemode,
        "metadata": {},
        "payment_settings": dict.fromkeys(("default_mandate", "payment_method_options", "payment_method_types")),
        "period_end": created,
        "period_start": created,
        "status": "draft",
        "status_transitions": dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
    }


def customer_copy(of: Json) -> Json:
    """What an invoice repeats of its customer; frozen when the invoice is finalized."""
    return {
        "customer_address": of["address"],
        "customer_email": of["email"],
        "customer_name": of["name"],
        "customer_phone": of["phone"],
        "customer_shipping": of["shipping"],
        "customer_tax_exempt": of["tax_exempt"],
    }


def invoice_line(line_id: str, *, invoice_id: str, currency: str, livemode: bool, item_id: str) -> Json:
    """An invoice line of no amount."""
    return {
        "id": line_id,
        "object": "line_item",
        "amount": 0,
        "currency": currency,
        "description": None,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": livemode,
        "metadata": {},
        "parent": {
            "type": "invoice_item_details",
            "invoice_item_details": {
                "invoice_item": item_id,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": None,
            },
            "subscription_item_details": None,
        },
        "period": {"start": 0, "end": 0},
        "pretax_credit_amounts": [],
        "pricing": None,
        "quantity": 1,
        "quantity_decimal": "1",
        "subscription": None,
        "subtotal": 0,
        "taxes": [],
    }


def listing(url: str, data: list[Json], *, has_more: bool) -> Json:
    """One page of objects."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def event(event_id: str, *, created: int, livemode: bool, kind: str, data: Json, **request: Any) -> Json:
    """Something that happened; `request` holds the id and idempotency_key of its cause."""
    return {
        "id": event_id,
        "object": "event",
        "api_version": None,
        "created": created,
        "data": data,
        "livemode": livemode,
        "pending_webhooks": 0,
        "request": request,
        "type": kind,
    }
