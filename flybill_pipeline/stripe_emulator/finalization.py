"""From draft to a final document. Belongs here: finalize, void, mark_uncollectible, send, and what they do to the
customer's balance. Does not: taking payment (`payments`)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from . import amounts, objects
from .call import Call, require
from .config import COLLECTION_DELAY
from .customers import change_balance
from .customers import save as save_customer
from .errors import StripeError
from .events import emit
from .invoices import find_invoice, recompute, save, snapshot, with_lines
from .revisions import original_of
from .store import Json
from .taxes import location_of

_CANNOT_BE_SENT = (
    "This invoice cannot be sent right now. Please contact us via https://support.stripe.com/contact with details, so "
    "we can help."
)


def finalize_invoice(call: Call, params: Json, invoice_id: str) -> Json:
    """POST /v1/invoices/{id}/finalize: open, or paid at once when nothing is due."""
    invoice = find_invoice(call, invoice_id, param="id")
    refinalized = "This invoice is already finalized, you can't re-finalize a non-draft invoice."
    require(invoice["status"] == "draft", refinalized)
    return finalize(call, invoice, auto_advance=bool(params.get("auto_advance", invoice["auto_advance"])))


def finalize(call: Call, invoice: Json, *, auto_advance: bool) -> Json:
    """Finalizes a stored draft; raises Stripe's error, and records it on the draft, when its tax cannot be known."""
    before = snapshot(invoice)
    customer = call.live_customer(invoice["customer"])
    invoice |= objects.customer_copy(customer)
    _check_tax_location(call, invoice, before)
    if original := original_of(call, invoice):
        void_invoice(call, {}, original["id"])
    recompute(call, invoice)
    _number(call, invoice, customer)
    balance = invoice["starting_balance"]
    settlement = amounts.settle(invoice["total"], balance, invoice["currency"])
    change_balance(call, customer["id"], settlement.ending_balance - balance, invoice["currency"])
    token = secrets.token_hex(16)
    invoice |= {
        "status": "open",
        "auto_advance": auto_advance,
        "automatically_finalizes_at": None,
        "next_payment_attempt": None,
        "ending_balance": settlement.ending_balance,
        "effective_at": invoice["effective_at"] or call.now,
        "hosted_invoice_url": f"https://invoice.stripe.com/i/{call.account_id}/{token}",
        "invoice_pdf": f"https://pay.stripe.com/invoice/{call.account_id}/{token}/pdf",
        "last_finalization_error": None,
        "webhooks_delivered_at": call.now,
    }
    invoice["status_transitions"]["finalized_at"] = call.now
    return save(call, invoice, before, "invoice.finalized", *_consequences(call, invoice))


def void_invoice(call: Call, _params: Json, invoice_id: str) -> Json:
    """POST /v1/invoices/{id}/void: nothing is owed any more, and the balance that was applied is given back."""
    invoice = find_invoice(call, invoice_id, param="id")
    require(invoice["status"] != "paid", "Invoices with `paid` payments cannot be voided.")
    _require_open(invoice, also="uncollectible")
    before = snapshot(invoice)
    applied = invoice["starting_balance"] - invoice["ending_balance"]
    change_balance(call, invoice["customer"], applied, invoice["currency"])
    return _end(call, invoice, before, status="void", moment="voided_at", event="invoice.voided")


def mark_uncollectible(call: Call, _params: Json, invoice_id: str) -> Json:
    """POST /v1/invoices/{id}/mark_uncollectible: still owed, no longer expected."""
    invoice = find_invoice(call, invoice_id, param="id")
    unmarked = invoice["status"] != "uncollectible"
    require(unmarked, "This invoice has already been marked uncollectible.")
    _require_open(invoice)
    before = snapshot(invoice)
    moment, event = "marked_uncollectible_at", "invoice.marked_uncollectible"
    return _end(call, invoice, before, status="uncollectible", moment=moment, event=event)


def send_invoice(call: Call, _params: Json, invoice_id: str) -> Json:
    """POST /v1/invoices/{id}/send: a draft is finalized first. No e-mail leaves, only the event."""
    invoice = find_invoice(call, invoice_id)
    sendable = invoice["collection_method"] == "send_invoice" and invoice["status"] in ("draft", "open")
    require(sendable, _CANNOT_BE_SENT)
    if invoice["status"] == "draft":
        finalize(call, invoice, auto_advance=invoice["auto_advance"])
    invoice = with_lines(call, find_invoice(call, invoice_id))
    emit(call, "invoice.sent", invoice)
    return invoice


def mark_paid(call: Call, invoice: Json, *, amount: int, attempted: bool) -> None:
    """Sets a finalized invoice to paid by `amount` minor units; `attempted`: Stripe itself tried to collect them."""
    invoice |= {"status": "paid", "amount_paid": amount, "amount_remaining": 0}
    invoice["attempted"] = attempted or invoice["attempted"]
    invoice |= {"next_payment_attempt": None, "auto_advance": False}
    invoice["status_transitions"]["paid_at"] = call.now


def _consequences(call: Call, invoice: Json) -> Iterable[str]:
    """What follows at once from being open; returns the events beyond invoice.finalized."""
    if invoice["amount_due"] == 0:
        mark_paid(call, invoice, amount=0, attempted=True)
        return ("invoice.paid",)
    if not invoice["auto_advance"]:
        return ()
    if invoice["collection_method"] == "send_invoice":
        return ("invoice.sent",)
    invoice["next_payment_attempt"] = call.now + COLLECTION_DELAY
    return ()


def _check_tax_location(call: Call, invoice: Json, before: Json) -> None:
    if not invoice["automatic_tax"]["enabled"] or location_of(invoice):
        return
    error = StripeError(
        "The customer's location isn't recognized. Set a valid customer address in order to automatically calculate "
        "tax.",
        code="customer_tax_location_invalid",
        keeps_changes=True,
    )
    failure = {"type": error.kind, "code": error.code, "message": error.message}
    stopped = {"automatically_finalizes_at": None, "next_payment_attempt": None}
    invoice |= {"last_finalization_error": failure, **stopped}
    invoice["automatic_tax"] = invoice["automatic_tax"] | {"status": "requires_location_inputs"}
    save(call, invoice, before, "invoice.finalization_failed")
    raise error


def _number(call: Call, invoice: Json, customer: Json) -> None:
    """Gives the invoice the customer's next number unless it has one."""
    if invoice["number"] is not None:
        return
    sequence = customer["next_invoice_sequence"]
    invoice["number"] = f"{customer['invoice_prefix']}-{sequence:04d}"
    save_customer(call, customer | {"next_invoice_sequence": sequence + 1}, customer)


def _require_open(invoice: Json, *, also: str = "open") -> None:
    fits = invoice["status"] in ("open", also)
    require(fits, "You can only pass in open invoices. This invoice isn't open.")


def _end(call: Call, invoice: Json, before: Json, *, status: str, moment: str, event: str) -> Json:
    invoice |= {"status": status, "auto_advance": False, "next_payment_attempt": None}
    invoice["status_transitions"][moment] = call.now
    return save(call, invoice, before, event)
