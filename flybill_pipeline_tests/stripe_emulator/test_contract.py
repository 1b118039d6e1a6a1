"""What we take Stripe to do, tried at the emulator and, with a key for it, at Stripe's real test mode.

`STRIPE_TEST_MODE_KEY=sk_test_… pytest flybill_pipeline_tests/stripe_emulator/test_contract.py`; without it the second
half is skipped. Each test makes customers of its own and removes what can be removed. `behaviours` names these tests.
"""

import os
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
import stripe

from flybill_pipeline_tests.stripe_emulator.helpers import Json, Shop, code_of, header, plain

KEY = "STRIPE_TEST_MODE_KEY"
EVENTS_WITHIN = 20.0
"""Seconds; Stripe records events a little after the answer."""


class Account(Shop):
    """A shop that knows the customers that it made, and leaves nothing open behind."""

    def __init__(self, url: str | None, key: str) -> None:
        super().__init__(url, key)
        self._made: list[str] = []

    def customer(self, **params: object) -> str:
        self._made.append(super().customer(name="flybill contract test", **params))
        return self._made[-1]

    def tidy(self) -> None:
        """Deletes drafts, voids what is open, deletes the customers."""
        for customer in self._made:
            for invoice in self.get("invoices", customer=customer, limit=100)["data"]:
                if invoice["status"] == "draft":
                    self.delete(f"invoices/{invoice['id']}")
                if invoice["status"] == "open":
                    self.post(f"invoices/{invoice['id']}/void")
            if not self.get(f"customers/{customer}").get("deleted"):
                self.delete(f"customers/{customer}")


@pytest.fixture(params=["emulator", "stripe"])
def account(request: pytest.FixtureRequest) -> Iterator[Account]:
    if request.param == "emulator":
        opened = Account(request.getfixturevalue("emulator").url, "sk_test_1")
    else:
        opened = Account(None, usable_key(os.environ.get(KEY)))
    yield opened
    opened.tidy()


def usable_key(key: str | None) -> str:
    """The key for Stripe's test mode. Skips without one; fails for one that moves money."""
    if not key:
        pytest.skip(f"{KEY} is not set")
    if not key.startswith(("sk_test_", "rk_test_")):
        pytest.fail(f"{KEY} is no key of the test mode; nothing was sent", pytrace=False)
    return key


def key() -> str:
    return f"contract:{uuid4().hex}"


def lines(*amounts: int) -> list[Json]:
    return [{"amount": amount, "description": f"line {number}"} for number, amount in enumerate(amounts)]


@pytest.mark.parametrize("wrong", ["sk_live_1", "rk_live_1", "pk_test_1"])
def test_a_key_that_moves_money_is_refused(wrong: str) -> None:
    with pytest.raises(pytest.fail.Exception) as caught:
        usable_key(wrong)
    assert wrong not in str(caught.value)


def test_three_calls_make_an_invoice(account: Account) -> None:
    draft = account.post(
        "invoices",
        customer=account.customer(),
        currency="usd",
        auto_advance=False,
        pending_invoice_items_behavior="exclude",
        discounts="",
        metadata={"contract": "three"},
    )
    assert (draft["status"], draft["subtotal"], draft["livemode"]) == ("draft", 0, False)
    lined = account.post(f"invoices/{draft['id']}/add_lines", lines=lines(700, 300, -100))
    assert (lined["status"], lined["subtotal"], lined["total_excluding_tax"]) == ("draft", 900, 900)
    final = account.post(f"invoices/{draft['id']}/finalize", auto_advance=False)
    assert (final["status"], final["subtotal"], final["amount_due"]) == ("open", 900, 900)
    assert final["number"]
    assert final["hosted_invoice_url"]
    assert account.get(f"invoices/{draft['id']}")["metadata"] == {"contract": "three"}


def test_a_customers_invoices_are_listed_at_once_with_their_metadata(account: Account) -> None:
    customer = account.customer()
    made = [account.draft(100, customer=customer, metadata={"contract": str(number)}) for number in range(3)]
    since = account.get(f"invoices/{made[0]}")["created"] - 3600
    listed = account.get("invoices", customer=customer, created={"gte": since}, limit=100)
    assert [invoice["id"] for invoice in listed["data"]] == made[::-1]
    assert [invoice["metadata"]["contract"] for invoice in listed["data"]] == ["2", "1", "0"]
    assert listed["has_more"] is False


def test_ten_lines_are_embedded_and_all_can_be_listed_in_order(account: Account) -> None:
    invoice = account.add(account.draft(), *range(1, 13))
    assert (len(invoice["lines"]["data"]), invoice["lines"]["has_more"]) == (10, True)
    assert invoice["lines"]["total_count"] == 12
    listed = account.get(f"invoices/{invoice['id']}/lines", limit=100)["data"]
    assert [line["amount"] for line in listed] == list(range(1, 13))


def test_an_answer_is_replayed_under_its_key_whatever_the_order_of_parameters(account: Account) -> None:
    customer, same = account.customer(), key()
    first = account.call("post", "invoices", idempotency_key=same, customer=customer, description="x")
    second = account.call("post", "invoices", idempotency_key=same, description="x", customer=customer)
    assert plain(first)["id"] == plain(second)["id"]
    assert second.headers["idempotent-replayed"] == "true"


def test_a_key_with_another_request_is_refused(account: Account) -> None:
    customer, same = account.customer(), key()
    draft = account.post("invoices", idempotency_key=same, customer=customer)["id"]
    for path, params in (("invoices", {"customer": customer, "description": "other"}), (f"invoices/{draft}", {})):
        error = account.refused("post", path, idempotency_key=same, **params)
        assert isinstance(error, stripe.IdempotencyError)
        assert error.http_status == 400


def test_refusals_of_an_endpoint_are_replayed(account: Account) -> None:
    final = account.finalized(500, customer=account.customer())["id"]
    for path, params in ((f"invoices/{final}/finalize", {}), ("invoices", {"customer": "cus_contract_missing"})):
        same = key()
        account.refused("post", path, idempotency_key=same, **params)
        again = account.refused("post", path, idempotency_key=same, **params)
        assert header(again, "idempotent-replayed") == "true"


def test_refused_parameters_are_not_saved(account: Account) -> None:
    customer, same = account.customer(), key()
    error = account.refused("post", "invoices", idempotency_key=same, customer=customer, nonsense="1")
    assert (error.http_status, code_of(error)) == (400, "parameter_unknown")
    assert header(error, "idempotent-replayed") is None
    again = account.refused("post", "invoices", idempotency_key=same, customer=customer, nonsense="1")
    assert header(again, "idempotent-replayed") is None


def test_a_deleted_draft_stays_the_answer_of_its_creation(account: Account) -> None:
    customer, same = account.customer(), key()
    draft = account.post("invoices", idempotency_key=same, customer=customer)["id"]
    assert account.delete(f"invoices/{draft}") == {"id": draft, "object": "invoice", "deleted": True}
    assert account.post("invoices", idempotency_key=same, customer=customer)["id"] == draft
    assert account.refused("get", f"invoices/{draft}").http_status == 404


def test_only_drafts_can_be_deleted_and_only_drafts_finalized(account: Account) -> None:
    final = account.finalized(500, customer=account.customer())["id"]
    assert code_of(account.refused("post", f"invoices/{final}/finalize")) is None
    assert code_of(account.refused("post", f"invoices/{final}/add_lines", lines=lines(1))) == "invoice_not_editable"
    assert code_of(account.refused("delete", f"invoices/{final}")) is None


def test_who_is_sent_an_invoice_needs_an_address(account: Account) -> None:
    terms = {"collection_method": "send_invoice", "days_until_due": 30}
    error = account.refused("post", "invoices", customer=account.customer(), **terms)
    assert (error.http_status, code_of(error)) == (400, None)
    assert "Missing email" in str(error.user_message)


def test_voiding_gives_the_balance_back(account: Account) -> None:
    customer = account.customer(balance=-300)
    final = account.finalized(1000, customer=customer)
    assert (final["amount_due"], final["starting_balance"], final["ending_balance"]) == (700, -300, 0)
    assert account.post(f"invoices/{final['id']}/void")["status"] == "void"
    assert account.get(f"customers/{customer}")["balance"] == -300


def test_a_customer_is_billed_in_several_currencies_with_a_balance_in_each(account: Account) -> None:
    customer = account.customer()
    account.finalized(500, customer=customer, currency="usd")
    assert account.finalized(20, customer=customer, currency="eur")["status"] == "paid"  # too small: owed next time
    known = account.get(f"customers/{customer}")
    assert (known["currency"], known["balance"]) == ("usd", 0)
    assert account.finalized(500, customer=customer, currency="usd")["amount_due"] == 500
    assert account.finalized(500, customer=customer, currency="eur")["amount_due"] == 520


def test_a_line_with_an_amount_has_a_price_and_a_product_of_its_own(account: Account) -> None:
    lined = account.add(account.draft(customer=account.customer()), 700, 300)
    prices = [line["pricing"]["price_details"] for line in lined["lines"]["data"]]
    assert len({price["price"] for price in prices}) == 2
    assert all(price["product"] for price in prices)


def test_a_deleted_customer_can_be_read_and_not_billed(account: Account) -> None:
    customer = account.customer()
    draft = account.draft(500, customer=customer)
    account.delete(f"customers/{customer}")
    assert account.get(f"customers/{customer}") == {"id": customer, "object": "customer", "deleted": True}
    error = account.refused("post", "invoices", customer=customer)
    assert (error.http_status, code_of(error)) == (400, "resource_missing")
    assert account.refused("post", f"invoices/{draft}/finalize").http_status in (400, 404)


def test_events_tell_what_happened(account: Account) -> None:
    final = account.finalized(500, customer=account.customer())
    wanted = {"invoice.created", "invoice.updated", "invoice.finalized"}
    until = time.monotonic() + EVENTS_WITHIN
    found: set[str] = set()
    while not wanted <= found and time.monotonic() < until:
        listed = account.get("events", created={"gte": final["created"]}, limit=100)["data"]
        found = {event["type"] for event in listed if event["data"]["object"].get("id") == final["id"]}
    assert wanted <= found


def test_a_credit_note_reduces_what_an_open_invoice_asks_for(account: Account) -> None:
    final = account.finalized(1000, customer=account.customer())
    note = account.post("credit_notes", invoice=final["id"], amount=400)
    assert (note["status"], note["type"], note["pre_payment_amount"]) == ("issued", "pre_payment", 400)
    assert account.get(f"invoices/{final['id']}")["amount_remaining"] == 600


def taxed(account: Account, *amounts: int) -> Json:
    """A finalized invoice with automatic tax. Skips an account without Stripe Tax, or without a registration there."""
    if account.get("tax/settings")["defaults"]["tax_behavior"] is None:
        pytest.skip("the account has no default tax behavior")
    customer = account.customer(address={"country": "DE", "postal_code": "10115", "city": "Berlin", "line1": "x"})
    final = account.finalized(*amounts, customer=customer, currency="eur", automatic_tax={"enabled": True})
    if not sum(tax["amount"] for tax in final["total_taxes"]):
        pytest.skip("the account collects no tax in Germany")
    return final


def test_a_credit_note_of_a_taxed_line_adds_up(account: Account) -> None:
    final = taxed(account, 10_000)
    line = {"type": "invoice_line_item", "invoice_line_item": final["lines"]["data"][0]["id"], "amount": 1000}
    preview = account.get("credit_notes/preview", invoice=final["id"], lines=[line])
    note = account.post("credit_notes", invoice=final["id"], lines=[line])
    tax = sum(each["amount"] for each in note["total_taxes"])
    assert tax > 0
    assert (note["total_excluding_tax"], note["amount"]) == (1000, 1000 + tax)
    assert preview["amount"] == note["amount"]
    assert account.get(f"invoices/{final['id']}")["amount_remaining"] == final["total"] - note["amount"]


def test_negative_amounts_are_not_taxed(account: Account) -> None:
    customer = account.customer(address={"country": "DE"})
    draft = account.draft(customer=customer, currency="eur", automatic_tax={"enabled": True})
    assert account.refused("post", f"invoices/{draft}/add_lines", lines=lines(500, -100)).http_status == 400


def test_a_line_gives_back_no_more_than_it_amounts_to(account: Account) -> None:
    final = account.finalized(700, 300, customer=account.customer())
    small = next(line["id"] for line in final["lines"]["data"] if line["amount"] == 300)
    line = {"type": "invoice_line_item", "invoice_line_item": small, "amount": 301}
    assert account.refused("post", "credit_notes", invoice=final["id"], lines=[line]).http_status == 400
    account.post(f"invoices/{final['id']}/void")
    assert account.refused("post", "credit_notes", invoice=final["id"], amount=100).http_status == 400


def test_what_is_paid_outside_stripe_is_no_payment_of_its_own(account: Account) -> None:
    final = account.finalized(1000, customer=account.customer())
    paid = account.post(f"invoices/{final['id']}/pay", paid_out_of_band=True)
    assert (paid["status"], paid["amount_remaining"]) == ("paid", 0)
    assert account.get("invoice_payments", invoice=final["id"], limit=100)["data"] == []


def test_what_is_too_small_is_paid_and_owed_next_time(account: Account) -> None:
    customer = account.customer()
    final = account.finalized(20, customer=customer)
    assert (final["status"], final["amount_due"]) == ("paid", 0)
    assert account.get(f"customers/{customer}")["balance"] == 20


def test_an_empty_invoice_is_finalized_as_paid(account: Account) -> None:
    assert account.finalized(customer=account.customer())["status"] == "paid"


def test_lines_are_added_all_or_none_more_than_100_at_once(account: Account) -> None:
    draft = account.draft(customer=account.customer())
    bad = [*lines(1, 2), {"amount": 3, "period": {"start": 20, "end": 10}}]
    assert account.refused("post", f"invoices/{draft}/add_lines", lines=bad).http_status == 400
    assert account.get(f"invoices/{draft}")["subtotal"] == 0
    assert account.add(draft, *[1] * 150)["subtotal"] == 150
    account.add(draft, *[1] * 100)
    assert account.refused("post", f"invoices/{draft}/add_lines", lines=lines(1)).http_status == 400


@pytest.mark.parametrize("text", ["1E-7", "0.1234567890123"])
def test_decimals_have_no_exponent_and_at_most_twelve_places(text: str, account: Account) -> None:
    price = {"currency": "usd", "product_data": {"name": "contract"}, "unit_amount_decimal": text}
    draft = account.draft(customer=account.customer())
    error = account.refused("post", f"invoices/{draft}/add_lines", lines=[{"price_data": price}])
    assert error.http_status == 400


def test_half_a_unit_is_rounded_up_and_no_price_is_negative(account: Account) -> None:
    price = {"currency": "usd", "product_data": {"name": "contract"}, "unit_amount_decimal": "0.5"}
    draft = account.draft(customer=account.customer(), currency="usd")
    lined = account.post(f"invoices/{draft}/add_lines", lines=[{"price_data": price, "quantity": 3}])
    assert lined["subtotal"] == 2
    negative = [{"price_data": {**price, "unit_amount_decimal": "-0.5"}}]
    assert account.refused("post", f"invoices/{draft}/add_lines", lines=negative).http_status == 400


@pytest.mark.parametrize(
    ("name", "value"), [("description", "x" * 1501), ("email", "x" * 510 + "@x.test"), ("phone", "1" * 21)]
)
def test_long_values_are_refused(name: str, value: str, account: Account) -> None:
    path, params = ("invoices", {"customer": account.customer()}) if name == "description" else ("customers", {})
    assert account.refused("post", path, **params, **{name: value}).http_status == 400


def test_a_name_may_have_256_characters(account: Account) -> None:
    customer = account.customer()
    account.post(f"customers/{customer}", name="x" * 256)
    assert account.refused("post", f"customers/{customer}", name="x" * 257).http_status == 400


def test_two_invoices_may_have_the_same_number(account: Account) -> None:
    customer, number = account.customer(), f"C-{uuid4().hex[:12]}"
    for _ in range(2):
        assert account.finalized(500, customer=customer, number=number)["number"] == number


def test_after_finalization_metadata_can_change_and_the_description_cannot(account: Account) -> None:
    final = account.finalized(500, customer=account.customer())["id"]
    assert account.post(f"invoices/{final}", metadata={"a": "b"})["metadata"] == {"a": "b"}
    assert account.refused("post", f"invoices/{final}", description="other").http_status == 400


def test_sending_and_paying_finalize_a_draft_first(account: Account) -> None:
    customer = account.customer(email="contract@example.com")
    sent = account.draft(500, customer=customer, collection_method="send_invoice", days_until_due=30)
    assert account.post(f"invoices/{sent}/send")["status"] == "open"
    paid = account.draft(500, customer=customer)
    assert account.post(f"invoices/{paid}/pay", paid_out_of_band=True)["status"] == "paid"


def test_states_go_one_way(account: Account) -> None:
    final = account.finalized(500, customer=account.customer())["id"]
    assert account.post(f"invoices/{final}/mark_uncollectible")["status"] == "uncollectible"
    assert account.post(f"invoices/{final}/void")["status"] == "void"
    assert account.refused("post", f"invoices/{final}/pay", paid_out_of_band=True).http_status == 400


def test_a_wrong_key_and_a_wrong_address_have_their_statuses(account: Account) -> None:
    assert account.refused("post", "nonsense").http_status == 404
    stranger = Shop(account.url, "nonsense")
    assert stranger.refused("get", "customers").http_status == 401
