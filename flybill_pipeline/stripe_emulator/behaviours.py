"""Where each emulated behaviour is known from. Belongs here: one table, as data. Does not: code.

A contract test against a real Stripe sandbox can falsify what is `assumed`; until then it is a guess in one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["documented", "specified", "library", "reported", "assumed"]
"""Stripe's documentation; its OpenAPI specification; stripe-python's source; reports of users; our own guess."""


@dataclass(frozen=True)
class Behaviour:
    """One thing that the emulator does as Stripe does."""

    module: str
    what: str
    source: Source


BEHAVIOURS = (
    Behaviour("params", "unknown, missing and ill-typed parameters are refused by stripe-python's types", "library"),
    Behaviour("params", "values outside a Literal are refused, although the library also allows str", "specified"),
    Behaviour("parameter_limits", "lengths: description 1500, line 5000, number 26, and others", "specified"),
    Behaviour("parameter_limits", "metadata: 50 keys of 40 characters without brackets, values of 500", "documented"),
    Behaviour("parameter_limits", "customer name 256, email 512, phone 20", "assumed"),
    Behaviour("scalars", "decimals have at most 12 places", "library"),
    Behaviour("scalars", "an exponent such as 1E-7 is refused", "assumed"),
    Behaviour("scalars", "wording and codes of errors of decimals, booleans, enumerations, lengths", "assumed"),
    Behaviour(
        "idempotency", "the first answer is saved for 24 hours, errors and 500s included, and replayed", "documented"
    ),
    Behaviour("idempotency", "failed validation, a key in flight and rate limits are not saved", "documented"),
    Behaviour(
        "idempotency",
        "every other error of an endpoint is saved: 402, resource_missing, invoice_not_editable",
        "assumed",
    ),
    Behaviour("idempotency", "another path or other parameters under a key: 400 idempotency_error", "documented"),
    Behaviour("idempotency", "parameters are compared as sent, before validation, whatever their order", "assumed"),
    Behaviour("idempotency", "deleting a draft leaves the answer saved for its creation", "reported"),
    Behaviour(
        "limits", "25 requests a second per endpoint, 100 live and 25 test over all; reason in a header", "documented"
    ),
    Behaviour("limits", "a window of one second that slides; refused requests do not count", "assumed"),
    Behaviour("faults", "lock_timeout comes without the reason header, with Stripe-Should-Retry", "documented"),
    Behaviour("faults", "a lock_timeout can be saved and replayed for 24 hours", "reported"),
    Behaviour("faults", "a request without an answer can still be executed later", "documented"),
    Behaviour("engine", "Stripe-Should-Retry: false with a 500, since its replay would be the same", "library"),
    Behaviour("customers", "a deleted customer is read as {id, object, deleted}, and missing for writes", "reported"),
    Behaviour("customers", "code resource_missing and status for writes to a deleted customer", "assumed"),
    Behaviour("customers", "one currency per customer, with Stripe's message", "reported"),
    Behaviour("customers", "the lock is set by the first invoice and has no error code", "assumed"),
    Behaviour(
        "invoices", "auto_advance is false unless given; an automatic draft is finalized after an hour", "documented"
    ),
    Behaviour("invoices", "discounts are inherited from the customer unless discounts is given, even empty", "library"),
    Behaviour("invoices", "at most ten lines are embedded; total_count is present", "reported"),
    Behaviour(
        "invoices", "what can be changed after finalization: metadata, payment and collection settings", "assumed"
    ),
    Behaviour("invoices", "a number that another invoice has already is accepted", "assumed"),
    Behaviour("invoice_lines", "at most 250 lines", "library"),
    Behaviour(
        "invoice_lines", "more than 100 lines in one add_lines are accepted; one bad line refuses all", "assumed"
    ),
    Behaviour("invoice_lines", "lines are listed in the order in which they were added", "library"),
    Behaviour("amounts", "quantity x unit amount is rounded per line, half up", "documented"),
    Behaviour("amounts", "a negative half is rounded away from zero", "assumed"),
    Behaviour("amounts", "below the smallest payment an invoice is paid and the amount goes to the balance", "library"),
    Behaviour("amounts", "the smallest payment of currencies without an entry is 50", "assumed"),
    Behaviour("finalization", "an invoice without lines is finalized, as paid", "assumed"),
    Behaviour("finalization", "tax without an address: customer_tax_location_invalid; with one, tax is 0", "library"),
    Behaviour("finalization", "voiding returns the balance that was applied", "assumed"),
    Behaviour("finalization", "send and pay finalize a draft first", "assumed"),
    Behaviour("finalization", "wording and codes of errors of state; there is no rarer code than these", "assumed"),
    Behaviour("payments", "a declined card answers 402 card_declined and records invoice.payment_failed", "documented"),
    Behaviour("payments", "invoice.paid also for payments outside Stripe, payment_succeeded not", "reported"),
    Behaviour("payments", "collection one hour after finalization; retries after 3 days, 4 attempts", "assumed"),
    Behaviour("payments", "a payment above 99,999,999 minor units: amount_too_large", "documented"),
    Behaviour(
        "credit_notes",
        "first the invoice asks for less, not below zero; the rest is given back, and its parts add up",
        "library",
    ),
    Behaviour("credit_notes", "only open and paid invoices; no line gives back more than it amounts to", "assumed"),
    Behaviour(
        "payments", "each payment is an invoice_payment with a payment intent and an event of its own", "library"
    ),
    Behaviour("payments", "a payment outside Stripe records no invoice_payment", "assumed"),
    Behaviour("money_back", "refunds and disputes name the payment, never the invoice", "library"),
    Behaviour("money_back", "a refund succeeds at once; statuses and order of the events of a dispute", "assumed"),
    Behaviour("money_back", "a lost dispute leaves the invoice paid", "assumed"),
    Behaviour("credit_notes", "voiding is for notes of open invoices, which ask for more again", "library"),
    Behaviour("events", "at most 20 types; delivery_success=false lists none, since no webhooks are sent", "library"),
    Behaviour("events", "an event may show up in the list after newer ones", "reported"),
    Behaviour("events", "kept for 30 days, newest first, filtered by type and date", "library"),
    Behaviour("events", "which events one action records, and their order", "assumed"),
)
