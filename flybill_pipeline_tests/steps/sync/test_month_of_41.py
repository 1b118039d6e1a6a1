"""A month of 41 organizations in ten currencies, without tax and with it in either behavior: right to the cent."""

from collections import Counter
from typing import Any

import pytest

from flybill_pipeline.billing.money.currencies import currency_of
from flybill_pipeline.billing.sync.values import TaxBehavior
from flybill_pipeline_tests.chaos.world import World
from flybill_pipeline_tests.steps.sync.taxed_months import (
    BEHAVIORS,
    KINDS_OF_LINES,
    PLACES,
    STEPS,
    UNTAXED,
    bill_41,
    compared,
    credit,
    in_major_units,
    listed,
    pay,
    taxed,
)

RATES = {"US-NY": "8.875", "DE": "19", "GB": "20", "PL": "23", "JP": "10", "CL": "19", "ID": "11"}
STANDINGS = ("open", "paid", "part paid")


@pytest.mark.parametrize("behavior", [None, *BEHAVIORS])
def test_the_month_of_41_is_reconciled_to_the_cent_with_its_credit_notes(
    behavior: TaxBehavior | None, world: World
) -> None:
    world.emulator.control("POST", "tax", {"rates": RATES})
    billed = bill_41(world)
    report = world.sync(stripe_of=taxed(world, behavior), workers=8)
    assert (report.finalized, report.failures) == (41, [])
    there = listed(world)
    assert Counter(invoice["currency"] for invoice in there.values()) == Counter(currency for currency, _ in billed)
    for invoice in there.values():
        assert_right(invoice, behavior)
    credited = Counter[str]()
    for place, currency in enumerate(PLACES):
        number, step = place * len(KINDS_OF_LINES), STEPS.get(currency, 1)
        pay(world, there[billed[number][1]], STANDINGS[place % len(STANDINGS)])
        for amount, line in ((600, 1), (1800, 4)):  # of usage, and of a plan, which the credit made smaller
            credited[currency] += give_back(world, number, currency, amount * step, line)
    given = Counter[str]()
    for note in world.stripe().v1.credit_notes.list({"limit": 100}).data:
        given[note.currency] += note.subtotal
    assert given == credited
    assert compared(world) == []
    assert world.emulator.report()["violations"] == []


def give_back(world: World, number: int, currency: str, amount: int, line: int) -> int:
    """Credits so much, or what is said to be done where no amount and its tax come to that: a little less."""
    step = currency_of(currency).step
    for less in (0, step):
        row = credit(world, number, in_major_units(amount - less, currency), line)
        if row.state == "issued":
            return amount - less
        assert row.error_code == "between_cents", (currency, row.error_message)
    raise AssertionError(f"{currency}: one less is between cents too")


def assert_right(invoice: dict[str, Any], behavior: TaxBehavior | None) -> None:
    """What Stripe has of an invoice is what we decided, and its tax beside it or within it."""
    ours = int(invoice["metadata"]["flybill_subtotal_minor"])
    tax = sum(each["amount"] for each in invoice["total_taxes"] or [])
    assert invoice["subtotal"] == ours
    assert invoice["total"] == (ours + tax if behavior == "exclusive" else ours)
    assert (tax > 0) is (behavior is not None and invoice["currency"] not in UNTAXED) or ours < 100
