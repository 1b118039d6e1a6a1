"""The order in which the parts of a bill come together. Each part has a test file of its own."""

from datetime import UTC, datetime
from decimal import Decimal

from flybill_pipeline.billing.invoicing.bill import Parts, put_together
from flybill_pipeline.billing.invoicing.commitments import Commitment, true_up_line
from flybill_pipeline.billing.invoicing.items.credits import Credit
from flybill_pipeline.billing.invoicing.items.discounts import Discount
from flybill_pipeline.billing.invoicing.items.one_off_items import OneOffItem, one_off_lines
from flybill_pipeline_tests.billing.pricing.books import OCTOBER, line

GRANT = Credit("c1", "Prepaid", 2000, "usd", datetime(2026, 1, 1, tzinfo=UTC))


def test_minimum_then_discounts_then_credits_and_carried_amounts_are_not_discounted_again() -> None:
    parts = Parts(
        priced=[line(6000)],
        commitment=Commitment("acme", 10000),
        discounts=[Discount("d1", "Friends", percent=Decimal(10))],
        credits=[GRANT],
        carried=[line(40, "carried", month=OCTOBER.previous())],
    )
    bill = put_together(OCTOBER, "usd", parts)
    assert [(each.kind, each.amount_minor) for each in bill.lines] == [
        ("usage", 6000),
        ("true_up", 4000),
        ("discount", -1000),
        ("usage", 40),
        ("credit", -2000),
    ]
    assert bill.total_minor == 7040
    assert bill.credits[0].left_minor == 0


def test_a_bill_without_extras_is_its_lines() -> None:
    bill = put_together(OCTOBER, "usd", Parts([line(6000)]))
    assert (bill.lines, bill.total_minor) == ((line(6000),), 6000)


def test_a_true_up_is_what_is_missing_from_this_months_usage() -> None:
    late = line(9000, "late", month=OCTOBER.previous())
    made = true_up_line([line(100), late], Commitment("acme", 2000), "usd", OCTOBER)
    assert made is not None
    assert made.amount_minor == 1900
    assert made.description == "Minimum of $20.00 a month, $1.00 of it used"
    assert true_up_line([line(2000)], Commitment("acme", 2000), "usd", OCTOBER) is None
    nothing_used = true_up_line([], Commitment("acme", 2000), "usd", OCTOBER)
    assert nothing_used is not None
    assert nothing_used.amount_minor == 2000


def test_one_off_items_are_billed_in_their_month_only() -> None:
    items = [
        OneOffItem("b", OCTOBER, "Migration", 50000, "usd"),
        OneOffItem("a", OCTOBER, "Goodwill", -500, "usd"),
        OneOffItem("c", OCTOBER.next(), "Later", 1, "usd"),
    ]
    lines = one_off_lines(items, OCTOBER)
    assert [(each.kind, each.description, each.amount_minor) for each in lines] == [
        ("one_off", "Goodwill", -500),
        ("one_off", "Migration", 50000),
    ]
