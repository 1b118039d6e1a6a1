"""One quantity priced on its own."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from flybill_pipeline.billing.pricing.quote import UnpricedError, quote
from flybill_pipeline.billing.pricing.usage_lines import price_usage
from flybill_pipeline_tests.billing.pricing.books import OCTOBER, book, per_unit, used

OWN = replace(per_unit("3"), minimum_spend=Decimal(50), contract="acme")
OTHER = replace(per_unit("1", match={"size": "a"}), minimum_spend=Decimal(50), contract="acme")
BOOK = book(per_unit("0.0000005"), contracts={"acme": (OWN, OTHER)})


def test_a_quote_is_exact_and_rounded_and_worked_out() -> None:
    found = quote(BOOK, "seconds", Decimal("30000.1"), {})
    assert (found.amount_minor, found.amount, found.currency) == (2, "0.01500005", "usd")
    assert found.working == [
        {"step": "units", "amount": "0.01500005", "quantity": "30000.1", "unit_amount": "0.0000005"}
    ]


def test_a_quote_is_what_an_invoice_would_say() -> None:
    (line,) = price_usage(BOOK, None, [used("123456789")], OCTOBER).lines
    quoted = quote(BOOK, "seconds", Decimal(123456789), {})
    assert (quoted.amount_minor, quoted.description) == (line.amount_minor, line.description)


def test_a_quote_for_a_contract_is_of_the_price_that_was_asked_for() -> None:
    assert quote(BOOK, "seconds", Decimal(100), {}, "acme").amount == "300"
    assert quote(BOOK, "seconds", Decimal(100), {"size": "a"}, "acme").amount == "100"
    assert quote(BOOK, "seconds", Decimal(0), {}, "acme").amount == "50"


def test_usage_without_the_dimension_that_a_price_groups_by_is_quoted_too() -> None:
    grouped = replace(per_unit("2"), group_by=("region",))
    assert quote(book(grouped), "seconds", Decimal(3), {"size": "a"}).amount == "6"


@pytest.mark.parametrize(("meter", "contract"), [("minutes", None), ("seconds", "nobody")])
def test_what_the_book_lacks_is_said(meter: str, contract: str | None) -> None:
    with pytest.raises(UnpricedError, match=r"usd price book of 2026-01-01 .*(minutes|nobody)"):
        quote(BOOK, meter, Decimal(1), {}, contract)


def test_what_no_invoice_can_hold_is_said() -> None:
    dear = book(per_unit("1000000"))
    assert quote(dear, "seconds", Decimal(10**6), {}).amount_minor == 10**14
    with pytest.raises(UnpricedError, match="the seconds comes to more than any invoice can hold"):
        quote(dear, "seconds", Decimal(10**14), {})


@pytest.mark.parametrize("day", [date(9999, 12, 31), date(9999, 12, 1), date(1, 1, 1)])
def test_a_quote_needs_no_month_of_the_book(day: date) -> None:
    dated = replace(BOOK, effective_from=day)
    assert quote(dated, "seconds", Decimal(30000), {}).amount == "0.015"


@pytest.mark.parametrize(
    ("aggregation", "amount"),
    [("max", "0"), ("latest", "0"), ("time_weighted", "0"), ("sum", "-6"), ("count", "-6")],
)
def test_a_level_below_zero_is_quoted_as_it_is_billed(aggregation: str, amount: str) -> None:
    assert quote(book(per_unit("2"), seconds=aggregation), "seconds", Decimal(-3), {}).amount == amount
