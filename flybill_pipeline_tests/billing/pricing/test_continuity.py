"""A price change that changes next to nothing bills next to nothing different, whatever is priced and how.

Books whose amounts differ in the eighth digit bill to the cent (one rounding a part) as one of them does all month.
Equal books would prove nothing: equal prices are taken for one.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flybill_pipeline.billing.invoicing.late_usage import unbilled
from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.pricing.line_items import LineItem, total_minor
from flybill_pipeline.billing.pricing.models import MODELS
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth, ContractDays, books_of_month
from flybill_pipeline.billing.pricing.prices import Contract, Price, PriceBook, PriceBooks, PriceModel, Tier
from flybill_pipeline.billing.pricing.usage_lines import price_month
from flybill_pipeline.billing.usage.meters import Aggregation, Meter, Rounding
from flybill_pipeline.billing.usage.totals import LevelTrail, UsageTotal
from flybill_pipeline_tests.billing.invoicing.test_late_usage import as_billed
from flybill_pipeline_tests.billing.pricing.books import OCTOBER
from flybill_pipeline_tests.worlds.effort import examples

NOVEMBER = date(2026, 11, 1)


def _hundredths(number: int) -> Decimal:
    return Decimal(number).scaleb(-2)


# Whole numbers are drawn and scaled: decimals take a hundred times as long to draw.
AMOUNT = st.integers(1, 900).map(_hundredths)
MAYBE = st.one_of(st.none(), st.integers(1, 40_000).map(_hundredths))
FREE = st.one_of(st.just(ZERO), st.integers(1, 8000).map(_hundredths))
QUANTITY = st.one_of(st.integers(0, 60).map(Decimal), st.integers(-9000, 12_000).map(_hundredths))
TIER = st.tuples(AMOUNT, st.one_of(st.just(ZERO), AMOUNT))
BOUNDS = st.sets(st.integers(1, 150), max_size=3).map(lambda bounds: [*map(Decimal, sorted(bounds)), None])


@st.composite
def prices(draw: st.DrawFn, model: PriceModel) -> Price:
    """A price of `model` with everything that a price can have."""
    takes = {field.name for field in model.fields}
    bounds = draw(BOUNDS) if "tiers" in takes else []
    low, high = draw(MAYBE), draw(MAYBE)
    return Price(
        "m",
        model,
        unit_amount=draw(AMOUNT) if "unit_amount" in takes else ZERO,
        package_size=Decimal(draw(st.integers(1, 40))) if "package_size" in takes else Decimal(1),
        rate=draw(AMOUNT) if "rate" in takes else ZERO,
        tiers=tuple(Tier(bound, *draw(TIER)) for bound in bounds),
        free_units=draw(FREE),
        group_by=draw(st.sampled_from([(), ("region",)])),
        minimum_spend=low,
        maximum_spend=None if high is None else high + (low or ZERO),
    )


@st.composite
def meters(draw: st.DrawFn, aggregation: Aggregation) -> Meter:
    return Meter(
        "m",
        aggregation,
        "unit",
        Decimal(draw(st.integers(1, 3))),
        Decimal(draw(st.integers(1, 3))),
        draw(st.sampled_from(list(Rounding))),
        draw(st.sampled_from([None, "user"])) if aggregation is Aggregation.UNIQUE_COUNT else None,
        draw(st.sampled_from([(), ("region",), ("user",)])) if aggregation.has_series else (),
    )


USED = st.builds(
    UsageTotal,
    org_id=st.just("org"),
    meter=st.just("m"),
    dimensions=st.fixed_dictionaries(
        {"user": st.sampled_from("uvw")}, optional={"region": st.sampled_from("xy"), "size": st.sampled_from("ab")}
    ),
    quantity=QUANTITY,
    day=st.integers(1, 31).map(lambda day: date(2026, 10, day)),
    events=st.integers(1, 3),
    measures=st.just({}),
    corrections=st.integers(0, 1),
    last_at=st.none(),
    trail=st.none(),
    told_by=st.just(()),
)


def measured(total: UsageTotal, *, trailed: bool) -> UsageTotal:
    """The same with every measure that there is; levels are in unit x microseconds, or `trailed` by their changes."""
    at = datetime.combine(total.day or OCTOBER.first_day, time(7), UTC)
    measures = {
        Aggregation.MAX: total.quantity,
        Aggregation.LATEST: total.quantity,
        Aggregation.UNIQUE_COUNT: Decimal(total.events),
        Aggregation.TIME_WEIGHTED: total.quantity * 3_600_000_000,
    }
    trail = LevelTrail(((at, total.quantity.scaleb(-3)),), OCTOBER.end) if trailed else None
    return total._replace(measures=measures, last_at=at, trail=trail)


@dataclass(frozen=True)
class World:
    """One price book, the days on which slightly different ones begin, and an org's usage in the order of arrival.

    The book may begin within the month; contracts, and usage, are of days that have it.
    """

    book: PriceBook
    contracts: tuple[ContractDays, ...]
    changes: tuple[tuple[int, int], ...]
    arrivals: tuple[tuple[UsageTotal, ...], ...]

    @property
    def usage(self) -> list[UsageTotal]:
        return [total for arrival in self.arrivals for total in arrival]

    def books(self, *, changed: bool) -> BooksOfMonth:
        later = [(day, eighths) for day, eighths in self.changes if changed]
        dated = [replace(nudged(self.book, eighths), effective_from=date(2026, 10, day)) for day, eighths in later]
        found = books_of_month(PriceBooks((self.book, *dated)), "usd", OCTOBER)
        assert found is not None
        return found.under(self.contracts)


@st.composite
def worlds(draw: st.DrawFn, models: Sequence[PriceModel] = tuple(MODELS.values())) -> World:
    meter = draw(st.sampled_from(list(Aggregation)).flatmap(meters))
    a_price = st.sampled_from(models).flatmap(prices)
    general, special = draw(a_price), draw(st.one_of(st.none(), a_price))
    chosen = (general,) if special is None else (general, replace(special, match={"size": "a"}))
    contract = draw(st.sampled_from([None, "acme", "none"]))
    own = (replace(draw(a_price), contract="acme"),) if contract == "acme" else ()
    first = draw(st.sampled_from([1, 1, 1, 12]))
    days = draw(st.lists(st.integers(first + 1, 31), max_size=3, unique=True))
    since = draw(st.sampled_from([first, first, 17]))
    until = draw(st.sampled_from([None, None, 25]))
    trailed = meter.aggregation is Aggregation.TIME_WEIGHTED and draw(st.booleans())
    eighths = draw(st.lists(st.integers(-9, 9).filter(bool), min_size=3, max_size=3, unique=True))
    return World(
        PriceBook(
            "usd",
            date(2026, 1, 1) if first == 1 else date(2026, 10, first),
            {"m": meter},
            chosen,
            {contract: Contract(contract, own)} if contract else {},
        ),
        (ContractDays(contract, date(2026, 10, since), date(2026, 10, until) if until else NOVEMBER),)
        if contract
        else (),
        tuple(zip(sorted(days), eighths, strict=False)),
        tuple(
            tuple(
                measured(total, trailed=trailed)
                for total in draw(st.lists(USED, max_size=5))
                if total.day and total.day.day >= first
            )
            for _ in range(draw(st.integers(1, 3)))
        ),
    )


def nudged(book: PriceBook, eighths: int) -> PriceBook:
    """The book with every amount changed in its eighth digit."""
    with exact():
        factor = 1 + Decimal(eighths).scaleb(-8)

        def price(found: Price) -> Price:
            tiers = (Tier(t.up_to, t.unit_amount * factor, t.flat_amount * factor) for t in found.tiers)
            return replace(
                found,
                unit_amount=found.unit_amount * factor,
                rate=found.rate * factor,
                tiers=tuple(tiers),
                minimum_spend=None if found.minimum_spend is None else found.minimum_spend * factor,
                maximum_spend=None if found.maximum_spend is None else found.maximum_spend * factor,
            )

        contracts = {
            name: replace(contract, prices=tuple(map(price, contract.prices)))
            for name, contract in book.contracts.items()
        }
        return replace(book, prices=tuple(map(price, book.prices)), contracts=contracts)


def exactly(lines: Iterable[LineItem]) -> Decimal:
    with exact():
        return sum((line.amount for line in lines), ZERO)


SOME = settings(max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("model", MODELS.values(), ids=str)
@SOME
@given(data=st.data())
def test_prices_that_hardly_change_bill_what_one_price_bills(model: PriceModel, data: st.DataObject) -> None:
    world = data.draw(worlds([model]))
    one = price_month(world.books(changed=False), world.usage).lines
    several = price_month(world.books(changed=True), world.usage).lines
    assert abs(exactly(several) - exactly(one)) < Decimal("0.0005")
    # Each line is rounded once: half a cent each, on either side.
    assert abs(total_minor(several) - total_minor(one)) <= (len(several) + len(one)) / 2


@SOME
@given(worlds())
def test_each_part_is_explained_by_its_working_and_accounts_for_the_usage_of_its_days(world: World) -> None:
    lines = price_month(world.books(changed=True), world.usage).lines
    with exact():
        for line in lines:
            assert sum((step.amount for step in line.working), ZERO) == line.amount
        recorded = sum((total.quantity for total in world.usage), ZERO)
        assert sum((line.usage for line in lines), ZERO) == recorded
    assert len({line.line_id for line in lines}) == len(lines)


@SOME
@given(worlds())
def test_however_late_it_comes_it_is_billed_once_though_prices_changed(world: World) -> None:
    books, known = world.books(changed=True), list[UsageTotal]()
    billed: list[LineItem] = []
    for arrival in world.arrivals:
        known += arrival
        now = price_month(books, known).lines
        billed += unbilled(now, as_billed(billed))
        assert total_minor(billed) == total_minor(now)
        assert unbilled(now, as_billed(billed)) == ()


def with_minimum(world: World, places: Collection[int], minimum: Decimal | None) -> BooksOfMonth:
    """The world's changed books, of which those at `places` have this minimum in every price."""
    books = world.books(changed=True)

    def changed(book: PriceBook) -> PriceBook:
        own = {
            name: replace(contract, prices=tuple(replace(price, minimum_spend=minimum) for price in contract.prices))
            for name, contract in book.contracts.items()
        }
        return replace(
            book, prices=tuple(replace(price, minimum_spend=minimum) for price in book.prices), contracts=own
        )

    parts = (
        replace(part, book=changed(part.book)) if place in places else part for place, part in enumerate(books.parts)
    )
    return replace(books, parts=tuple(parts))


@SOME
@given(worlds(), st.sets(st.integers(0, 4)))
def test_a_book_without_a_minimum_is_one_whose_minimum_is_zero(world: World, places: set[int]) -> None:
    without, zero = (price_month(with_minimum(world, places, least), world.usage).lines for least in (None, ZERO))
    assert abs(exactly(without) - exactly(zero)) < Decimal("0.0005")  # lines may be others: equal prices share one
