"""Credit notes on open and on paid invoices."""

from flybill_pipeline_tests.stripe_emulator.helpers import Shop, code_of


def test_an_open_invoice_asks_for_less(shop: Shop) -> None:
    invoice = shop.finalized(1000, 500)
    line = invoice["lines"]["data"][1]["id"]
    note = shop.post(
        "credit_notes",
        invoice=invoice["id"],
        reason="order_change",
        memo="sorry",
        lines=[
            {"type": "invoice_line_item", "invoice_line_item": line, "amount": 200},
            {"type": "custom_line_item", "description": "goodwill", "unit_amount": 50, "quantity": 2},
        ],
    )
    assert (note["amount"], note["type"], note["pre_payment_amount"], note["status"]) == (
        300,
        "pre_payment",
        300,
        "issued",
    )
    assert note["number"] == f"{invoice['number']}-CN-01"
    assert [entry["amount"] for entry in note["lines"]["data"]] == [200, 100]
    after = shop.get(f"invoices/{invoice['id']}")
    assert (after["amount_due"], after["amount_remaining"], after["pre_payment_credit_notes_amount"]) == (
        1200,
        1200,
        300,
    )
    assert after["total"] == 1500
    assert shop.refused("post", "credit_notes", invoice=invoice["id"], amount=1201).http_status == 400
    shop.post("credit_notes", invoice=invoice["id"], amount=1200)
    assert shop.get(f"invoices/{invoice['id']}")["status"] == "paid"
    assert shop.event_types().count("credit_note.created") == 2


def test_a_paid_invoice_gives_back_and_the_parts_add_up(shop: Shop) -> None:
    customer = shop.payer()
    invoice = shop.finalized(1000, customer=customer)["id"]
    shop.post(f"invoices/{invoice}/pay")
    assert "must equal" in str(shop.refused("post", "credit_notes", invoice=invoice, amount=400))
    note = shop.post(
        "credit_notes", invoice=invoice, amount=400, credit_amount=100, refund_amount=250, out_of_band_amount=50
    )
    assert (note["type"], note["post_payment_amount"], note["refunds"][0]["amount_refunded"]) == (
        "post_payment",
        400,
        250,
    )
    assert shop.get(f"customers/{customer}")["balance"] == -100
    assert shop.get(f"invoices/{invoice}")["post_payment_credit_notes_amount"] == 400
    assert shop.refused("post", "credit_notes", invoice=invoice, amount=601, credit_amount=601).http_status == 400


def test_reading_and_refusals(shop: Shop) -> None:
    invoice = shop.finalized(1000)["id"]
    note = shop.post("credit_notes", invoice=invoice, amount=100)
    assert shop.get(f"credit_notes/{note['id']}") == note
    assert shop.get("credit_notes", invoice=invoice)["data"] == [note]
    assert shop.get("credit_notes", invoice="in_other")["data"] == []
    assert shop.refused("post", "credit_notes", invoice=shop.draft(100), amount=5).http_status == 400
    assert code_of(shop.refused("post", "credit_notes", invoice=invoice)) == "parameter_missing"
    assert code_of(shop.refused("post", "credit_notes", invoice="in_none", amount=1)) == "resource_missing"


def test_what_exceeds_an_open_invoices_rest_is_given_back(shop: Shop) -> None:
    customer = shop.customer(balance=-400)
    invoice = shop.finalized(1000, customer=customer)["id"]
    assert shop.get(f"invoices/{invoice}")["amount_remaining"] == 600
    assert shop.refused("post", "credit_notes", invoice=invoice, amount=700).http_status == 400
    note = shop.post("credit_notes", invoice=invoice, amount=700, credit_amount=100)
    assert (note["type"], note["pre_payment_amount"], note["post_payment_amount"]) == ("mixed", 600, 100)
    after = shop.get(f"invoices/{invoice}")
    assert (after["status"], after["amount_due"], after["amount_remaining"]) == ("paid", 0, 0)
    assert (after["pre_payment_credit_notes_amount"], after["post_payment_credit_notes_amount"]) == (600, 100)


def test_no_line_gives_back_more_than_it_amounts_to(shop: Shop) -> None:
    invoice = shop.finalized(1000, 500)
    line = {"type": "invoice_line_item", "invoice_line_item": invoice["lines"]["data"][1]["id"]}
    shop.post("credit_notes", invoice=invoice["id"], lines=[{**line, "amount": 300}])
    assert shop.refused("post", "credit_notes", invoice=invoice["id"], lines=[{**line, "amount": 201}])
    shop.post("credit_notes", invoice=invoice["id"], lines=[{**line, "amount": 200}])
