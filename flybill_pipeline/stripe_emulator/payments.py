"""Taking payment of a finalized invoice. Belongs here: the pay endpoint and one automatic attempt. Does not: when the
automatic attempts happen (`passage`). Payment methods are Stripe's test ones, known by name."""

from __future__ import annotations

from .call import Call, require
from .config import MAX_ATTEMPTS, RETRY_DELAY
from .customers import payment_method_of
from .errors import StripeError
from .finalization import finalize, mark_paid
from .invoices import find_invoice, save, snapshot
from .money_back import record_payment
from .store import Json

MAX_PAYMENT = 99_999_999
"""Stripe's largest payment, in minor units: "up to eight digits"; of Indonesian rupiah "up to twelve"."""
MAX_PAYMENT_IDR = 999_999_999_999

_REFUSALS = {
    "paid": "Invoice is already paid",
    "void": "You can only pass in open invoices. This invoice isn't open.",
}


def pay_invoice(call: Call, params: Json, invoice_id: str) -> Json:
    """POST /v1/invoices/{id}/pay: a draft is finalized first; a declined card answers 402."""
    invoice = find_invoice(call, invoice_id, param="id")
    if invoice["status"] == "draft":
        finalized = finalize(call, invoice, auto_advance=invoice["auto_advance"])
        if finalized["status"] == "paid":
            return finalized
    if refusal := _REFUSALS.get(invoice["status"]):
        raise StripeError(refusal)
    if params.get("paid_out_of_band"):
        before = snapshot(invoice)
        mark_paid(call, invoice, amount=invoice["amount_paid"] + invoice["amount_remaining"], attempted=False)
        return save(call, invoice, before, "invoice.paid")
    method = params.get("payment_method") or params.get("source") or default_method(call, invoice)
    return attempt(call, invoice, method)


def attempt(call: Call, invoice: Json, method: str | None) -> Json:
    """One attempt to collect what is due; raises Stripe's error after recording the failure."""
    problem = _problem(invoice, method)
    if problem is None:
        invoice["attempt_count"] += 1
        return _paid(call, invoice, attempted=True)
    if problem.status == 402:
        record_failure(call, invoice)
    raise problem


def record_failure(call: Call, invoice: Json) -> None:
    """An attempt to collect did not work, of a declined card or for want of any; what is sent is not tried again."""
    before = snapshot(invoice)
    invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    collected = invoice["auto_advance"] and invoice["collection_method"] == "charge_automatically"
    retried = collected and invoice["attempt_count"] < MAX_ATTEMPTS
    invoice["next_payment_attempt"] = call.now + RETRY_DELAY if retried else None
    save(call, invoice, before, "invoice.payment_failed")


def default_method(call: Call, invoice: Json) -> str | None:
    """What the invoice would be paid with."""
    customer = call.find("customer", invoice["customer"], param="customer")
    own: str | None = invoice["default_payment_method"] or invoice["default_source"]
    return own or (None if customer.get("deleted") else payment_method_of(customer))


def _problem(invoice: Json, method: str | None) -> StripeError | None:
    if method is None:
        return StripeError(
            "This customer has no attached payment source or default payment method. Please consider adding a default "
            "payment method.",
            code="resource_missing",
        )
    if invoice["amount_remaining"] > (MAX_PAYMENT_IDR if invoice["currency"] == "idr" else MAX_PAYMENT):
        return StripeError("Amount must be no more than $999,999.99", code="amount_too_large", param="amount")
    if "declined" in method.lower() or "fail" in method.lower():
        return StripeError(
            "Your card was declined.",
            status=402,
            kind="card_error",
            code="card_declined",
            keeps_changes=True,
            more={"decline_code": "generic_decline"},
        )
    return None


def pay_part(call: Call, invoice: Json, amount: int) -> Json:
    """A part of what is due arrives, as bank transfers do; the last part pays the invoice."""
    require(invoice["status"] == "open", "Only open invoices can be paid in part.", param="invoice")
    require(0 < amount <= invoice["amount_remaining"], "The amount is not a part of what is due.", param="amount")
    if amount == invoice["amount_remaining"]:
        return _paid(call, invoice, attempted=False)
    before = snapshot(invoice)
    invoice |= {"amount_paid": invoice["amount_paid"] + amount}
    invoice |= {"amount_remaining": invoice["amount_remaining"] - amount}
    record_payment(call, invoice, amount)
    return save(call, invoice, before)


def _paid(call: Call, invoice: Json, *, attempted: bool) -> Json:
    before = snapshot(invoice)
    record_payment(call, invoice, invoice["amount_remaining"])
    mark_paid(call, invoice, amount=invoice["amount_paid"] + invoice["amount_remaining"], attempted=attempted)
    return save(call, invoice, before, "invoice.paid", "invoice.payment_succeeded")
