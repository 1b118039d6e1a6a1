"""Tax: where it is known, in each of its behaviours, on invoices and on what is given back of them."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.stripe_emulator.amounts import apportioned, discounted, totals
from flybill_pipeline_tests.stripe_emulator.helpers import Json, Shop, code_of, param_of
from flybill_pipeline_tests.worlds.emulator import ControlError, EmulatorProcess

TAXED: Json = {"automatic_tax": {"enabled": True}}
BERLIN, BOSTON, BERN = {"country": "DE"}, {"country": "US", "state": "NY", "postal_code": "10001"}, {"country": "CH"}
Final = Callable[..., Json]


def behave(emulator: EmulatorProcess, behavior: str | None) -> None:
    emulator.control("POST", "tax", {"behavior": behavior})


def amounts_of(invoice: Json) -> tuple[int, int, int, int]:
    """Subtotal, total without tax, tax, total."""
    tax = sum(each["amount"] for each in invoice["total_taxes"])
    return invoice["subtotal"], invoice["total_excluding_tax"], tax, invoice["total"]


@pytest.mark.parametrize(
    ("behavior", "currency", "address", "expected"),
    [
        ("exclusive", "eur", BERLIN, (1880, 1880, 357, 2237)),
        ("inclusive", "eur", BERLIN, (1880, 1579, 301, 1880)),
        ("inferred_by_currency", "eur", BERLIN, (1880, 1579, 301, 1880)),
        ("inferred_by_currency", "usd", BERLIN, (1880, 1880, 357, 2237)),
        ("inferred_by_currency", "cad", {"country": "CA", "state": "ON"}, (1880, 1880, 94, 1974)),
        ("exclusive", "usd", BOSTON, (1880, 1880, 167, 2047)),
        ("exclusive", "chf", BERN, (1880, 1880, 152, 2032)),
        ("inclusive", "usd", {"country": "BR"}, (1880, 1880, 0, 1880)),
    ],
)
def test_tax_is_on_top_or_included(
    behavior: str, currency: str, address: Json, expected: tuple[int, ...], shop: Shop, emulator: EmulatorProcess
) -> None:
    behave(emulator, behavior)
    final = shop.finalized(1000, 880, customer=shop.customer(address=address), currency=currency, **TAXED)
    assert amounts_of(final) == expected
    assert (final["amount_due"], final["automatic_tax"]["status"]) == (expected[3], "complete")
    (tax,) = final["total_taxes"]
    resolved = "inclusive" if expected[1] < expected[0] or address["country"] == "BR" else "exclusive"
    reason = "standard_rated" if expected[2] else "not_collecting"
    assert (tax["tax_behavior"], tax["taxability_reason"], tax["taxable_amount"]) == (resolved, reason, expected[1])
    assert [line["amount"] for line in final["lines"]["data"]] == [1000, 880]
    assert sum(tax["amount"] for line in final["lines"]["data"] for tax in line["taxes"]) == expected[2]
    assert final["subtotal_excluding_tax"] == expected[1]


def test_a_price_says_itself_whether_it_includes_tax(shop: Shop, emulator: EmulatorProcess) -> None:
    behave(emulator, "inclusive")
    prices = [
        {"currency": "eur", "product_data": {"name": "x"}, "unit_amount": 1000, **own}
        for own in ({"tax_behavior": "exclusive"}, {"tax_behavior": "inclusive"}, {"tax_behavior": "unspecified"}, {})
    ]
    draft = shop.draft(customer=shop.customer(address=BERLIN), currency="eur", **TAXED)
    lined = shop.post(f"invoices/{draft}/add_lines", lines=[{"price_data": price} for price in prices])
    assert [line["taxes"][0]["tax_behavior"] for line in lined["lines"]["data"]] == ["exclusive"] + ["inclusive"] * 3
    assert amounts_of(lined) == (4000, 1000 + 3 * 840, 190 + 3 * 160, 4190)


def test_where_the_customer_is_when_the_invoice_is_final_decides(shop: Shop) -> None:
    customer = shop.customer(address=BERLIN)
    draft = shop.draft(1000, customer=customer, currency="eur", **TAXED)
    assert amounts_of(shop.get(f"invoices/{draft}"))[2] == 190
    shop.post(f"customers/{customer}", shipping={"name": "x", "address": {"country": "FR"}})
    final = shop.post(f"invoices/{draft}/finalize")
    assert amounts_of(final) == (1000, 1000, 200, 1200)
    shop.post(f"customers/{customer}", address={"country": "JP"})
    assert amounts_of(shop.get(f"invoices/{draft}")) == (1000, 1000, 200, 1200)


@pytest.mark.parametrize(
    "address",
    [
        None,
        {"city": "Berlin"},
        {"country": "US"},
        {"country": "US", "state": "NY", "postal_code": "1000"},
        {"country": "CA", "city": "x"},
    ],
)
def test_a_place_that_is_not_known_refuses_the_finalization(address: Json | None, shop: Shop) -> None:
    customer = shop.customer(**({"address": address} if address else {}))
    draft = shop.draft(1000, customer=customer, **TAXED)
    assert shop.get(f"invoices/{draft}")["automatic_tax"]["status"] == "requires_location_inputs"
    assert code_of(shop.refused("post", f"invoices/{draft}/finalize")) == "customer_tax_location_invalid"


@pytest.mark.parametrize(("exempt", "reason"), [("exempt", "customer_exempt"), ("reverse", "reverse_charge")])
def test_who_is_exempt_is_not_taxed(exempt: str, reason: str, shop: Shop) -> None:
    final = shop.finalized(1000, customer=shop.customer(address=BERLIN, tax_exempt=exempt), **TAXED)
    assert (final["total"], final["total_taxes"][0]["taxability_reason"]) == (1000, reason)


def test_discounts_come_before_tax(shop: Shop, emulator: EmulatorProcess) -> None:
    customer = shop.customer(address=BERLIN)
    emulator.control("POST", f"customers/{customer}/coupon", {"id": "c10", "percent_off": 10})
    final = shop.finalized(1000, 500, customer=customer, currency="eur", **TAXED)
    assert amounts_of(final) == (1500, 1350, 171 + 86, 1607)  # 19 % of 900 and of 450, each rounded


def test_what_cannot_be_taxed_is_refused(shop: Shop, emulator: EmulatorProcess) -> None:
    customer = shop.customer(address=BERLIN)
    draft = shop.draft(100, customer=customer, **TAXED)
    refused = shop.refused("post", f"invoices/{draft}/add_lines", lines=[{"amount": 5}, {"amount": -1}])
    assert "Negative amounts cannot be added" in str(refused)
    tax = {
        "amount": 1,
        "taxable_amount": 5,
        "tax_rate_data": {"display_name": "x", "inclusive": False, "percentage": 1},
    }
    by_hand = [{"amount": 5, "tax_amounts": [tax]}]
    error = shop.refused("post", f"invoices/{draft}/add_lines", lines=by_hand)
    assert param_of(error) == "lines[0][tax_amounts]"
    assert shop.get(f"invoices/{draft}")["subtotal"] == 100
    credited = shop.draft(100, -30, customer=customer)
    assert shop.refused("post", f"invoices/{credited}", **TAXED).http_status == 400
    emulator.control("POST", "tax", {"negative_lines": True})
    assert amounts_of(shop.post(f"invoices/{credited}", **TAXED)) == (70, 70, 13, 83)
    assert amounts_of(shop.post(f"invoices/{credited}", automatic_tax={"enabled": False})) == (70, 70, 0, 70)
    behave(emulator, None)
    assert "unspecified" in str(shop.refused("post", f"invoices/{draft}/add_lines", lines=[{"amount": 5}]))
    emulator.control("POST", "tax", {"status": "pending"})
    assert code_of(shop.refused("post", "invoices", customer=customer, **TAXED)) == "stripe_tax_inactive"
    assert shop.post("invoices", customer=customer, automatic_tax={"enabled": False})["status"] == "draft"


def test_the_settings_are_read_and_set(shop: Shop, emulator: EmulatorProcess) -> None:
    behave(emulator, None)
    unset = shop.get("tax/settings")
    assert (unset["object"], unset["status"], unset["defaults"]["tax_behavior"]) == ("tax.settings", "active", None)
    changed = shop.post("tax/settings", defaults={"tax_behavior": "inferred_by_currency"})
    assert changed["defaults"]["tax_behavior"] == "inferred_by_currency"
    (event,) = shop.get("events", type="tax.settings.updated")["data"]
    assert event["data"]["previous_attributes"] == {"defaults": unset["defaults"]}
    emulator.control("POST", "tax", {"status": "pending"})
    pending = shop.get("tax/settings")
    assert (pending["status"], pending["status_details"]["pending"]["missing_fields"]) == ("pending", ["head_office"])
    assert shop.post("tax/settings", head_office={"address": {"country": "DE"}})["status"] == "active"
    emulator.control("POST", "tax", {"rates": {"US": "20"}})
    home = shop.customer(address=BOSTON)
    assert amounts_of(shop.finalized(1000, customer=home, **TAXED)) == (1000, 1000, 200, 1200)
    wrongs: list[object] = [{"behavior": "maybe"}, {"status": "?"}, {"rates": 5}, {"rate": {}}, []]
    for wrong in wrongs:
        with pytest.raises(ControlError):
            emulator.control("POST", "tax", wrong)
    emulator.reset()
    assert shop.get("tax/settings")["defaults"]["tax_behavior"] == "exclusive"


def credited(shop: Shop, invoice: Json, amount: int, **back: Any) -> Json:
    line = {"type": "invoice_line_item", "invoice_line_item": invoice["lines"]["data"][0]["id"], "amount": amount}
    return shop.post("credit_notes", invoice=invoice["id"], lines=[line], **back)


@pytest.mark.parametrize(
    ("behavior", "line", "note", "left"),
    [("exclusive", 200, (200, 200, 238), 1190 - 238), ("inclusive", 238, (238, 200, 238), 1000 - 238)],
)
def test_a_credit_note_of_an_open_invoice_has_its_tax(
    behavior: str, line: int, note: tuple[int, ...], left: int, shop: Shop, emulator: EmulatorProcess
) -> None:
    """The amount asked for is without tax; the line shows it without tax that is added, the note shows all of it."""
    behave(emulator, behavior)
    invoice = shop.finalized(1000, 0, customer=shop.customer(address=BERLIN), currency="eur", **TAXED)
    made = credited(shop, invoice, 200)
    assert made["lines"]["data"][0]["amount"] == line
    assert (made["subtotal"], made["total_excluding_tax"], made["amount"]) == note
    assert (made["total"], made["pre_payment_amount"], made["type"]) == (made["amount"], made["amount"], "pre_payment")
    assert [(tax["amount"], tax["tax_behavior"]) for tax in made["total_taxes"]] == [(38, behavior)]
    assert shop.get(f"invoices/{invoice['id']}")["amount_remaining"] == left
    rest = invoice["total_excluding_tax"] - 200
    assert shop.refused("post", "credit_notes", invoice=invoice["id"], lines=_line(invoice, rest + 1))
    credited(shop, invoice, rest)
    assert shop.get(f"invoices/{invoice['id']}")["status"] == "paid"


def _line(invoice: Json, amount: int) -> list[Json]:
    source = invoice["lines"]["data"][0]["id"]
    return [{"type": "invoice_line_item", "invoice_line_item": source, "amount": amount}]


@pytest.mark.parametrize(("paid", "before", "after"), [(1190, 0, 238), (1000, 190, 48)])
def test_what_was_paid_is_given_back_with_its_tax_and_a_preview_tells_how_much(
    paid: int, before: int, after: int, shop: Shop, emulator: EmulatorProcess
) -> None:
    invoice = shop.finalized(1000, customer=shop.payer(address=BERLIN), currency="eur", **TAXED)
    emulator.control("POST", f"invoices/{invoice['id']}/part_payment", {"amount": paid})
    preview = shop.get("credit_notes/preview", invoice=invoice["id"], lines=_line(invoice, 200), credit_amount=200)
    assert (preview["amount"], preview["pre_payment_amount"], preview["post_payment_amount"]) == (238, before, after)
    assert shop.get("credit_notes")["data"] == []
    asked = {"invoice": invoice["id"], "lines": _line(invoice, 200)}
    short = shop.refused("post", "credit_notes", **asked, credit_amount=after - 1)
    assert "must equal the credit note amount" in str(short)
    note = shop.post("credit_notes", **asked, credit_amount=preview["post_payment_amount"])
    assert (note["amount"], note["post_payment_amount"]) == (238, after)
    assert shop.get(f"customers/{invoice['customer']}")["balance"] == -after


def test_a_note_of_a_taxed_invoice_is_of_its_lines(shop: Shop) -> None:
    invoice = shop.finalized(1000, customer=shop.customer(address=BERLIN), currency="eur", **TAXED)["id"]
    custom = {"type": "custom_line_item", "description": "x", "unit_amount": 5, "quantity": 1}
    assert param_of(shop.refused("post", "credit_notes", invoice=invoice, lines=[custom])) == "lines[0][type]"
    assert "does not emulate 'amount'" in str(shop.refused("post", "credit_notes", invoice=invoice, amount=5))


@given(st.integers(-(10**6), 10**6), st.lists(st.integers(0, 10**6), min_size=1, max_size=9))
def test_parts_add_up_to_the_whole(amount: int, weights: list[int]) -> None:
    parts = apportioned(amount, weights)
    assert sum(parts) == (amount if sum(weights) else 0)
    assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if not weight)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=9), st.integers(0, 100))
def test_lines_after_discounts_add_up_to_the_total(line_amounts: list[int], percent: int) -> None:
    lines = [{"amount": amount, "discountable": True, "taxes": []} for amount in line_amounts]
    coupon = {"percent_off": percent, "amount_off": None}
    taken, nets = discounted(lines, [{"id": "di", "source": {"coupon": coupon}}])
    assert sum(nets) == totals(lines, taken)["total"]
    assert all(0 <= net <= amount for net, amount in zip(nets, line_amounts, strict=True))
