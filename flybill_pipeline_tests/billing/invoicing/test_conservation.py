"""What holds for a whole year of bills: nothing is lost or billed twice, however usage arrives and amounts are carried.

Properties of the parts (a model, a discount, a share) stand with the tests of each part.
"""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.invoicing import bill, late_usage, outcomes
from flybill_pipeline.billing.invoicing.items.credits import Credit
from flybill_pipeline.billing.invoicing.items.discounts import Discount
from flybill_pipeline.billing.money.amounts import to_minor
from flybill_pipeline.billing.money.currencies import CURRENCIES
from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing import usage_lines
from flybill_pipeline.billing.pricing.line_items import LineItem, total_minor
from flybill_pipeline.billing.pricing.prices import Price
from flybill_pipeline.billing.usage.aggregation import aggregate, billed_quantity
from flybill_pipeline.billing.usage.meters import Aggregation, Meter, Rounding
from flybill_pipeline.billing.usage.totals import UsageTotal
from flybill_pipeline_tests.billing.invoicing.test_late_usage import as_billed
from flybill_pipeline_tests.billing.pricing.any_price import prices
from flybill_pipeline_tests.billing.pricing.books import OCTOBER, book, line, used

MINIMUM = 50
GRANTED = datetime(2026, 1, 1, tzinfo=UTC)
AMOUNT = st.one_of(st.integers(-120, 120), st.integers(-10_000, 10_000))


@given(
    months=st.lists(st.lists(AMOUNT, max_size=3), min_size=12, max_size=12),
    credit=st.integers(0, 5_000),
    percent=st.decimals(0, 100, places=1),
    waive=st.booleans(),
)
def test_a_year_of_bills_loses_no_cent(months: list[list[int]], credit: int, percent: Decimal, waive: bool) -> None:
    policy = outcomes.OutcomePolicy(waive_small_amounts=waive)
    discount = Discount("d", "d", percent=percent, start=Month(2026, 3), end=Month(2026, 6))
    left: tuple[Credit, ...] = (Credit("c", "Prepaid", credit, "usd", GRANTED),)
    gone = carried = 0
    for number, amounts in enumerate(months, start=1):
        month = Month(2026, number)
        priced = [line(amount, f"m{place}", month=month) for place, amount in enumerate(amounts)]
        before = [line(carried, "carried", month=month)._replace(kind="carried_forward")] if carried else []
        made = bill.put_together(month, "usd", bill.Parts(priced, carried=before, discounts=[discount], credits=left))
        decided = outcomes.decide(made.total_minor, "usd", [], outcomes.Bounds(MINIMUM, policy))
        assert decided.total_minor == total_minor(made.lines) or not made.lines
        left = made.credits
        gone -= total_minor(each for each in made.lines if each.kind == "discount")
        gone += made.total_minor if decided.outcome in ("invoiced", "waived") else 0
        carried = made.total_minor if decided.outcome == "carried_forward" else 0
        assert decided.outcome != "waived" or waive
        assert left[0].left_minor >= 0
    paid = credit - left[0].left_minor
    assert gone + paid + carried == sum(map(sum, months))


DELIVERY = st.tuples(
    st.integers(0, 3),  # the service month
    st.integers(0, 4),  # how many months later it arrives
    st.decimals(min_value=-50, max_value=300, places=3),
    st.sampled_from("xy"),
)


@given(prices(), st.lists(DELIVERY, max_size=10))
def test_however_late_usage_comes_the_months_bill_what_pricing_it_at_once_comes_to(
    price: Price, deliveries: list[tuple[int, int, Decimal, str]]
) -> None:
    grouped = book(replace(price, meter="seconds", group_by=("region",), contract=None))
    months = [OCTOBER]
    for _ in range(7):
        months.append(months[-1].next())

    def due(service: int, closed: int) -> tuple[LineItem, ...]:
        known = [
            used(str(quantity), region=region)
            for month, later, quantity, region in deliveries
            if month == service and month + later <= closed
        ]
        return usage_lines.price_usage(grouped, None, known, months[service]).lines

    billed: dict[int, list[LineItem]] = {service: [] for service in range(len(months))}
    for closing in range(len(months)):
        for service in range(closing + 1):
            billed[service] += late_usage.unbilled(due(service, closing), as_billed(billed[service]))
    for service, lines in billed.items():
        assert total_minor(lines) == total_minor(due(service, len(months)))


@given(
    st.sampled_from([Aggregation.SUM, Aggregation.COUNT]),
    st.sampled_from(list(Rounding)),
    st.integers(1, 2000),
    st.lists(st.decimals(min_value=-100, max_value=5000, places=3), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_a_quantity_does_not_depend_on_the_days_and_order_it_comes_in(
    aggregation: Aggregation, rounding: Rounding, divisor: int, quantities: list[Decimal], random: object
) -> None:
    meter = Meter("seconds", aggregation, "second", divide_by=Decimal(divisor), round=rounding)
    by_day = [used(str(quantity), day=day) for day, quantity in enumerate(quantities, start=1)]
    with exact():
        whole = used(str(sum(quantities, ZERO)))._replace(events=len(quantities))
    shuffled = list(by_day)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert billed_quantity(meter, shuffled) == billed_quantity(meter, by_day) == billed_quantity(meter, [whole])


PEAKS = st.lists(
    st.tuples(st.integers(1, 31), st.sampled_from("ab"), st.decimals(min_value=0, max_value=99, places=2)),
    min_size=1,
    max_size=8,
)


@given(PEAKS, st.randoms(use_true_random=False))
def test_a_peak_is_that_of_the_month_whatever_the_order_and_however_often_it_is_told(
    peaks: list[tuple[int, str, Decimal]], random: object
) -> None:
    totals: list[UsageTotal] = [
        used("1", day=day, size=size)._replace(measures={Aggregation.MAX: peak}) for day, size, peak in peaks
    ]
    again = totals * 2
    random.shuffle(again)  # type: ignore[attr-defined]
    highest = {size: max(peak for _, other, peak in peaks if other == size) for _, size, _ in peaks}
    of_all = Meter("seconds", Aggregation.MAX, "second")
    of_each = replace(of_all, per=("size",))
    with exact():
        assert aggregate(of_all, again) == aggregate(of_all, totals) == max(highest.values())
        assert aggregate(of_each, again) == aggregate(of_each, totals) == sum(highest.values(), ZERO)


ZERO_DECIMALS = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
THREE_DECIMALS = "bhd jod kwd omr tnd"


@pytest.mark.parametrize("code", sorted(CURRENCIES))
def test_one_whole_is_what_stripe_counts_it_as(code: str) -> None:
    whole = 1 if code in ZERO_DECIMALS else 1000 if code in THREE_DECIMALS else 100
    assert to_minor(Decimal(1), code) == whole
    assert to_minor(Decimal("-12"), code) == -12 * whole


@given(st.integers(0, 10**15), st.sampled_from(sorted(CURRENCIES)))
def test_half_a_step_goes_away_from_zero_on_both_sides(steps: int, code: str) -> None:
    unit = CURRENCIES[code]
    with exact():
        half = Decimal((2 * steps + 1) * unit.step) / (2 * unit.units_per_major)
    assert to_minor(half, code) == (steps + 1) * unit.step
    assert to_minor(-half, code) == -(steps + 1) * unit.step
