"""Every call of the gateway against every answer that Stripe is known to give: a page says what is done."""

import inspect
import json
from dataclasses import dataclass
from typing import Any

import pytest

from flybill_pipeline.billing.sync.values import Answer, Failure
from flybill_pipeline.stripe_gateway.calls import Calls
from flybill_pipeline.stripe_gateway.failure_table import TABLE
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline_tests.docs.pages import text_of
from flybill_pipeline_tests.stripe_gateway.test_nonsense import CALLS, HTML, Impostor, impostor

__all__ = ["impostor"]
PAGE = "docs/stripe-answers.md"
DONE = {
    "same_key": "the same again, under the same key",
    "look_first": "a look at what Stripe has, then on",
    "org": "this organization waits for a person",
    "everyone": "nothing more is sent to anybody",
}
NOBODY_KNOWS = {
    "refused": "Stripe gives neither a code nor words that are known",
    "key_reused": "keys name their contents, so that it takes a fault of ours",
}
"""The failures that say "tell whoever maintains flybill", and why nothing better can be said."""
ANY = "any"


@dataclass(frozen=True)
class Known:
    """One answer. `calls` names the GROUPS of calls that it is known for."""

    words: str
    status: int
    error: dict[str, Any] | bytes
    calls: str = ANY
    headers: tuple[tuple[str, str], ...] = ()

    def body(self) -> bytes:
        if isinstance(self.error, bytes):
            return self.error
        return json.dumps({"error": {"type": "invalid_request_error", **self.error}}).encode()


CUSTOMERS, TAX_IDS, OF_A_CUSTOMER, OF_AN_INVOICE = "customers", "tax ids", "of a customer", "of an invoice"
LISTS = "lists"
CREATE, LINES, FINALIZE, DELETE, NOTES = "drafts", "lines", "finalize", "delete", "credit notes"
DRAFTS, TAXED = "drafts, finalize", "lines, finalize"
GROUPS = {
    CUSTOMERS: ("create_customer", "update_profile", "update_customer"),
    TAX_IDS: ("create_tax_id",),
    OF_A_CUSTOMER: ("retrieve_customer", "update_profile", "find_tax_ids", "create_tax_id", "delete_tax_id"),
    OF_AN_INVOICE: ("add_lines", "finalize_invoice", "retrieve_invoice", "delete_draft", "find_bill", "list_lines"),
    LISTS: ("find_customers", "find_invoices", "find_tax_ids", "find_credit_notes", "list_lines"),
    CREATE: ("create_invoice",),
    LINES: ("add_lines",),
    FINALIZE: ("finalize_invoice",),
    DELETE: ("delete_draft",),
    NOTES: ("create_credit_note", "preview_credit_note"),
    DRAFTS: ("create_invoice", "finalize_invoice"),
    TAXED: ("add_lines", "finalize_invoice"),
    ANY: tuple(CALLS),
}
"""The calls, as the page names them."""
MISSING = "resource_missing"
ANSWERS = (
    Known("no JSON, such as a proxy's page", 502, HTML),
    Known("200 with something else than was asked for", 200, b"[]"),
    Known("500", 500, {"type": "api_error", "message": "An unknown error occurred"}),
    Known("500, replayed", 500, {"type": "api_error"}, headers=(("Idempotent-Replayed", "true"),)),
    Known("503", 503, {"type": "api_error"}),
    Known("409 idempotency_key_in_use", 409, {"code": "idempotency_key_in_use"}),
    Known("429 rate_limit", 429, {"code": "rate_limit"}, headers=(("Stripe-Rate-Limited-Reason", "global-rate"),)),
    Known("429 lock_timeout", 429, {"code": "lock_timeout"}, headers=(("Stripe-Should-Retry", "true"),)),
    Known("401", 401, {"message": "Invalid API Key provided"}),
    Known("403", 403, {"message": "The provided key does not have the required permissions for this endpoint."}),
    Known("404 without a code", 404, {"message": "Unrecognized request URL"}),
    Known("400 without a code, words unknown", 400, {"message": "Something is wrong."}),
    Known("400 replayed", 400, {"message": "No."}, headers=(("Idempotent-Replayed", "true"),)),
    Known("400 idempotency_error", 400, {"type": "idempotency_error", "message": "Keys for idempotent requests ..."}),
    Known("400 secret_key_required", 400, {"code": "secret_key_required"}),
    Known("400 livemode_mismatch", 400, {"code": "livemode_mismatch"}),
    Known("400 parameter_unknown", 400, {"code": "parameter_unknown", "param": "x"}),
    Known("400 email_invalid", 400, {"code": "email_invalid", "param": "email"}, CUSTOMERS),
    Known("400 tax_id_invalid", 400, {"code": "tax_id_invalid", "param": "value"}, TAX_IDS),
    Known(
        "404, no such customer",
        404,
        {"code": MISSING, "param": "id", "message": "No such customer: 'c'"},
        OF_A_CUSTOMER,
    ),
    Known(
        "400, no such customer", 400, {"code": MISSING, "param": "customer", "message": "No such customer: 'c'"}, CREATE
    ),
    Known(
        "404, no such invoice", 404, {"code": MISSING, "param": "id", "message": "No such invoice: 'i'"}, OF_AN_INVOICE
    ),
    Known(
        "400, no such object after which to go on",
        400,
        {"code": MISSING, "param": "starting_after", "message": "No such customer: 'c'"},
        LISTS,
    ),
    Known("400, missing email", 400, {"message": "Missing email. In order to create invoices ..."}, DRAFTS),
    Known("400 about the number", 400, {"param": "number", "message": "..."}, CREATE),
    Known("400, combine currencies", 400, {"message": "You cannot combine currencies on a single customer."}, CREATE),
    Known("400 stripe_tax_inactive", 400, {"code": "stripe_tax_inactive"}, DRAFTS),
    Known("400 invoice_not_editable", 400, {"code": "invoice_not_editable"}, LINES),
    Known("400 amount_too_large", 400, {"code": "amount_too_large"}, TAXED),
    Known(
        "400, already finalized",
        400,
        {"message": "This invoice is already finalized, you can't re-finalize a non-draft invoice."},
        FINALIZE,
    ),
    Known("400, only drafts are deleted", 400, {"message": "You can only delete draft invoices."}, DELETE),
    Known("400 customer_tax_location_invalid", 400, {"code": "customer_tax_location_invalid"}, TAXED),
    Known("400 failed_tax_calculation", 400, {"code": "failed_tax_calculation"}, TAXED),
    Known("424 taxes_calculation_failed", 424, {"code": "taxes_calculation_failed", "type": "api_error"}, FINALIZE),
    Known("400 invoice_no_payment_method_types", 400, {"code": "invoice_no_payment_method_types"}, FINALIZE),
    Known("402 card_declined", 402, {"type": "card_error", "code": "card_declined"}, FINALIZE),
    Known("400, the sum must equal", 400, {"message": "The sum of credit amount, refund amount and ..."}, NOTES),
)


def outcomes(impostor: Impostor, known: Known) -> dict[str, Any]:
    """What the calls come to that this answer is known for."""
    impostor.say(known.status, known.body(), dict(known.headers))
    gate = impostor.gateway()
    return {name: CALLS[name](gate) for name in GROUPS[known.calls]}


def row(impostor: Impostor, known: Known) -> str:
    """The answer's row of the page: one failure, whichever of its calls it is given to."""
    failures = {(outcome.kind, outcome.code) for outcome in outcomes(impostor, known).values()}
    assert len(failures) == 1, (known.words, failures)
    ((kind, code),) = failures
    return f"| {known.words} | {known.calls} | {DONE[kind]} | `{code}` |"


@pytest.mark.parametrize("known", ANSWERS, ids=lambda known: known.words)
def test_every_known_answer_has_its_row(known: Known, impostor: Impostor) -> None:
    for name, outcome in outcomes(impostor, known).items():
        assert isinstance(outcome, Failure), name
        assert outcome.code != "unexpected", name
        assert ("whoever maintains flybill" in outcome.remedy) is (outcome.code in NOBODY_KNOWS), name
    assert row(impostor, known) in text_of(PAGE).splitlines()


def test_the_page_has_no_row_of_something_else() -> None:
    rows = [line for line in text_of(PAGE).splitlines() if line.startswith("| ")]
    assert len(rows) == len(ANSWERS) + 1


def test_the_table_is_of_all_calls_of_the_gateway() -> None:
    methods = {name for name, _ in inspect.getmembers(Gateway, inspect.isfunction) if not name.startswith("_")}
    inherited = {name for name, _ in inspect.getmembers(Calls, inspect.isfunction)}
    assert methods - inherited - {"tax_problem"} <= CALLS.keys()


def test_settings_of_tax_that_cannot_be_read_stop_nobody(impostor: Impostor) -> None:
    for known in ANSWERS:
        impostor.say(known.status, known.body(), dict(known.headers))
        gate = impostor.gateway()
        gate.contents._tax = "exclusive"
        assert gate.tax_problem() is None, known.words
    impostor.say(200, b'{"object": "tax.settings", "status": "pending"}')
    problem = gate.tax_problem()
    assert problem is not None
    assert (problem.kind, problem.code) == ("everyone", "tax_inactive")


def test_only_what_nobody_can_name_is_left_to_whoever_maintains_it() -> None:
    told = {rule.name for rule in TABLE if "whoever maintains flybill" in rule.remedy}
    assert told - {"unexpected"} == NOBODY_KNOWS.keys()  # unexpected: classes that no call of ours raises


def test_an_answer_that_is_right_is_an_answer(impostor: Impostor) -> None:
    impostor.say(200, b'{"id": "txi_1", "object": "tax_id", "type": "eu_vat", "value": "DE1"}')
    assert isinstance(CALLS["create_tax_id"](impostor.gateway()), Answer)
