"""Whatever answers in Stripe's place, and whatever it says: an Answer of our own types, or a Failure of a kind."""

import json
import threading
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flybill_pipeline.billing.invoicing.tax_ids import TaxId
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.credit_note_sync import CreditPlan
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.payments.polls import SeenPage, Window
from flybill_pipeline.billing.sync.values import Answer, Failure, SyncInvoice, SyncLine, SyncOrg
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline.stripe_gateway.limiter import Limiter
from flybill_pipeline.stripe_gateway.listing import InvoiceListing
from flybill_pipeline.stripe_gateway.payment_events import PaymentEvents
from flybill_pipeline_tests.worlds.effort import examples, some
from flybill_pipeline_tests.worlds.impatient import ImpatientGateway

SINCE = datetime(2026, 10, 1, tzinfo=UTC)
ORG = SyncOrg("acme", "Acme", None, "cus_1")
LINE = SyncLine("line1", "usage", "seconds", Month(2026, 10), 500, "10 seconds")
INVOICE = SyncInvoice("inv_1", "FB-1", Month(2026, 10), ORG, "usd", 500, "c0ffee", (LINE,))
STRIPE_INVOICE: dict[str, Any] = {
    "id": "in_1", "object": "invoice", "status": "open", "customer": "cus_1", "currency": "usd", "subtotal": 500,
    "total": 500, "total_excluding_tax": 500, "amount_due": 500, "amount_paid": 0, "amount_remaining": 500,
    "livemode": False, "created": 1793000000, "metadata": {"flybill_invoice_id": "inv_1"}, "number": "N-1",
    "pre_payment_credit_notes_amount": 0, "post_payment_credit_notes_amount": 0, "post_payment_amount": 0,
    "amount": 500, "hosted_invoice_url": None, "type": "invoice.paid",
}  # fmt: skip
EVENT = {"id": "evt_1", "type": "invoice.paid", "created": 1793000000, "data": {"object": STRIPE_INVOICE}}
NOTE = CreditNote("cn_1", "CN-1", "inv_1", "acme", "2026-10", 1, 100, "usd", "slow", "ada", 0, SINCE)
Call = Callable[[Gateway], Any]
CALLS: dict[str, Call] = {
    "create_customer": lambda gate: gate.create_customer(ORG, "k"),
    "create_invoice": lambda gate: gate.create_invoice(INVOICE, "k"),
    "add_lines": lambda gate: gate.add_lines("in_1", INVOICE.lines, "k"),
    "finalize_invoice": lambda gate: gate.finalize_invoice("in_1", "k"),
    "delete_draft": lambda gate: gate.delete_draft("in_1"),
    "find_invoices": lambda gate: gate.find_invoices("cus_1", SINCE),
    "find_customers": lambda gate: gate.find_customers("acme", None),
    "retrieve_invoice": lambda gate: gate.retrieve_invoice("in_1"),
    "update_customer": lambda gate: gate.update_customer("cus_1", ORG, "k"),
    "retrieve_customer": lambda gate: gate.retrieve_customer("cus_1"),
    "update_profile": lambda gate: gate.update_profile(ORG, {"name", "email", "address"}, "k"),
    "find_tax_ids": lambda gate: gate.find_tax_ids("cus_1"),
    "create_tax_id": lambda gate: gate.create_tax_id("cus_1", TaxId("eu_vat", "DE123456789"), "k"),
    "delete_tax_id": lambda gate: gate.delete_tax_id("cus_1", "txi_1"),
    "preview_credit_note": lambda gate: gate.preview_credit_note(NOTE, "in_1", CreditPlan("il_1", 0, 5)),
    "account": lambda gate: gate.account(),
    "invoice for reconciliation": lambda gate: InvoiceListing(gate).invoice("in_1"),
    "list_lines": lambda gate: gate.list_lines("in_1"),
    "find_bill": lambda gate: gate.find_bill("in_1"),
    "find_lines": lambda gate: gate.find_lines("in_1"),
    "find_credit_notes": lambda gate: gate.find_credit_notes("in_1"),
    "create_credit_note": lambda gate: gate.create_credit_note(NOTE, "in_1", CreditPlan("il_1", 0, 5), "k"),
    "list for reconciliation": lambda gate: InvoiceListing(gate).page(SINCE, SINCE, None),
    "newest event": lambda gate: PaymentEvents(gate).newest(),
    "events": lambda gate: PaymentEvents(gate).events(SINCE, None),
    "objects": lambda gate: PaymentEvents(gate).objects("invoices", Window(SINCE), SINCE, None),
    "invoice of a payment": lambda gate: PaymentEvents(gate).invoice_paid_by("pi_1"),
}
HTML = b"<!doctype html><h1>Bad gateway</h1>"
STATUSES = (
    200, 201, 202, 204, 206, 300, 301, 302, 304, 307, 400, 401, 402, 403, 404, 405, 409, 413, 424, 429, 500, 502, 503,
    504, 599,
)  # fmt: skip
ERRORS: list[Any] = [
    "text", None, [], 7, True, {}, {"message": None}, {"message": 7}, {"message": ["x"]}, {"type": {}}, {"code": 5},
    {"code": {}}, {"param": []}, {"message": "x", "code": "\x1b[2J", "param": "\0", "type": 1},
]  # fmt: skip
ENTRIES: list[Any] = [[7], [None], [[]], {}, "x", [{}], [{"id": None}], [STRIPE_INVOICE | {"id": 7}]]
BODIES = [
    b"", b" ", HTML, b"{", b"[]", b"null", b"true", b"7", b'"text"', b"\xff\xfe", b"\x1f\x8b\x08\x00", b"{}", b"NaN",
    b'{"id": NaN}', b"[" * 100_000, b'{"id":' * 5000, b"9" * 6000, json.dumps({"data": None}).encode(),
    *(json.dumps({"error": error}).encode() for error in ERRORS),
    *(json.dumps({"object": "list", "data": data, "has_more": more}).encode()
      for data in ENTRIES
      for more in (True, False, None, "yes")),
]  # fmt: skip
WRONG_MEMBERS: tuple[Any, ...] = ("x", -1.5, None, [], {}, True, 10**30, -(2**63), "\0", "x" * 10_000, [7], {"a": []})
NONSENSE_HEADERS = {
    "Retry-After": ["99999999999", "-1", "soon", "9" * 400, "Wed, 21 Oct 2099 07:28:00 GMT"],
    "Date": ["", "never", "Mon, 32 Foo 99999 99:99:99 +99999999999", "Fri, 31 Dec 9999 23:59:59 -2359", "0"],
    "Request-Id": ["", "\x1b[2Jx", "x" * 5000, "req 1"],
    "Stripe-Should-Retry": ["maybe", ""],
    "Stripe-Rate-Limited-Reason": ["", "x", "global-\x1b"],
    "Idempotent-Replayed": ["yes", "true"],
    "Content-Type": ["text/html", ""],
    "Content-Encoding": ["gzip", "br"],
    "Location": ["http://127.0.0.1:1/", "//evil.example", ""],
}


class Impostor:
    """Something in Stripe's place, which answers all with one answer."""

    def __init__(self) -> None:
        self.url = ""
        self.requests = 0
        self.say(200, b"{}")

    def say(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.status, self.body, self.headers = status, body, headers or {}

    def gateway(self) -> Gateway:
        return ImpatientGateway("sk_test_HUSH", base=self.url, limiter=Limiter(100_000, 100_000))

    def outcomes(self, calls: Collection[str] = tuple(CALLS)) -> dict[str, Any]:
        """What each of these calls of the gateway comes to."""
        gate = self.gateway()
        return {name: CALLS[name](gate) for name in calls}


@pytest.fixture(scope="module")
def impostor() -> Iterator[Impostor]:
    made = Impostor()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            made.requests += 1
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response_only(made.status)
            for name, value in made.headers.items():
                self.send_header(name, value)
            body = b"" if made.status in (204, 304) else made.body
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - names that the library looks for

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield made
    server.shutdown()
    server.server_close()


def require_sane(outcomes: dict[str, Any], *, all_failed: bool) -> None:
    for name, outcome in outcomes.items():
        assert isinstance(outcome, Answer | Failure), name
        if isinstance(outcome, Failure):
            told = f"{outcome.code} {outcome.message} {outcome.remedy} {outcome.request_id}"
            assert outcome.kind in ("same_key", "look_first", "org", "everyone"), name
            assert told.isprintable(), name
            assert len(told) < 1500, name
            assert "HUSH" not in told, name
            assert (outcome.retry_after or 0) <= 300, name
        else:
            assert not all_failed, name
            assert outcome.request_id is None or outcome.request_id.isprintable(), name


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("body", [HTML, b"", b'{"error": "bad gateway"}', b'{"error": null}', b"[]"], ids=repr)
def test_a_proxys_answer_of_any_status_is_a_failure(impostor: Impostor, status: int, body: bytes) -> None:
    impostor.say(status, body, {"Location": "http://127.0.0.1:1/"})
    require_sane(impostor.outcomes(), all_failed=True)


@pytest.mark.parametrize("number", range(len(BODIES)))
def test_a_body_that_is_no_object_of_stripes_is_a_failure(impostor: Impostor, number: int) -> None:
    for status in (200, 400, 502):
        impostor.say(status, BODIES[number])
        outcomes = impostor.outcomes()
        # What cannot be read of a page of payments is named there, one by one: the rest of it counts.
        told = {n: o for n, o in outcomes.items() if not (isinstance(o, Answer) and isinstance(o.value, SeenPage))}
        require_sane(outcomes, all_failed=False)
        require_sane(told, all_failed=True)


def shapes_of(invoice: dict[str, Any]) -> Iterator[bytes]:
    """The invoice as it is, as one of a page, and as an event's."""
    for shown in (invoice, *({"object": "list", "data": [each]} for each in (invoice, EVENT | {"data": invoice}))):
        yield json.dumps(shown | {"has_more": False}).encode()


@pytest.fixture(scope="module")
def readers(impostor: Impostor) -> list[set[str]]:
    """Of each shape the calls that find something in it where nothing is wrong with it, or in none of them."""
    found = []
    for body in shapes_of(STRIPE_INVOICE):
        impostor.say(200, body)
        found.append({name for name, outcome in impostor.outcomes().items() if isinstance(outcome, Answer)})
    strangers = CALLS.keys() - set().union(*found)
    return [calls | strangers for calls in found]


@pytest.mark.parametrize("member", STRIPE_INVOICE)
def test_a_member_of_another_type_is_a_failure_or_of_no_interest_and_never_a_value(
    impostor: Impostor, readers: list[set[str]], member: str
) -> None:
    for wrong in some(WRONG_MEMBERS):
        for body, calls in zip(shapes_of(STRIPE_INVOICE | {member: wrong}), readers, strict=True):
            impostor.say(200, body)
            require_sane(impostor.outcomes(calls), all_failed=False)


@pytest.mark.parametrize("name", NONSENSE_HEADERS)
def test_headers_of_nonsense_change_nothing(impostor: Impostor, name: str) -> None:
    for value in NONSENSE_HEADERS[name]:
        for status, body in ((200, STRIPE_INVOICE), (429, {"error": {"message": "slow", "code": "rate_limit"}})):
            impostor.say(status, json.dumps(body).encode(), {"Request-Id": "req_1", name: value})
            require_sane(impostor.outcomes(), all_failed=status == 429)
    gate = impostor.gateway()
    gate.retrieve_invoice("in_1")
    heard = gate.clock.reading()
    assert heard is None or heard.stripe_at.year < 2100


def test_a_list_without_end_is_a_failure_after_its_second_look(impostor: Impostor) -> None:
    body = {"object": "list", "data": [STRIPE_INVOICE], "has_more": True}
    impostor.say(200, json.dumps(body).encode())
    before = impostor.requests
    found = impostor.gateway().find_invoices("cus_1", SINCE)
    assert isinstance(found, Failure)
    assert impostor.requests == before + 2


def test_a_good_answer_is_read(impostor: Impostor) -> None:
    impostor.say(200, json.dumps(STRIPE_INVOICE).encode())
    answer = impostor.gateway().create_invoice(INVOICE, "k")
    assert isinstance(answer, Answer)
    assert (answer.value.subtotal_minor, answer.value.flybill_invoice_id) == (500, "inv_1")


MEMBERS = sorted(STRIPE_INVOICE)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*STRIPE_INVOICE, "error", "data"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=examples(25), deadline=None)
@given(JSON, st.sampled_from(STATUSES), st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=4))
def test_no_json_makes_the_gateway_raise(impostor: Impostor, body: Any, status: int, changed: dict[str, Any]) -> None:
    for answer in (body, STRIPE_INVOICE | changed, {"error": body}, {"data": [body], "has_more": False}):
        impostor.say(status, json.dumps(answer).encode())
        require_sane(impostor.outcomes(), all_failed=False)
