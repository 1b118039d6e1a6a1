"""Where the money of an invoice stands follows from Stripe's objects: not from the order in which events arrive, how
often, or whether any was read at all.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from flybill_pipeline.billing.payments.standing import Observation, Payment, payment_of
from flybill_pipeline.steps.payments.read_payments import OBJECTS
from flybill_pipeline.stripe_gateway.payment_objects import EVENT_TYPES, read_event, read_object
from flybill_pipeline_tests.stripe_emulator.helpers import Json, Shop
from flybill_pipeline_tests.worlds.emulator import ControlError, EmulatorProcess, Emulators

LIVES, ACTS = 12, 6
LATER = datetime(2999, 1, 1, tzinfo=UTC)
Act = Callable[["Account", str], object]


class Account:
    """An account in which people, cards and banks do things to invoices, one a minute."""

    def __init__(self, emulator: EmulatorProcess) -> None:
        self.emulator, self.shop = emulator, Shop(emulator.url)

    def do(self, act: Act, invoice: str) -> None:
        """Where Stripe refuses it in this state, nothing happens."""
        with suppress(stripe.StripeError, ControlError, IndexError):
            act(self, invoice)
        self.emulator.control("POST", "clock", {"advance_seconds": 60})

    def control(self, path: str, **body: Any) -> Any:
        return self.emulator.control("POST", path, body)

    def intents(self, invoice: str) -> list[str]:
        paid = self.shop.get("invoice_payments", invoice=invoice)["data"]
        return [each["payment"]["payment_intent"] for each in paid]

    def listed(self, name: str) -> list[Json]:
        """All of a list, page by page."""
        found: list[Json] = []
        while True:
            after = {"starting_after": found[-1]["id"]} if found else {}
            page = self.shop.get(name, limit=100, **after)
            found += page["data"]
            if not page["has_more"]:
                return found


def dispute(account: Account, invoice: str, *statuses: str) -> None:
    """Of the last payment, or the dispute that there is goes on."""
    mine = [each for each in account.listed("disputes") if each["payment_intent"] in account.intents(invoice)]
    if not statuses:
        account.control(f"invoices/{invoice}/dispute", amount=70)
    for status in statuses:
        account.control(f"disputes/{mine[0]['id']}", status=status)


WHAT_HAPPENS: list[Act] = [
    lambda account, invoice: account.shop.post(f"invoices/{invoice}/pay", payment_method="pm_card_visa"),
    lambda account, invoice: account.shop.post(f"invoices/{invoice}/pay", payment_method="pm_card_declined"),
    lambda account, invoice: account.shop.post(f"invoices/{invoice}/pay", paid_out_of_band=True),
    lambda account, invoice: account.control(f"invoices/{invoice}/part_payment", amount=300),
    lambda account, invoice: account.shop.post(f"invoices/{invoice}/void"),
    lambda account, invoice: account.shop.post(f"invoices/{invoice}/mark_uncollectible"),
    lambda account, invoice: account.shop.post("credit_notes", invoice=invoice, amount=150),
    lambda account, invoice: account.shop.post("credit_notes", invoice=invoice, amount=150, credit_amount=150),
    lambda account, invoice: account.shop.post(
        f"credit_notes/{account.shop.get('credit_notes', invoice=invoice)['data'][0]['id']}/void"
    ),
    lambda account, invoice: account.shop.post("refunds", payment_intent=account.intents(invoice)[0], amount=200),
    lambda account, invoice: account.shop.post("refunds", payment_intent=account.intents(invoice)[-1]),
    dispute,
    lambda account, invoice: dispute(account, invoice, "under_review"),
    lambda account, invoice: dispute(account, invoice, "lost"),
    lambda account, invoice: dispute(account, invoice, "won"),
    lambda account, invoice: dispute(account, invoice, "appeal_needs_response"),
    lambda account, invoice: account.shop.post(f"customers/{account.shop.customer()}", name="Other"),
]


@pytest.fixture
def account(emulators: Emulators) -> Iterator[Account]:
    with emulators.lent() as process:
        yield Account(process)


def test_whatever_order_events_come_in_and_whether_they_are_read_at_all(account: Account) -> None:
    chance = random.Random(1)
    invoices = [account.shop.finalized(1000)["id"] for _ in range(LIVES)]
    for invoice in invoices * ACTS:
        account.do(chance.choice(WHAT_HAPPENS), invoice)
    owners = {intent: invoice for invoice in invoices for intent in account.intents(invoice)}
    events = [event for event in account.listed("events") if event["type"] in EVENT_TYPES]
    told = linked(owners, [read_event(event) for event in events])
    found = linked(owners, [read_object(each, each["id"], LATER) for name in OBJECTS for each in account.listed(name)])
    states = set()
    for invoice in invoices:
        seen = [each for each in told if each.stripe_invoice_id == invoice]
        shuffled = [*seen, *chance.choices(seen, k=len(seen))]
        chance.shuffle(shuffled)
        listed = [each for each in found if each.stripe_invoice_id == invoice]
        assert money(shuffled) == money(listed) == money([*listed, *shuffled]), invoice
        states.add(money(listed).state)
    assert len(states) >= 5, states


def linked(owners: dict[str, str], seen: list[Observation]) -> list[Observation]:
    """Refunds and disputes with the invoice of the payment that they name, as the reading of payments has it."""
    return [
        each if each.stripe_invoice_id else replace(each, stripe_invoice_id=owners[str(each.payment_intent)])
        for each in seen
    ]


def money(seen: list[Observation]) -> Payment:
    """All that is said of it but since when: a list does not tell when something happened."""
    return replace(payment_of(seen, LATER - timedelta(days=1)), since=LATER)
