"""Where each emulated behaviour is known from. Belongs here: one table, as data. Does not: code.

The contract tests, run with a key of Stripe's test mode, can falsify what is `assumed`; until then it is a guess in one
place. Every error code and every kind of fault in the package is named here; a test sees to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["documented", "specified", "library", "reported", "assumed"]
"""Stripe's documentation; its OpenAPI specification; stripe-python's source; reports of users; our own guess."""


@dataclass(frozen=True)
class Behaviour:
    """One thing that the emulator does as Stripe does.

    `tried_by` is for what is assumed: the contract test that tries it at Stripe's test mode, or why none can.
    """

    module: str
    what: str
    source: Source
    tried_by: str | None = None


BEHAVIOURS = (
    Behaviour("params", "unknown, missing and ill-typed parameters are refused by stripe-python's types", "library"),
    Behaviour("params", "values outside a Literal are refused, although the library also allows str", "specified"),
    Behaviour("parameter_limits", "lengths: description 1500, line 5000, number 26, and others", "specified"),
    Behaviour("parameter_limits", "metadata: 50 keys of 40 characters without brackets, values of 500", "documented"),
    Behaviour(
        "parameter_limits", "customer name 256, email 512, phone 20", "assumed", "test_a_name_may_have_256_characters"
    ),
    Behaviour("scalars", "decimals have at most 12 places", "library"),
    Behaviour(
        "scalars",
        "an exponent such as 1E-7 is refused",
        "assumed",
        "test_decimals_have_no_exponent_and_at_most_twelve_places",
    ),
    Behaviour(
        "scalars",
        "wording and codes of errors of decimals, booleans, enumerations, lengths",
        "assumed",
        "cannot be tried: wording is not compared",
    ),
    Behaviour(
        "idempotency", "the first answer is saved for 24 hours, errors and 500s included, and replayed", "documented"
    ),
    Behaviour("idempotency", "failed validation, a key in flight and rate limits are not saved", "documented"),
    Behaviour(
        "idempotency",
        "every other error of an endpoint is saved: 402, resource_missing, invoice_not_editable",
        "assumed",
        "test_refusals_of_an_endpoint_are_replayed",
    ),
    Behaviour("idempotency", "another path or other parameters under a key: 400 idempotency_error", "documented"),
    Behaviour(
        "idempotency",
        "parameters are compared as sent, before validation, whatever their order",
        "assumed",
        "test_an_answer_is_replayed_under_its_key_whatever_the_order_of_parameters",
    ),
    Behaviour("idempotency", "deleting a draft leaves the answer saved for its creation", "reported"),
    Behaviour(
        "limits",
        "25 requests a second per endpoint, 100 live and 25 test over all; endpoint-rate, global-rate",
        "documented",
    ),
    Behaviour(
        "limits",
        "a window of one second that slides; refused requests do not count",
        "assumed",
        "cannot be tried: Stripe asks not to be load-tested",
    ),
    Behaviour("limits", "requests under way are limited too: endpoint-concurrency, global-concurrency", "documented"),
    Behaviour(
        "limits",
        "how many may be under way; off unless LIMIT_CONCURRENT is given",
        "assumed",
        "cannot be tried: Stripe does not say, and asks not to be load-tested",
    ),
    Behaviour("limits", "two writes to one object at once: the second is answered lock_timeout", "documented"),
    Behaviour(
        "limits",
        "what is locked is the customer",
        "assumed",
        "cannot be tried: it needs two requests within the same milliseconds",
    ),
    Behaviour("faults", "lock_timeout comes without the reason header, with Stripe-Should-Retry", "documented"),
    Behaviour("faults", "lock_timeout_cached: a lock_timeout can be saved and replayed for 24 hours", "reported"),
    Behaviour("faults", "late_commit: a request without an answer can still be executed later", "documented"),
    Behaviour(
        "faults",
        "reset_before, reset_after, cut_body, slow: a connection fails on either side of the execution",
        "documented",
    ),
    Behaviour(
        "faults",
        "http_500_before, http_500_after: the outcome of a 500 is not known, and its answer is kept",
        "documented",
    ),
    Behaviour(
        "faults",
        "http_503 and html_502 come from in front of the endpoints, and nothing is kept",
        "assumed",
        "cannot be tried: Stripe does not fail on request",
    ),
    Behaviour(
        "faults",
        "rate_limited: 429 rate_limit; unauthorized: 401 without a code; key_in_use: 409 idempotency_key_in_use",
        "library",
    ),
    Behaviour(
        "faults",
        "forbidden: 403 without a code, of any object; refused: 400 invoice_no_payment_method_types, of any invoice",
        "library",
    ),
    Behaviour("objects", "GET /v1/account: the account of the key; test and live keys share its id", "specified"),
    Behaviour("engine", "Stripe-Should-Retry: false with a 500, since its replay would be the same", "library"),
    Behaviour("customers", "a deleted customer is read as {id, object, deleted}, and missing for writes", "reported"),
    Behaviour(
        "customers",
        "code resource_missing and status for writes to a deleted customer",
        "assumed",
        "test_a_deleted_customer_can_be_read_and_not_billed",
    ),
    Behaviour("customer_tax_ids", "a customer has tax ids of the types that stripe-python names", "library"),
    Behaviour("customer_tax_ids", "tax_id_invalid for a value of another form than its type", "documented"),
    Behaviour("customers", "one currency per customer, with Stripe's message", "reported"),
    Behaviour(
        "customers",
        "the lock is set by the first invoice and has no error code",
        "assumed",
        "test_a_customer_has_one_currency",
    ),
    Behaviour(
        "customers",
        "email_invalid for an address without @; parameters_exclusive where only one may be given",
        "documented",
    ),
    Behaviour(
        "invoices", "auto_advance is false unless given; an automatic draft is finalized after an hour", "documented"
    ),
    Behaviour("invoices", "discounts are inherited from the customer unless discounts is given, even empty", "library"),
    Behaviour("invoices", "at most ten lines are embedded; total_count is present", "reported"),
    Behaviour(
        "invoices",
        "what can be changed after finalization: metadata, payment and collection settings",
        "assumed",
        "test_after_finalization_metadata_can_change_and_the_description_cannot",
    ),
    Behaviour(
        "invoices",
        "a number that another invoice has already is accepted",
        "assumed",
        "test_two_invoices_may_have_the_same_number",
    ),
    Behaviour("invoices", "lists are newest first; limit 1 to 100, 10 unless given", "documented"),
    Behaviour("invoice_lines", "at most 250 lines", "library"),
    Behaviour(
        "invoice_lines",
        "more than 100 lines in one add_lines are accepted; one bad line refuses all",
        "assumed",
        "test_lines_are_added_all_or_none_more_than_100_at_once",
    ),
    Behaviour("invoice_lines", "lines are listed in the order in which they were added", "library"),
    Behaviour("amounts", "quantity x unit amount is rounded per line, half up", "documented"),
    Behaviour(
        "amounts", "a negative half is rounded away from zero", "assumed", "test_half_a_unit_is_rounded_away_from_zero"
    ),
    Behaviour("amounts", "below the smallest payment an invoice is paid and the amount goes to the balance", "library"),
    Behaviour(
        "amounts",
        "the smallest payment of currencies without an entry is 50",
        "assumed",
        "cannot be tried: one customer and one conversion for each of 100 currencies",
    ),
    Behaviour("amounts", "customer balance: a credit lowers what is due, a debt raises it", "documented"),
    Behaviour(
        "finalization",
        "an invoice without lines is finalized, as paid",
        "assumed",
        "test_an_empty_invoice_is_finalized_as_paid",
    ),
    Behaviour("finalization", "tax without an address: customer_tax_location_invalid; with one, tax is 0", "library"),
    Behaviour(
        "finalization", "voiding returns the balance that was applied", "assumed", "test_voiding_gives_the_balance_back"
    ),
    Behaviour(
        "finalization",
        "send and pay finalize a draft first",
        "assumed",
        "test_sending_and_paying_finalize_a_draft_first",
    ),
    Behaviour(
        "finalization",
        "wording and codes of errors of state; there is no rarer code than these",
        "assumed",
        "test_only_drafts_can_be_deleted_and_only_drafts_finalized",
    ),
    Behaviour("payments", "a declined card answers 402 card_declined and records invoice.payment_failed", "documented"),
    Behaviour("payments", "invoice.paid also for payments outside Stripe, payment_succeeded not", "reported"),
    Behaviour(
        "payments",
        "collection one hour after finalization; retries after 3 days, 4 attempts",
        "assumed",
        "cannot be tried: it takes days, and a test clock does not reach invoices without a subscription",
    ),
    Behaviour("payments", "a payment above 99,999,999 minor units: amount_too_large", "documented"),
    Behaviour("payments", "card_declined comes with generic_decline", "documented"),
    Behaviour(
        "credit_notes",
        "first the invoice asks for less, not below zero; the rest is given back, and its parts add up",
        "library",
    ),
    Behaviour(
        "credit_notes",
        "only open and paid invoices; no line gives back more than it amounts to",
        "assumed",
        "test_a_line_gives_back_no_more_than_it_amounts_to",
    ),
    Behaviour(
        "payments", "each payment is an invoice_payment with a payment intent and an event of its own", "library"
    ),
    Behaviour(
        "payments",
        "a payment outside Stripe records no invoice_payment",
        "assumed",
        "test_what_is_paid_outside_stripe_is_no_payment_of_its_own",
    ),
    Behaviour("money_back", "refunds and disputes name the payment, never the invoice", "library"),
    Behaviour(
        "money_back",
        "a refund succeeds at once; statuses and order of the events of a dispute",
        "assumed",
        "cannot be tried: it needs a payment by card, and a bank that answers days later",
    ),
    Behaviour(
        "money_back",
        "a lost dispute leaves the invoice paid",
        "assumed",
        "cannot be tried: it needs a payment by card, and a bank that answers days later",
    ),
    Behaviour("credit_notes", "voiding is for notes of open invoices, which ask for more again", "library"),
    Behaviour("events", "at most 20 types; delivery_success=false lists none, since no webhooks are sent", "library"),
    Behaviour("events", "an event may show up in the list after newer ones", "reported"),
    Behaviour("events", "kept for 30 days, newest first, filtered by type and date", "library"),
    Behaviour(
        "events", "which events one action records, and their order", "assumed", "test_events_tell_what_happened"
    ),
    Behaviour(
        "errors",
        "a refusal is parameter_missing, parameter_unknown, parameter_invalid_empty or parameter_invalid_integer",
        "documented",
    ),
    Behaviour("errors", "resource_missing names the object and the other mode, if it exists there", "reported"),
    Behaviour(
        "errors",
        "emulator_unsupported: our own code, for parameters whose effect on money is not emulated",
        "assumed",
        "cannot be tried: it is not Stripe's",
    ),
    Behaviour(
        "errors",
        "invoice_not_editable for a change of what is final, status_transition_invalid for a step that does not exist",
        "documented",
    ),
    Behaviour(
        "objects", "the fields of the objects that the endpoints answer are those of Stripe's own samples", "specified"
    ),
    Behaviour(
        "oracle",
        "what it calls a violation is flybill's own promise, not Stripe's behaviour",
        "assumed",
        "cannot be tried: it is not Stripe's",
    ),
)
