"""Late usage: however it arrives, all invoices together bill what one would have."""

from collections.abc import Iterable
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.invoicing.late_usage import BilledLine, unbilled
from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.pricing import models
from flybill_pipeline.billing.pricing.line_items import LineItem, total_minor
from flybill_pipeline.billing.pricing.prices import Price
from flybill_pipeline.billing.pricing.usage_lines import price_usage
from flybill_pipeline_tests.billing.pricing.books import OCTOBER, book, line, per_unit, tier, used

GRADUATED = Price("seconds", models.GRADUATED, tiers=(tier("100", "1"), tier(None, "0.5")), group_by=("region",))


def as_billed(lines: Iterable[LineItem]) -> list[BilledLine]:
    """The lines as a finalized invoice keeps them."""
    return [
        BilledLine(
            each.service_month,
            each.kind,
            each.line_id,
            each.meter,
            each.dimensions,
            each.service_month,
            each.quantity,
            each.unit,
            each.amount_minor,
            each.currency,
            each.description,
            each.usage,
        )
        for each in lines
    ]


def test_late_usage_is_billed_at_the_tier_it_falls_in() -> None:
    first = price_usage(book(GRADUATED), None, [used("90", day=30)], OCTOBER).lines
    again = price_usage(book(GRADUATED), None, [used("90", day=30), used("20", day=31)], OCTOBER).lines
    (late,) = unbilled(again, as_billed(first))
    assert (late.kind, late.amount_minor, late.quantity) == ("adjustment", 1500, Decimal(20))  # 10 x 1 and 10 x 0.5
    assert late.line_id == first[0].line_id
    assert late.working[-1].amount == Decimal(-90)


def test_what_was_never_billed_is_a_plain_line() -> None:
    assert unbilled([line(500), line(0, "free")], []) == (line(500), line(0, "free"))
    assert unbilled([line(0, "free")], as_billed([line(0, "free")])) == ()


def test_a_fraction_of_a_cent_is_not_billed_again() -> None:
    first = price_usage(book(per_unit("0.067")), None, [used("55")], OCTOBER).lines
    assert first[0].amount_minor == 369
    assert unbilled(first, as_billed(first)) == ()
    assert unbilled([first[0]._replace(amount=Decimal("3.6851"))], as_billed(first)) == ()


def test_a_line_that_is_priced_no_more_is_taken_back() -> None:
    (back,) = unbilled([], as_billed([line(500)]))
    assert (back.amount_minor, back.quantity, back.kind) == (-500, Decimal(-1), "adjustment")


QUANTITIES = st.lists(
    st.tuples(st.sampled_from("xy"), st.decimals(min_value=-300, max_value=300, places=4)), min_size=1, max_size=6
)


@given(st.lists(QUANTITIES, min_size=1, max_size=4))
def test_however_usage_arrives_all_invoices_sum_to_pricing_it_at_once(
    arrivals: list[list[tuple[str, Decimal]]],
) -> None:
    prices, known = book(GRADUATED), []
    billed: list[LineItem] = []
    for arrival in arrivals:
        known += [used(str(quantity), region=region) for region, quantity in arrival]
        now = price_usage(prices, None, known, OCTOBER).lines
        for each in unbilled(now, as_billed(billed)):
            with exact():
                assert sum((step.amount for step in each.working), ZERO) == each.amount
            billed.append(each)
        assert total_minor(billed) == total_minor(now)
        assert unbilled(now, as_billed(billed)) == ()
