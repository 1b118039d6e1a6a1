"""Price books that change within a month."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from flybill_pipeline.billing.invoicing.commitments import commitment_in
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing import models
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth, ContractDays, books_of_month, one_book
from flybill_pipeline.billing.pricing.prices import Contract, Price, PriceBook, PriceBooks
from flybill_pipeline.billing.pricing.usage_lines import price_month, price_usage
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.billing.usage.totals import UsageTotal
from flybill_pipeline_tests.billing.pricing.books import OCTOBER, book, per_unit, tier, used

GRADUATED = Price("minutes", models.GRADUATED, tiers=(tier("100", "1"), tier(None, "0.5")))
OLD = book(per_unit("1"), GRADUATED)


def _changed(new: PriceBook, day: int = 16) -> BooksOfMonth:
    later = replace(new, effective_from=date(2026, 10, day))
    found = books_of_month(PriceBooks((later, OLD)), "usd", OCTOBER)
    assert found is not None
    return found


def test_each_book_prices_the_usage_of_its_own_days() -> None:
    books = _changed(book(per_unit("2"), GRADUATED))
    totals = [used("10", day=1), used("10", day=15), used("10", day=16), used("10", day=31)]
    lines = price_month(books, totals).lines
    assert [(line.quantity, line.amount_minor) for line in lines] == [(Decimal(20), 2000), (Decimal(20), 4000)]
    assert lines[0].description.endswith(", from 2026-10-01 to 2026-10-15")
    assert lines[1].description.endswith(", from 2026-10-16 to 2026-10-31")
    assert len({line.line_id for line in lines}) == 2


def test_a_price_that_stays_the_same_keeps_its_tiers_through_the_month() -> None:
    totals = [used("80", "minutes", day=1), used("80", "minutes", day=20)]
    (line,) = price_month(_changed(book(per_unit("2"), GRADUATED)), totals).lines
    (alone,) = price_usage(OLD, None, totals, OCTOBER).lines
    assert line == alone
    assert line.amount_minor == 13000


def test_a_price_that_ends_and_one_that_goes_on_never_share_a_line() -> None:
    goes_on, ends = replace(per_unit("2"), group_by=("size",)), per_unit("1", match={"size": "a"})
    later = replace(book(goes_on), effective_from=date(2026, 10, 16))
    books = books_of_month(PriceBooks((book(goes_on, ends), later)), "usd", OCTOBER)
    assert books is not None
    lines = price_month(books, [used("10", day=1, size="a"), used("10", day=20, size="a")]).lines
    assert sorted(line.amount_minor for line in lines) == [1000, 2000]
    assert len({line.line_id for line in lines}) == 2


def test_the_tiers_of_a_changed_price_are_climbed_once() -> None:
    dearer = replace(GRADUATED, tiers=(tier("100", "2"), tier(None, "1")))
    totals = [used("80", "minutes", day=1), used("80", "minutes", day=20)]
    lines = price_month(_changed(book(per_unit("1"), dearer)), totals).lines
    assert [line.amount_minor for line in lines] == [8000, 10000]  # the second begins at 80: 20 x 2 and 60 x 1
    assert [(step.from_quantity, step.quantity) for step in lines[1].working] == [
        (Decimal(0), Decimal(20)),
        (Decimal(100), Decimal(60)),
    ]


def test_free_units_are_the_months_and_a_minimum_is_compared_once() -> None:
    old = replace(per_unit("1"), free_units=Decimal(31), minimum_spend=Decimal(62), contract="acme")
    new = replace(per_unit("2"), free_units=Decimal(62), minimum_spend=Decimal(31), contract="acme")
    first = book(per_unit("1"), contracts={"acme": (old,)})
    second = replace(book(per_unit("1"), contracts={"acme": (new,)}), effective_from=date(2026, 10, 11))
    books = books_of_month(PriceBooks((first, second)), "usd", OCTOBER)
    assert books is not None
    lines = price_month(books.with_contract("acme"), [used("40", day=1), used("100", day=11)]).lines
    assert [line.amount for line in lines] == [Decimal(9), Decimal(156)]  # 31 are free, then the other 22 of 62
    without_usage = price_month(books.with_contract("acme"), []).lines
    assert [line.amount for line in without_usage] == [Decimal(20), Decimal(21)]


def test_an_unchanged_commitment_is_due_once() -> None:
    own = replace(per_unit("1"), minimum_spend=Decimal(50), contract="acme")
    first = book(GRADUATED, contracts={"acme": (own,)})
    second = replace(first, effective_from=date(2026, 10, 16))
    books = books_of_month(PriceBooks((first, second)), "usd", OCTOBER)
    assert books is not None
    assert [line.amount_minor for line in price_month(books.with_contract("acme"), []).lines] == [5000]
    assert [line.amount_minor for line in price_month(books.with_contract("acme"), [used("1", day=20)]).lines] == [5000]


def test_a_month_with_one_book_is_priced_as_ever() -> None:
    books = books_of_month(PriceBooks((OLD,)), "usd", OCTOBER)
    assert books is not None
    assert len(books.parts) == 1
    assert price_month(books, [used("3")]) == price_usage(OLD, None, [used("3")], OCTOBER)


def test_a_change_needs_to_know_the_days() -> None:
    with pytest.raises(ValueError, match="hand in the usage by day"):
        price_month(_changed(book(per_unit("2"))), [used("3")])
    late = books_of_month(PriceBooks((replace(OLD, effective_from=date(2026, 10, 16)),)), "usd", OCTOBER)
    assert late is not None
    with pytest.raises(ValueError, match="hand in the usage by day"):
        price_month(late, [used("3")])


def test_usage_before_the_first_book_is_unpriced_and_no_book_is_none() -> None:
    late = replace(OLD, effective_from=date(2026, 10, 16))
    books = books_of_month(PriceBooks((late,)), "usd", OCTOBER)
    assert books is not None
    priced = price_month(books, [used("3", day=15), used("4", day=16)])
    assert [line.quantity for line in priced.lines] == [Decimal(4)]
    assert [(usage.quantity, usage.code) for usage in priced.unpriced] == [(Decimal(3), "unpriced_meter")]
    assert "in force before 2026-10-16" in priced.unpriced[0].message
    assert books_of_month(PriceBooks((late,)), "usd", OCTOBER.previous()) is None
    assert books_of_month(PriceBooks((late,)), "eur", OCTOBER) is None


SEPTEMBER = Month(2026, 9)


def _september(*prices: Price, aggregation: str = "sum", days: tuple[int, ...] = (16,)) -> BooksOfMonth:
    """A book for each of `prices`, the first from the beginning of the year, the others from those days on."""
    starts = [date(2026, 1, 1), *(date(2026, 9, day) for day in days)]
    dated = [
        replace(book(price, seconds=aggregation), effective_from=start)
        for price, start in zip(prices, starts, strict=True)
    ]
    found = books_of_month(PriceBooks(tuple(dated)), "usd", SEPTEMBER)
    assert found is not None
    return found


def _on(day: int, quantity: str) -> UsageTotal:
    """Usage of a day in September, measured in every way."""
    measures = {Aggregation.MAX: Decimal(quantity), Aggregation.LATEST: Decimal(quantity)}
    return used(quantity)._replace(day=date(2026, 9, day), measures=measures)


def _seats(unit_amount: str) -> Price:
    return per_unit(unit_amount)


def _allowance(unit_amount: str) -> Price:
    return replace(per_unit(unit_amount), free_units=Decimal(100))


def _free_tier(unit_amount: str) -> Price:
    return Price("seconds", models.GRADUATED, tiers=(tier("100"), tier(None, unit_amount)))


def _volume(unit_amount: str, more: str, fee: str = "0") -> Price:
    return Price("seconds", models.VOLUME, tiers=(tier("100", unit_amount), tier(None, more, fee)))


def _boxes(unit_amount: str) -> Price:
    return Price("seconds", models.PACKAGE, package_size=Decimal(100), unit_amount=Decimal(unit_amount))


def _flat(unit_amount: str) -> Price:
    return Price("seconds", models.FLAT, unit_amount=Decimal(unit_amount))


def _least(minimum: str) -> Price:
    return replace(per_unit("1"), minimum_spend=Decimal(minimum))


def _most(maximum: str, unit_amount: str = "1") -> Price:
    return replace(per_unit(unit_amount), maximum_spend=Decimal(maximum))


@pytest.mark.parametrize(
    ("prices", "aggregation", "usage", "cents"),
    [
        # 10 seats all month, $5 in the first half, $6 in the second: half of $50 and half of $60.
        ((_seats("5"), _seats("6")), "max", {5: "10", 25: "10"}, [2500, 3000]),
        ((_seats("5"), _seats("6")), "latest", {5: "10", 25: "10"}, [2500, 3000]),
        ((_seats("1"), _seats("1.02")), "max", {5: "10", 25: "10"}, [500, 510]),
        ((_seats("5"), _seats("6")), "max", {25: "10"}, [2500, 3000]),  # the peak is the month's, on whichever day
        ((_seats("5"), _seats("6")), "latest", {5: "10", 25: "4"}, [1000, 1200]),
        # 100 free units a month, in both spellings: used up in the first half, or still there in the second.
        ((_allowance("1"), _allowance("1.02")), "sum", {5: "100", 25: "100"}, [0, 10200]),
        ((_free_tier("1"), _free_tier("1.02")), "sum", {5: "100", 25: "100"}, [0, 10200]),
        ((_allowance("1"), _allowance("1.02")), "sum", {25: "100"}, [0]),
        ((_free_tier("1"), _free_tier("1.02")), "sum", {25: "100"}, [0]),
        ((_allowance("1"), _allowance("1.02")), "sum", {5: "130", 25: "100"}, [3000, 10200]),
        # 160 are beyond 100: 80 x 0.50 and 80 x 0.51; a tier's flat amount is due once.
        ((_volume("1", "0.5"), _volume("1.02", "0.51")), "sum", {5: "80", 25: "80"}, [4000, 4080]),
        ((_volume("1", "0.5", "20"), _volume("1", "0.5", "40")), "sum", {5: "80", 25: "80"}, [5000, 6000]),
        # Packages are counted over the month: the second half starts none, then one.
        ((_boxes("2"), _boxes("3")), "sum", {5: "130", 25: "60"}, [400, 0]),
        ((_boxes("2"), _boxes("3")), "sum", {5: "130", 25: "80"}, [400, 300]),
        # What is due once a month: half of each, whenever it is used.
        ((_flat("10"), _flat("20")), "sum", {25: "1"}, [500, 1000]),
        ((_least("40"), _least("60")), "sum", {5: "10", 25: "15"}, [2000, 3000]),  # 25 are missing to 50: 10 and 15
        ((_least("40"), _least("60")), "sum", {5: "10", 25: "45"}, [1000, 4500]),
        ((_most("40"), _most("60")), "sum", {5: "60", 25: "40"}, [3000, 2000]),  # half of everything
        ((_most("40"), _most("60")), "sum", {5: "30", 25: "20"}, [3000, 2000]),
        # What is taken back is taken back at the price of its day, from where the month has got to.
        ((_free_tier("1"), _free_tier("2")), "sum", {5: "150", 25: "-20"}, [5000, -4000]),
        ((_allowance("1"), _allowance("2")), "sum", {5: "-120", 25: "240"}, [-2000, 8000]),
    ],
)
def test_a_price_change_by_hand(
    prices: tuple[Price, Price], aggregation: str, usage: dict[int, str], cents: list[int]
) -> None:
    totals = [_on(day, quantity) for day, quantity in usage.items()]
    lines = price_month(_september(*prices, aggregation=aggregation), totals).lines
    assert [line.amount_minor for line in lines] == cents
    assert sum(line.usage for line in lines) == sum(total.quantity for total in totals)


def test_three_books_in_a_month_share_a_peak_by_their_days() -> None:
    books = _september(per_unit("3"), per_unit("6"), per_unit("9"), aggregation="max", days=(11, 26))
    lines = price_month(books, [_on(5, "10")]).lines
    assert [line.amount_minor for line in lines] == [1000, 3000, 1500]  # 10, 15 and 5 days of 30
    assert [line.description for line in lines[:2]] == [
        "seconds · 10 seconds @ $3.00, for 10 of 30 days, from 2026-09-01 to 2026-09-10",
        "seconds · 10 seconds @ $6.00, for 15 of 30 days, from 2026-09-11 to 2026-09-25",
    ]


def test_a_price_that_is_said_again_for_less_begins_where_the_month_had_got_to() -> None:
    """As if it had been in force then; and what is left to the older price does so too."""
    general = replace(_allowance("1"), meter="seconds")
    narrow = replace(general, match={"size": "a"})
    first, second = book(general), replace(book(general, narrow), effective_from=date(2026, 10, 16))
    books = books_of_month(PriceBooks((first, second)), "usd", OCTOBER)
    back = books_of_month(
        PriceBooks((book(general, narrow), replace(first, effective_from=date(2026, 10, 16)))), "usd", OCTOBER
    )
    assert books is not None and back is not None
    totals = [used("100", day=5, size="a"), used("100", day=25, size="a")]
    for changed in (books, back):
        assert sum(line.amount_minor for line in price_month(changed, totals).lines) == 10000


NO_LIMIT = _seats("1")


@pytest.mark.parametrize(
    ("prices", "usage", "cents"),
    [
        # A minimum of $50 in half of the month is one of $25, compared with all of it: where there is none it is 0.
        ((_least("50"), NO_LIMIT), {5: "5", 20: "100"}, [500, 10000]),
        ((_least("50"), _least("0")), {5: "5", 20: "100"}, [500, 10000]),
        ((NO_LIMIT, _least("50")), {5: "10"}, [1000, 1500]),
        ((_least("0"), _least("50")), {5: "10"}, [1000, 1500]),
        ((NO_LIMIT, _least("400")), {5: "100", 25: "100"}, [10000, 10000]),
        ((NO_LIMIT, _least("600")), {5: "100", 25: "100"}, [10000, 20000]),
        # A maximum holds on its own days only: what the others cost has no limit.
        ((_most("50"), NO_LIMIT), {5: "100", 20: "100"}, [2500, 10000]),
        ((NO_LIMIT, _most("60")), {5: "100", 25: "100"}, [10000, 3000]),
        # The minimum is what the month comes to at least, whatever a maximum takes off.
        ((_least("400"), _most("60", "2")), {5: "100", 25: "100"}, [17000, 3000]),
        ((_least("200"), _most("60", "2")), {5: "100", 25: "100"}, [10000, 3000]),
    ],
)
def test_a_limit_that_only_one_book_has_counts_by_the_share_of_its_days(
    prices: tuple[Price, Price], usage: dict[int, str], cents: list[int]
) -> None:
    lines = price_month(_september(*prices), [_on(day, quantity) for day, quantity in usage.items()]).lines
    assert [line.amount_minor for line in lines] == cents


def test_a_contracts_minimum_of_one_price_is_compared_with_all_of_the_month() -> None:
    own = replace(_least("300"), contract="c")
    books = one_book(book(per_unit("1"), contracts={"c": (own,)}), SEPTEMBER)
    from_20th = books.under((ContractDays("c", date(2026, 9, 20), date(2026, 10, 1)),))
    assert [line.amount_minor for line in price_month(from_20th, []).lines] == [11000]
    assert sum(line.amount_minor for line in price_month(from_20th, [_on(5, "60")]).lines) == 11000
    assert sum(line.amount_minor for line in price_month(from_20th, [_on(5, "200")]).lines) == 20000


@pytest.mark.parametrize(
    ("price", "aggregation", "cents"),
    [
        (_flat("10"), "sum", 500),
        (_least("400"), "sum", 20000),
        (_most("40"), "sum", 2000),
        (_seats("5"), "max", 25000),
        (_seats("5"), "latest", 25000),
        (_seats("1"), "sum", 10000),
        (_volume("1", "0.5", "20"), "sum", 10000),
    ],
)
def test_days_before_the_first_book_pay_nothing_of_what_is_due_once_a_month(
    price: Price, aggregation: str, cents: int
) -> None:
    """As if there were a book before it in which everything costs nothing."""
    priced = replace(book(price, seconds=aggregation), effective_from=date(2026, 9, 16))
    books = books_of_month(PriceBooks((priced,)), "usd", SEPTEMBER)
    assert books is not None
    assert [line.amount_minor for line in price_month(books, [_on(25, "100")]).lines] == [cents]


@pytest.mark.parametrize(("month", "hours"), [("2026-02", 672), ("2028-02", 696), ("2026-09", 720), ("2026-10", 744)])
def test_a_gigabyte_month_costs_the_same_in_each_month(month: str, hours: int) -> None:
    """Measured in megabytes times hours; a price that changes within the month has its share of them."""
    of_month, old = Month.parse(month), book(per_unit("15"))
    disk = replace(old.meters["seconds"], divide_by=Decimal(1000), hours_of_month=True)
    old = replace(old, meters={"seconds": disk})
    (line,) = price_usage(old, None, [used(str(hours * 1000))], of_month).lines
    assert (line.quantity, line.amount_minor) == (Decimal(1), 1500)
    later = replace(old, effective_from=of_month.first_day.replace(day=15), prices=(per_unit("30"),))
    books = books_of_month(PriceBooks((old, later)), "usd", of_month)
    assert books is not None
    halves = [used(str(hours * 500))._replace(day=of_month.first_day.replace(day=day)) for day in (14, 15)]
    assert [line.amount_minor for line in price_month(books, halves).lines] == [750, 1500]


def test_a_contract_that_holds_before_the_first_book_waits_for_one() -> None:
    priced = replace(book(per_unit("1"), contracts={"c": ()}), effective_from=date(2026, 9, 16))
    books = books_of_month(PriceBooks((priced,)), "usd", SEPTEMBER)
    assert books is not None
    priced_month = price_month(books.under((ContractDays("c", date(2026, 9, 1), date(2026, 9, 18)),)), [])
    assert [(each.code, each.meter) for each in priced_month.unpriced] == [("no_price_book", None)]
    assert "no usd price book is in force before 2026-09-16" in priced_month.unpriced[0].message
    assert price_month(books.under((ContractDays("c", date(2026, 9, 16), date(2026, 9, 18)),)), []).unpriced == ()


def test_a_contracts_minimum_is_each_books_by_its_share_of_the_days() -> None:
    def dated(minimum: str | None, day: date) -> PriceBook:
        least = None if minimum is None else Decimal(minimum)
        return replace(book(_seats("1")), effective_from=day, contracts={"acme": Contract("acme", (), least)})

    def minimum(first: str | None, second: str | None) -> int | None:
        books = PriceBooks((dated(first, date(2026, 1, 1)), dated(second, date(2026, 9, 11))))
        of_month = books_of_month(books, "usd", SEPTEMBER)
        assert of_month is not None
        commitment = commitment_in(of_month.with_contract("acme"))
        return None if commitment is None else commitment.minimum_minor

    assert minimum("300", "600") == 50000
    assert minimum("300", "300") == 30000
    assert minimum(None, "600") == 40000
    assert minimum("300", None) == 10000
    assert minimum(None, None) is None
