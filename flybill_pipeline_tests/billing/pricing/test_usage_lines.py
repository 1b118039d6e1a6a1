"""From usage totals to lines: which price, which line, what could not be priced."""

import tomllib
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.money.decimals import exact, grouped
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing import models
from flybill_pipeline.billing.pricing.descriptions import LONGEST
from flybill_pipeline.billing.pricing.line_items import line_id, total_minor
from flybill_pipeline.billing.pricing.price_changes import books_of_month, fingerprint
from flybill_pipeline.billing.pricing.prices import Price, PriceBooks, PriceModel
from flybill_pipeline.billing.pricing.rating import rate
from flybill_pipeline.billing.pricing.usage_lines import price_month, price_usage
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.billing.usage.totals import UsageTotal
from flybill_pipeline_tests.billing.pricing.books import OCTOBER, book, per_unit, tier, used

GRADUATED = Price("seconds", models.GRADUATED, tiers=(tier("100", "1"), tier(None, "0.5")))
BY_REGION = replace(GRADUATED, group_by=("region",))
FREE_FIRST = replace(GRADUATED, tiers=(tier("9"), tier(None, "1")), free_units=Decimal(1))
FEES = replace(GRADUATED, tiers=(tier("10", flat_amount="5"), tier(None, "0.25", "3")))
MANY_TIERS = replace(GRADUATED, tiers=(*(tier(str(end), "1") for end in range(1, 100)), tier(None, "1")))
MANY_TIERS_WORDS = f"seconds · 100 seconds: {'1 @ $1.00, ' * 26}and 74 more"


def test_tiers_see_all_usage_that_a_price_matches() -> None:
    totals = [used("60", day=1, size="a"), used("60", day=2, size="b"), used("30", day=2, size="a")]
    (line,) = price_usage(book(GRADUATED), None, totals, OCTOBER).lines
    assert (line.quantity, line.amount, line.amount_minor) == (Decimal(150), Decimal(125), 12500)
    assert (line.kind, line.meter, line.dimensions, line.unit, line.currency) == (
        "usage",
        "seconds",
        {},
        "second",
        "usd",
    )
    assert line.service_month == OCTOBER


def test_group_by_gives_each_value_a_line_and_tiers_of_its_own() -> None:
    totals = [used("150", region="x"), used("150", region="y", size="a"), used("10")]
    lines = price_usage(book(BY_REGION), None, totals, OCTOBER).lines
    assert [(line.dimensions, line.amount_minor) for line in lines] == [
        ({"region": ""}, 1000),
        ({"region": "x"}, 12500),
        ({"region": "y"}, 12500),
    ]
    assert [line.description for line in lines[:2]] == [
        "seconds · 10 seconds @ $1.00",
        "seconds · x · 150 seconds: 100 @ $1.00, 50 @ $0.50",
    ]


def test_a_line_is_rounded_once() -> None:
    totals = [used("1", day=day) for day in range(1, 11)]
    (line,) = price_usage(book(per_unit("0.0005")), None, totals, OCTOBER).lines
    assert (line.amount, line.amount_minor) == (Decimal("0.005"), 1)


def test_free_usage_is_kept_and_explained() -> None:
    (line,) = price_usage(book(replace(per_unit("1"), free_units=Decimal(1000))), None, [used("10")], OCTOBER).lines
    assert line.amount_minor == 0
    assert line.description == "seconds · 10 seconds @ $1.00, first 1,000 free"
    assert [step.step for step in line.working] == ["free_units"]


def test_usage_without_a_price_is_handed_back_not_dropped() -> None:
    prices = book(per_unit("1", match={"size": "a"}))
    totals = [used("1", size="a"), used("2", day=1, size="b"), used("3", day=2, size="b"), used("4", meter="watts")]
    priced = price_usage(prices, None, totals, OCTOBER)
    assert [line.quantity for line in priced.lines] == [Decimal(1)]
    assert [(u.code, u.meter, u.dimensions, u.quantity) for u in priced.unpriced] == [
        ("unpriced_meter", "seconds", {"size": "b"}, Decimal(5)),
        ("unpriced_meter", "watts", {}, Decimal(4)),
    ]
    assert "no price for 'seconds' with size=b" in priced.unpriced[0].message
    assert "does not know the meter 'watts'" in priced.unpriced[1].message


@pytest.mark.parametrize("name", ["gpu-hours_2", "my.counter", 'a "b" \\ 測', "", "".join(map(chr, range(128)))])
def test_the_remedy_names_the_heading_that_toml_reads_as_this_meter(name: str) -> None:
    (unpriced,) = price_usage(book(per_unit("1")), None, [used("4", meter=name)], OCTOBER).unpriced
    heading = unpriced.remedy.removeprefix("add ").removesuffix(
        " and its prices, or correct the source mapping; then repair the month"
    )
    assert tomllib.loads(heading) == {"meters": {name: {}}}


@pytest.mark.parametrize("aggregation", Aggregation)
def test_levels_that_are_told_are_never_added_up(aggregation: Aggregation) -> None:
    measures = {each: Decimal(3600_000_000) for each in Aggregation}
    told = [
        used(quantity, "disk", day, size=size)._replace(measures=measures, told_by=("eu", "us"), last_at=OCTOBER.start)
        for quantity, day, size in (("7", 1, "a"), ("5", 2, "b"), ("5", 20, "b"))
    ]
    early = book(per_unit("1", "disk"), per_unit("1"), disk=aggregation)
    bills_levels = book(per_unit("2", "disk"), per_unit("1"), disk=Aggregation.TIME_WEIGHTED)
    books = books_of_month(
        PriceBooks((early, replace(bills_levels, effective_from=date(2026, 10, 16)))), "usd", OCTOBER
    )
    assert books is not None
    priced = price_month(books, [used("4", day=1), *told])
    assert [line.quantity for line in priced.lines if line.meter == "seconds"] == [4]
    if aggregation in (Aggregation.TIME_WEIGHTED, Aggregation.MAX, Aggregation.LATEST):
        assert priced.unpriced == ()
        return
    (held,) = priced.unpriced  # one for all sizes
    assert (held.code, held.meter, held.quantity) == ("summed_levels", "disk", Decimal(12))
    assert f"'disk' up (aggregation = \"{aggregation}\"), but rows of 'eu' and 'us' tell" in held.message
    assert tomllib.loads(held.remedy.removeprefix('say aggregation = "time_weighted" in ').partition(",")[0])
    (late,) = [line for line in priced.lines if line.meter == "disk"]
    assert (late.usage, late.amount) == (Decimal(5), Decimal(2))  # of the book that bills levels: an hour of one day


def test_an_unknown_contract_prices_nothing() -> None:
    priced = price_usage(book(per_unit("1"), contracts={"acme": ()}), "acmee", [used("1")], OCTOBER)
    assert priced.lines == ()
    assert [u.code for u in priced.unpriced] == ["unknown_contract"]
    assert "'acmee' (it has: acme)" in priced.unpriced[0].message


def test_a_contracts_minimum_is_due_without_usage_and_only_once_with_it() -> None:
    own = replace(per_unit("2", match={"size": "a"}), minimum_spend=Decimal(100), contract="acme")
    prices = book(per_unit("1"), contracts={"acme": (own,)})
    (line,) = price_usage(prices, "acme", [], OCTOBER).lines
    assert (line.quantity, line.amount_minor, line.dimensions) == (Decimal(0), 10000, {"size": "a"})
    assert "raised to the minimum of $100.00" in line.description
    (line,) = price_usage(prices, "acme", [used("10", size="a")], OCTOBER).lines
    assert line.amount_minor == 10000
    assert price_usage(prices, None, [], OCTOBER).lines == ()


def test_a_line_keeps_its_id_when_priced_again_and_shares_it_with_no_other() -> None:
    totals = [used("150", region="x"), used("150", region="y"), used("5", meter="minutes")]
    prices = book(BY_REGION, per_unit("1", meter="minutes"))
    first = price_usage(prices, None, totals, OCTOBER).lines
    again = price_usage(prices, None, [*reversed(totals), used("1", region="x", day=3)], OCTOBER).lines
    november = price_usage(prices, None, totals, OCTOBER.next()).lines
    assert [line.line_id for line in first] == [line.line_id for line in again]
    assert len({line.line_id for line in (*first, *november)}) == 6


def test_a_line_id_does_not_depend_on_the_process() -> None:
    assert line_id("usage", Month(2026, 10), "m", {"a": "b"}) == "542e373693642f3991e6ec64"


@pytest.mark.parametrize(
    ("price", "quantity", "text"),
    [
        (per_unit("0.0000022", match={"size": "a"}), "1440000", "seconds · a · 1,440,000 seconds @ $0.0000022"),
        (per_unit("2"), "1", "seconds · 1 second @ $2.00"),
        (GRADUATED, "0.5", "seconds · 0.5 seconds @ $1.00"),
        (GRADUATED, "0", "seconds · 0 seconds in graduated tiers"),
        (GRADUATED, "-150", "seconds · -150 seconds: -100 @ $1.00, -50 @ $0.50"),
        (FREE_FIRST, "12", "seconds · 12 seconds: 9 free, 2 @ $1.00, first 1 free"),
        (FEES, "10", "seconds · 10 seconds for $5.00"),
        (FEES, "12", "seconds · 12 seconds: 10 for $5.00, 2 @ $0.25 + $3.00 flat"),
        (replace(FEES, model=models.VOLUME), "12", "seconds · 12 seconds @ $0.25 + $3.00 flat"),
        (
            replace(FEES, model=models.VOLUME, free_units=Decimal(2)),
            "13",
            "seconds · 13 seconds: 11 @ $0.25 + $3.00 flat, first 2 free",
        ),
        (MANY_TIERS, "100", MANY_TIERS_WORDS),
        (
            Price("seconds", models.PACKAGE, package_size=Decimal(1000), unit_amount=Decimal("0.5")),
            "1500",
            "seconds · 1,500 seconds: 2 packages of 1,000 @ $0.50",
        ),
        (
            Price("seconds", models.PACKAGE, package_size=Decimal(10), unit_amount=Decimal("1"), free_units=Decimal(5)),
            "7",
            "seconds · 7 seconds: 1 package of 10 @ $1.00, first 5 free",
        ),
        (
            Price("seconds", models.PACKAGE, package_size=Decimal(10), unit_amount=Decimal("1"), free_units=Decimal(5)),
            "4",
            "seconds · 4 seconds in packages of 10 @ $1.00, first 5 free",
        ),
        (Price("seconds", models.PERCENTAGE, rate=Decimal("0.029")), "100", "seconds · 100 seconds @ 2.9%"),
        (
            Price("seconds", models.FLAT, unit_amount=Decimal(25), maximum_spend=Decimal(20)),
            "3",
            "seconds · 3 seconds, $25.00 flat, limited to the maximum of $20.00",
        ),
    ],
)
def test_descriptions_are_plain_words(price: Price, quantity: str, text: str) -> None:
    (line,) = price_usage(book(price), None, [used(quantity, size="a")], OCTOBER).lines
    assert line.description == text


@pytest.mark.parametrize("model", [models.GRADUATED, models.VOLUME, models.PACKAGE, models.PER_UNIT])
@given(title=st.text(min_size=1, max_size=80), value=st.text(max_size=900), quantity=st.decimals(4, 10**12, places=18))
def test_a_price_is_never_cut(model: PriceModel, title: str, value: str, quantity: Decimal) -> None:
    price = replace(
        MANY_TIERS, model=model, group_by=("app", "zone"), unit_amount=Decimal("0.25"), free_units=Decimal(3)
    )
    prices = book(price)
    prices = replace(prices, meters={"seconds": replace(prices.meters["seconds"], title=title)})
    (line,) = price_usage(prices, None, [used(str(quantity), app=value, zone=value)], OCTOBER).lines
    assert len(line.description) <= LONGEST
    assert line.description.endswith("first 3 free") and f" · {grouped(quantity)} second" in line.description
    assert line.description.startswith(title) and line.title == title


def test_the_newest_book_of_the_month_says_what_a_meter_is_called() -> None:
    old, new = book(per_unit("1")), book(per_unit("1"))
    old = replace(old, meters={"seconds": replace(old.meters["seconds"], title="Machines")})
    new = replace(
        new, meters={"seconds": replace(new.meters["seconds"], title="Servers")}, effective_from=date(2026, 10, 11)
    )
    october = books_of_month(PriceBooks((old, new)), "usd", OCTOBER)
    assert october is not None
    (line,) = price_month(october, [used("0.5", day=1), used("0.505", day=20)]).lines
    assert (line.description, line.title, line.amount_minor) == ("Servers · 1.005 seconds @ $1.00", "Servers", 101)
    renamed = books_of_month(PriceBooks((old,)), "usd", OCTOBER)
    assert fingerprint(renamed) == fingerprint(books_of_month(PriceBooks((book(per_unit("1")),)), "usd", OCTOBER))


TOTALS = st.lists(
    st.builds(
        used,
        st.decimals(min_value=-1000, max_value=10**12, places=18).map(str),
        day=st.integers(1, 31),
        region=st.sampled_from("xyz"),
        size=st.sampled_from("ab"),
    ),
    max_size=12,
)


@given(TOTALS)
def test_every_quantity_is_in_exactly_one_line_in_whatever_order(totals: list[UsageTotal]) -> None:
    """Or in what no invoice can hold: some of these months come to more than a line may."""
    prices = book(BY_REGION, per_unit("3", match={"size": "b"}))
    priced = price_usage(prices, None, totals, OCTOBER)
    with exact():
        left_out = sum(usage.quantity for usage in priced.unpriced)
        assert sum(line.quantity for line in priced.lines) + left_out == sum(total.quantity for total in totals)
    assert {usage.code for usage in priced.unpriced} <= {"too_large"}
    assert price_usage(prices, None, sorted(totals, key=lambda total: total.quantity), OCTOBER) == priced
    assert total_minor(priced.lines) == sum(line.amount_minor for line in priced.lines)


@given(TOTALS)
def test_grouped_lines_are_rated_as_if_each_value_were_alone(totals: list[UsageTotal]) -> None:
    lines = price_usage(book(BY_REGION), None, totals, OCTOBER).lines
    for line in lines:
        alone = [total for total in totals if total.dimensions["region"] == line.dimensions["region"]]
        (expected,) = price_usage(book(GRADUATED), None, alone, OCTOBER).lines
        assert (line.amount, line.quantity) == (expected.amount, expected.quantity)
        assert rate(GRADUATED, line.quantity).amount == line.amount
