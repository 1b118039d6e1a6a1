"""Invoices that were paid outside Stripe: it may say of them that they are paid, and that nothing was paid."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from flybill_pipeline.billing.sync.values import Answer
from flybill_pipeline.stripe_gateway.payment_events import PaymentEvents
from flybill_pipeline_tests.stripe_gateway.test_nonsense import Impostor, impostor

__all__ = ["impostor"]
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def answer(**members: Any) -> bytes:
    invoice = {
        "id": "in_1",
        "object": "invoice",
        "livemode": False,
        "status": "paid",
        "currency": "usd",
        "total": 234,
        "amount_due": 234,
        "amount_paid": 0,
        "amount_remaining": 234,
        "pre_payment_credit_notes_amount": 0,
        "post_payment_credit_notes_amount": 0,
    }
    return json.dumps(invoice | members).encode()


@pytest.mark.parametrize(
    ("members", "paid"),
    [
        ({}, 234),
        ({"amount_paid": 234, "amount_remaining": 0}, 234),
        ({"amount_paid": 230, "amount_remaining": 4}, 230),
        ({"status": "open"}, 0),
        ({"amount_due": 200, "pre_payment_credit_notes_amount": 34}, 200),
        ({"amount_due": 0, "amount_remaining": 0, "pre_payment_credit_notes_amount": 234}, 0),
    ],
    ids=["outside Stripe", "as recorded", "a rest forgiven", "not yet", "what was left", "all credited"],
)
def test_what_was_paid_is_what_stripe_takes_as_paid(members: dict[str, Any], paid: int, impostor: Impostor) -> None:
    impostor.say(200, answer(**members))
    seen = PaymentEvents(impostor.gateway()).invoice("in_1", NOW)
    assert isinstance(seen, Answer)
    assert seen.value.paid_minor == paid


@pytest.mark.parametrize(("status", "remaining"), [("paid", 0), ("open", 234)])
def test_a_credit_note_on_what_is_paid_is_all_given_back(status: str, remaining: int, impostor: Impostor) -> None:
    impostor.say(200, answer(status=status))
    bill = impostor.gateway().find_bill("in_1")
    assert isinstance(bill, Answer)
    assert bill.value.remaining_minor == remaining
