"""Money that goes back: parts, refunds, disputes and voided credit notes, as the account's events tell them."""

import pytest

from flybill_pipeline_tests.stripe_emulator.helpers import Json, Shop
from flybill_pipeline_tests.worlds.emulator import ControlError, EmulatorProcess


def paid(shop: Shop) -> Json:
    invoice = shop.finalized(1000, customer=shop.payer())
    return shop.post(f"invoices/{invoice['id']}/pay")


def intent(shop: Shop, invoice: str) -> str:
    return str(shop.get("invoice_payments", invoice=invoice)["data"][0]["payment"]["payment_intent"])


def test_an_invoice_can_be_paid_in_parts(shop: Shop, emulator: EmulatorProcess) -> None:
    invoice = shop.finalized(1000)["id"]
    after = emulator.control("POST", f"invoices/{invoice}/part_payment", {"amount": 400})
    assert (after["status"], after["amount_paid"], after["amount_remaining"]) == ("open", 400, 600)
    assert emulator.control("POST", f"invoices/{invoice}/part_payment", {"amount": 600})["status"] == "paid"
    assert [entry["amount_paid"] for entry in shop.get("invoice_payments", invoice=invoice)["data"]] == [600, 400]
    with pytest.raises(ControlError, match="Only open invoices"):
        emulator.control("POST", f"invoices/{invoice}/part_payment", {"amount": 1})


def test_a_payment_leads_to_its_invoice(shop: Shop) -> None:
    invoice, other = paid(shop)["id"], paid(shop)["id"]
    payment = {"type": "payment_intent", "payment_intent": intent(shop, other)}
    assert [entry["invoice"] for entry in shop.get("invoice_payments", payment=payment)["data"]] == [other]
    assert intent(shop, invoice) != intent(shop, other)


def test_no_more_is_refunded_than_was_paid(shop: Shop) -> None:
    payment = intent(shop, paid(shop)["id"])
    refund = shop.post("refunds", payment_intent=payment, amount=400)
    assert (refund["status"], refund["payment_intent"]) == ("succeeded", payment)
    assert shop.refused("post", "refunds", payment_intent=payment, amount=601).http_status == 400
    assert shop.post("refunds", payment_intent=payment, amount=600)["amount"] == 600
    assert len(shop.get("refunds", payment_intent=payment)["data"]) == 2
    assert "refund.created" in shop.event_types()


def test_a_dispute_is_opened_and_ends_once(shop: Shop, emulator: EmulatorProcess) -> None:
    dispute = emulator.control("POST", f"invoices/{paid(shop)['id']}/dispute", {"amount": 300})
    assert (dispute["status"], dispute["amount"]) == ("needs_response", 300)
    assert emulator.control("POST", f"disputes/{dispute['id']}", {"status": "under_review"})["status"] == "under_review"
    assert shop.post(f"disputes/{dispute['id']}/close")["status"] == "lost"
    with pytest.raises(ControlError, match="already closed"):
        emulator.control("POST", f"disputes/{dispute['id']}", {"status": "won"})
    assert [kind for kind in shop.event_types() if "dispute" in kind] == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.dispute.closed",
    ]


def test_a_dispute_that_was_lost_may_be_appealed(shop: Shop, emulator: EmulatorProcess) -> None:
    dispute = emulator.control("POST", f"invoices/{paid(shop)['id']}/dispute", {})
    with pytest.raises(ControlError, match="already closed"):
        for status in ("won", "appeal_needs_response"):
            emulator.control("POST", f"disputes/{dispute['id']}", {"status": status})
    dispute = emulator.control("POST", f"invoices/{paid(shop)['id']}/dispute", {})
    way = ("lost", "appeal_needs_response", "appeal_under_review", "won")
    assert [emulator.control("POST", f"disputes/{dispute['id']}", {"status": each})["status"] for each in way] == [*way]


def test_a_voided_credit_note_asks_for_the_amount_again(shop: Shop) -> None:
    invoice = shop.finalized(1000)["id"]
    note = shop.post("credit_notes", invoice=invoice, amount=300)
    assert shop.get(f"invoices/{invoice}")["amount_remaining"] == 700
    assert shop.post(f"credit_notes/{note['id']}/void")["status"] == "void"
    after = shop.get(f"invoices/{invoice}")
    assert (after["amount_remaining"], after["pre_payment_credit_notes_amount"]) == (1000, 0)
    assert shop.refused("post", f"credit_notes/{note['id']}/void").http_status == 400
    assert shop.event_types()[-1] == "credit_note.voided"
