"""The order in which the parts of a bill come together. Each part has a test file of its own."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from flybill_pipeline.billing.invoicing.bill import Parts, put_together
from flybill_pipeline.billing.invoicing.commitments import Commitment, commitment_in, true_up_line
from flybill_pipeline.billing.invoicing.items.credits import Credit
from flybill_pipeline.billing.invoicing.items.discounts import Discount
from flybill_pipeline.billing.invoicing.items.one_off_items import OneOffItem, one_off_lines
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.price_changes import ContractDays, books_of_month
from flybill_pipeline.billing.pricing.prices import Contract, PriceBooks
from flybill_pipeline_tests.billing.pricing.books import OCTOBER, book, line, per_unit

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


def test_a_minimum_of_several_contracts_says_what_it_is_the_sum_of() -> None:
    plain = book(per_unit("1"))
    minimums = {"gold": Decimal(100), "silver": Decimal("50.01"), "same": Decimal(100)}
    contracts = {name: Contract(name, (), minimum_spend=least) for name, least in minimums.items()}
    month = Month(2026, 9)
    in_force = books_of_month(PriceBooks((replace(plain, contracts=contracts),)), "usd", month)
    assert in_force is not None

    def words(*days: tuple[str, int, int]) -> str:
        first_day = date(2026, 9, 1)
        under = [
            ContractDays(name, first_day + timedelta(first - 1), first_day + timedelta(last))
            for name, first, last in days
        ]
        commitment = commitment_in(in_force.under(tuple(under)))
        made = None if commitment is None else true_up_line([line(100, month=month)], commitment, "usd", month)
        return made.description if made else ""

    assert words(("gold", 1, 15), ("silver", 16, 30)) == (
        "Minimum of $75.01 a month ($50.00 for 15 and $25.01 for 15 of 30 days), $1.00 of it used"
    )
    assert words(("gold", 1, 10), ("silver", 21, 30)) == (
        "Minimum of $50.00 for 20 of 30 days ($33.33 for 10 and $16.67 for 10 of 30 days), $1.00 of it used"
    )
    assert words(("gold", 1, 15), ("same", 16, 30)) == "Minimum of $100.00 a month, $1.00 of it used"
    assert words(("gold", 1, 15)) == "Minimum of $50.00 for 15 of 30 days, $1.00 of it used"


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
