"""The life of an invoice: states, amounts, balance, discounts, and what time does to it."""

import pytest

from flybill_pipeline_tests.stripe_emulator.helpers import DAY, HOUR, Shop, code_of, param_of
from flybill_pipeline_tests.worlds.emulator import ControlError, EmulatorProcess

STATES = ("draft", "open", "paid", "void", "uncollectible")
ALLOWED = {
    "finalize": {"draft"},
    "add_lines": {"draft"},
    "void": {"open", "uncollectible"},
    "mark_uncollectible": {"open"},
    "pay": {"draft", "open", "uncollectible"},
    "delete": {"draft"},
}
CODES = {"add_lines": "invoice_not_editable"}
NOT_OPEN = "You can only pass in open invoices. This invoice isn't open."
REFINALIZED = "This invoice is already finalized, you can't re-finalize a non-draft invoice."
SAID = {
    **{("finalize", state): REFINALIZED for state in STATES},
    **{("delete", state): "You can only delete draft invoices." for state in STATES},
    ("pay", "paid"): "Invoice is already paid",
    ("void", "paid"): "Invoices with `paid` payments cannot be voided.",
    ("mark_uncollectible", "uncollectible"): "This invoice has already been marked uncollectible.",
    **dict.fromkeys((("pay", "void"), ("void", "draft"), ("void", "void")), NOT_OPEN),
    **{("mark_uncollectible", state): NOT_OPEN for state in ("draft", "paid", "void")},
}
"""Refusals without a code, which are known by their words only."""


def in_state(shop: Shop, state: str) -> str:
    invoice = shop.draft(1000, customer=shop.payer())
    for action in {"draft": [], "open": ["finalize"], "paid": ["pay"], "void": ["finalize", "void"]}.get(
        state, ["finalize", "mark_uncollectible"]
    ):
        shop.post(f"invoices/{invoice}/{action}")
    assert shop.get(f"invoices/{invoice}")["status"] == state
    return invoice


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", ALLOWED)
def test_transitions(action: str, state: str, shop: Shop) -> None:
    invoice = in_state(shop, state)
    method, path = ("delete", f"invoices/{invoice}") if action == "delete" else ("post", f"invoices/{invoice}/{action}")
    params = {"lines": [{"amount": 5}]} if action == "add_lines" else {}
    if state in ALLOWED[action]:
        assert shop.call(method, path, **params).code == 200
    else:
        error = shop.refused(method, path, **params)
        assert (error.http_status, code_of(error)) == (400, CODES.get(action))
        assert error.user_message == SAID.get((action, state), error.user_message)


@pytest.mark.parametrize("action", [*ALLOWED, "send", "retrieve"])
def test_a_missing_invoice_is_named_by_the_parameter_of_each_endpoint(action: str, shop: Shop) -> None:
    method, path = {"delete": ("delete", ""), "retrieve": ("get", "")}.get(action, ("post", f"/{action}"))
    error = shop.refused(method, f"invoices/in_none{path}", **({"lines": [{"amount": 1}]} if "add" in action else {}))
    named = "id" if action in ("finalize", "pay", "void", "mark_uncollectible") else "invoice"
    assert (error.http_status, code_of(error), param_of(error)) == (404, "resource_missing", named)


def test_update_of_a_draft_and_of_a_final_invoice(shop: Shop) -> None:
    invoice = shop.draft(100, metadata={"a": "1"}, footer="x")
    changed = shop.post(f"invoices/{invoice}", description="new", metadata={"b": "2"}, footer="")
    assert (changed["description"], changed["metadata"], changed["footer"]) == ("new", {"a": "1", "b": "2"}, None)
    shop.post(f"invoices/{invoice}/finalize")
    assert shop.post(f"invoices/{invoice}", metadata={"c": "3"})["metadata"]["c"] == "3"
    error = shop.refused("post", f"invoices/{invoice}", description="too late")
    assert (code_of(error), "Finalized invoices can't be updated" in str(error)) == ("invoice_not_editable", True)


def test_numbers_count_up_per_customer_unless_given(shop: Shop) -> None:
    customer = shop.customer()
    own = shop.finalized(100, customer=customer, number="FB-2026-10-acme")["number"]
    first, second = (shop.finalized(100, customer=customer)["number"] for _ in range(2))
    assert own == "FB-2026-10-acme"
    assert (first[-4:], second[-4:], first[:-4]) == ("0001", "0002", second[:-4])


def test_a_number_is_given_once_where_that_is_asked_for(shop: Shop, emulator: EmulatorProcess) -> None:
    customer, number = shop.customer(), "FB-2026-10-000001"
    assert shop.finalized(100, customer=customer, number="N")["number"] == "N"
    assert shop.finalized(100, customer=customer, number="N")["number"] == "N"
    emulator.control("POST", "numbers", {"unique": True})
    draft = shop.draft(100, customer=customer, number=number)
    error = shop.refused("post", "invoices", customer=customer, number=number)
    assert (error.http_status, code_of(error), param_of(error)) == (400, None, "number")
    other = shop.draft(100, customer=customer)
    assert param_of(shop.refused("post", f"invoices/{other}", number=number)) == "number"
    assert shop.post(f"invoices/{draft}", number=number)["number"] == number
    shop.delete(f"invoices/{draft}")
    assert shop.finalized(100, customer=customer, number=number)["number"] == number
    assert shop.refused("post", "invoices", customer=customer, number=number).http_status == 400
    with pytest.raises(ControlError, match="unique"):
        emulator.control("POST", "numbers", {"unique": 1})


def test_a_discount_is_inherited_unless_excluded(shop: Shop, emulator: EmulatorProcess) -> None:
    customer = shop.customer()
    emulator.control("POST", f"customers/{customer}/coupon", {"id": "GOODWILL", "percent_off": 25})
    inherited = shop.finalized(1001, customer=customer)
    assert (inherited["subtotal"], inherited["total"], inherited["total_excluding_tax"]) == (1001, 751, 751)
    assert inherited["total_discount_amounts"][0]["amount"] == 250
    assert shop.finalized(1001, customer=customer, discounts="")["total"] == 1001
    changed = shop.draft(1000, customer=customer)
    assert shop.post(f"invoices/{changed}", discounts="")["total"] == 1000
    assert shop.post(f"invoices/{changed}", discounts=[{"coupon": "GOODWILL"}])["total"] == 750
    named = shop.finalized(1000, customer=shop.customer(), discounts=[{"coupon": "GOODWILL"}])
    assert named["total"] == 750
    assert (
        code_of(shop.refused("post", "invoices", customer=customer, discounts=[{"coupon": "NO"}])) == "resource_missing"
    )


@pytest.mark.parametrize(
    ("balance", "amount", "due", "ending", "status"),
    [
        (0, 1000, 1000, 0, "open"),
        (-300, 1000, 700, 0, "open"),
        (-1500, 1000, 0, -500, "paid"),
        (250, 1000, 1250, 0, "open"),
        (0, 0, 0, 0, "paid"),
        (0, -400, 0, -400, "paid"),
        (0, 49, 0, 49, "paid"),
        (0, 50, 50, 0, "open"),
        (20, 30, 50, 0, "open"),
        (-980, 1000, 0, 20, "paid"),
    ],
)
def test_balance_and_minimum(*, balance: int, amount: int, due: int, ending: int, status: str, shop: Shop) -> None:
    customer = shop.customer(balance=balance)
    final = shop.finalized(amount, customer=customer)
    assert (final["starting_balance"], final["ending_balance"]) == (balance, ending)
    assert (final["amount_due"], final["amount_remaining"], final["status"]) == (due, due, status)
    assert (final["subtotal"], final["total"]) == (amount, amount)
    if status == "paid":
        assert (final["attempted"], final["attempt_count"]) == (True, 0)
        assert shop.event_types()[-2:] == ["invoice.finalized", "invoice.paid"]
    assert shop.get(f"customers/{customer}")["balance"] == ending


def test_minimum_depends_on_the_currency(shop: Shop) -> None:
    assert shop.finalized(49, currency="jpy")["status"] == "paid"
    assert shop.finalized(30, currency="gbp")["status"] == "open"


def test_a_small_amount_is_asked_for_with_the_next_invoice(shop: Shop) -> None:
    customer = shop.customer()
    shop.finalized(20, customer=customer)
    assert shop.finalized(1000, customer=customer)["amount_due"] == 1020


def test_voiding_gives_the_balance_back(shop: Shop) -> None:
    customer = shop.customer(balance=-300)
    invoice = shop.finalized(1000, customer=customer)
    assert shop.get(f"customers/{customer}")["balance"] == 0
    shop.post(f"invoices/{invoice['id']}/void")
    assert shop.get(f"customers/{customer}")["balance"] == -300


def test_who_is_sent_an_invoice_needs_an_address(shop: Shop) -> None:
    terms = {"collection_method": "send_invoice", "days_until_due": 14}
    error = shop.refused("post", "invoices", customer=shop.customer(), **terms)
    assert (error.http_status, code_of(error), param_of(error)) == (400, None, None)
    assert str(error.user_message).startswith(
        "Missing email. In order to create invoices that are sent to the customer"
    )
    assert shop.post("invoices", customer=shop.customer(email="a@b.test"), **terms)["customer_email"] == "a@b.test"


def test_terms_of_send_invoice(shop: Shop) -> None:
    customer = shop.customer(email="a@b.test")
    assert (
        code_of(shop.refused("post", "invoices", customer=customer, collection_method="send_invoice"))
        == "parameter_missing"
    )
    assert shop.refused("post", "invoices", customer=customer, days_until_due=5).http_status == 400
    past = {"collection_method": "send_invoice", "due_date": 5}
    assert "future" in str(shop.refused("post", "invoices", customer=customer, **past))
    final = shop.finalized(
        500, customer=customer, collection_method="send_invoice", days_until_due=14, auto_advance=True
    )
    assert final["due_date"] == final["created"] + 14 * DAY
    assert shop.post(f"invoices/{final['id']}/send")["status"] == "open"
    assert shop.event_types()[-2:] == ["invoice.sent", "invoice.sent"]
    assert shop.refused("post", f"invoices/{shop.draft(100)}/send").http_status == 400


def test_automatic_tax_needs_a_location(shop: Shop) -> None:
    nowhere = shop.customer()
    invoice = shop.draft(1000, customer=nowhere, automatic_tax={"enabled": True})
    assert shop.get(f"invoices/{invoice}")["automatic_tax"]["status"] == "requires_location_inputs"
    error = shop.refused("post", f"invoices/{invoice}/finalize")
    assert (error.http_status, code_of(error)) == (400, "customer_tax_location_invalid")
    failed = shop.get(f"invoices/{invoice}")
    assert (failed["status"], failed["last_finalization_error"]["code"]) == ("draft", "customer_tax_location_invalid")
    assert shop.event_types()[-1] == "invoice.finalization_failed"
    shop.post(f"customers/{nowhere}", address={"country": "DE"})
    final = shop.post(f"invoices/{invoice}/finalize")
    assert (final["status"], final["automatic_tax"]["status"]) == ("open", "complete")
    assert (final["last_finalization_error"], final["customer_address"]["country"]) == (None, "DE")


def test_a_declined_card(shop: Shop) -> None:
    final = shop.finalized(1000, customer=shop.payer("pm_card_chargeDeclined"))
    error = shop.refused("post", f"invoices/{final['id']}/pay")
    assert (type(error).__name__, error.http_status, code_of(error)) == ("CardError", 402, "card_declined")
    after = shop.get(f"invoices/{final['id']}")
    assert (after["status"], after["attempt_count"], after["attempted"]) == ("open", 1, True)
    assert shop.event_types()[-1] == "invoice.payment_failed"
    paid = shop.post(f"invoices/{final['id']}/pay", payment_method="pm_card_visa")
    assert (paid["status"], paid["amount_paid"], paid["amount_remaining"]) == ("paid", 1000, 0)
    assert shop.event_types()[-2:] == ["invoice.paid", "invoice.payment_succeeded"]


def test_paid_out_of_band_is_no_payment(shop: Shop) -> None:
    final = shop.finalized(1000)
    assert code_of(shop.refused("post", f"invoices/{final['id']}/pay")) == "resource_missing"
    paid = shop.post(f"invoices/{final['id']}/pay", paid_out_of_band=True)
    assert (paid["status"], paid["attempted"]) == ("paid", False)
    assert shop.event_types()[-1] == "invoice.paid"


def test_collection_happens_an_hour_after_finalization(shop: Shop, emulator: EmulatorProcess) -> None:
    final = shop.finalized(1000, customer=shop.payer(), auto_advance=True)
    finalized_at = final["status_transitions"]["finalized_at"]
    assert (final["status"], final["next_payment_attempt"]) == ("open", finalized_at + HOUR)
    emulator.advance(HOUR - 30)
    assert shop.get(f"invoices/{final['id']}")["status"] == "open"
    emulator.advance(DAY)
    paid = shop.get(f"invoices/{final['id']}")
    assert (paid["status"], paid["status_transitions"]["paid_at"]) == ("paid", finalized_at + HOUR)


def test_failed_collection_is_tried_again_and_given_up(shop: Shop, emulator: EmulatorProcess) -> None:
    final = shop.finalized(1000, customer=shop.payer("pm_card_chargeDeclined"), auto_advance=True)
    emulator.advance(30 * DAY)
    after = shop.get(f"invoices/{final['id']}")
    assert (after["status"], after["attempt_count"], after["next_payment_attempt"]) == ("open", 4, None)
    missing = shop.finalized(1000, auto_advance=True)
    emulator.advance(DAY)
    tried = shop.get(f"invoices/{missing['id']}")
    assert (tried["status"], tried["attempt_count"], shop.event_types()[-1]) == ("open", 1, "invoice.payment_failed")
    emulator.advance(30 * DAY)
    assert shop.get(f"invoices/{missing['id']}")["next_payment_attempt"] is None


def test_what_is_sent_is_not_tried_again(shop: Shop) -> None:
    customer = shop.payer("pm_card_chargeDeclined")
    shop.post(f"customers/{customer}", email="billing@example.com")
    sent = shop.finalized(
        1000, customer=customer, collection_method="send_invoice", days_until_due=14, auto_advance=True
    )
    shop.refused("post", f"invoices/{sent['id']}/pay")
    after = shop.get(f"invoices/{sent['id']}")
    assert (after["attempt_count"], after["next_payment_attempt"]) == (1, None)


def test_without_auto_advance_nothing_happens(shop: Shop, emulator: EmulatorProcess) -> None:
    draft, final = shop.draft(100), shop.finalized(1000, customer=shop.payer())
    emulator.advance(20 * DAY)
    assert shop.get(f"invoices/{draft}")["status"] == "draft"
    assert shop.get(f"invoices/{final['id']}")["status"] == "open"


def test_an_advancing_draft_is_finalized_and_collected(shop: Shop, emulator: EmulatorProcess) -> None:
    invoice = shop.draft(1000, customer=shop.payer(), auto_advance=True)
    made = shop.get(f"invoices/{invoice}")
    window = made["automatically_finalizes_at"] - made["created"], made["next_payment_attempt"] - made["created"]
    assert window == (HOUR + 1, HOUR)
    emulator.advance(HOUR + 1)
    assert shop.get(f"invoices/{invoice}")["status"] == "open"
    emulator.advance(HOUR)
    assert shop.get(f"invoices/{invoice}")["status"] == "paid"


def test_what_is_not_emulated_is_refused_not_ignored(shop: Shop) -> None:
    error = shop.refused("post", "invoices", customer=shop.customer(), shipping_cost={"shipping_rate": "shr_1"})
    assert "does not emulate 'shipping_cost'" in str(error)
