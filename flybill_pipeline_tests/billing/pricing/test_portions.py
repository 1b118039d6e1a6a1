"""What a line is shown by sums to the line, and changes nothing of what is billed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.invoicing.late_usage import BilledLine, unbilled
from flybill_pipeline.billing.money.currencies import currency_of
from flybill_pipeline.billing.money.decimals import exact
from flybill_pipeline.billing.pricing import models
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.portions import (
    Portion,
    less,
    portions_data,
    portions_from,
    portions_of,
    portions_words,
    together,
)
from flybill_pipeline.billing.pricing.price_changes import books_of_month
from flybill_pipeline.billing.pricing.prices import Price, PriceBook, PriceBooks
from flybill_pipeline.billing.pricing.usage_lines import price_month
from flybill_pipeline.billing.usage.meters import Aggregation, Rounding
from flybill_pipeline.billing.usage.totals import LevelTrail, UsageTotal
from flybill_pipeline_tests.billing.pricing.books import OCTOBER, book, per_unit, tier, used

GRADUATED = Price("seconds", models.GRADUATED, tiers=(tier("100", "0.03"), tier(None, "0.01", "5")))
PRICES = [
    replace(per_unit("0.003"), free_units=Decimal(20)),
    GRADUATED,
    replace(GRADUATED, model=models.VOLUME, maximum_spend=Decimal(7)),
    Price("seconds", models.PACKAGE, package_size=Decimal(50), unit_amount=Decimal("0.5")),
    Price("seconds", models.FLAT, unit_amount=Decimal(3), minimum_spend=Decimal(20)),
    Price("seconds", models.PERCENTAGE, rate=Decimal("0.029")),
]
APPS = st.sampled_from(["", "api", "web", "worker", "漢字"])
QUANTITIES = st.decimals(-300, 300, places=2).map(str)
USAGE = st.lists(st.builds(lambda n, app, day: used(n, day=day, app=app), QUANTITIES, APPS, st.integers(1, 31)))


def shown(*by: str, prices: Sequence[Price] = PRICES[:1], cheaper_from: int | None = None) -> PriceBooks:
    """The prices shown by these dimensions; from a day of October on cheaper ones."""
    first = book(*(replace(each, show_by=by) for each in prices), per_unit("1", "other"))
    if cheaper_from is None:
        return PriceBooks((first,))
    later = [replace(each, unit_amount=each.unit_amount / 2, minimum_spend=None) for each in first.prices]
    return PriceBooks((first, replace(first, prices=tuple(later), effective_from=date(2026, 10, cheaper_from))))


def lines_of(books: PriceBooks, totals: Sequence[UsageTotal]) -> tuple[LineItem, ...]:
    october = books_of_month(books, "usd", OCTOBER)
    assert october is not None
    return price_month(october, totals).lines


def sum_of(portions: Sequence[Portion]) -> int:
    return sum(each.amount_minor for each in portions)


@given(
    price=st.sampled_from(PRICES),
    totals=USAGE,
    more=USAGE,
    cheaper_from=st.none() | st.integers(2, 31),
    late=st.booleans(),
)
def test_portions_sum_to_their_line_and_nothing_else_changes(
    price: Price, totals: list[UsageTotal], more: list[UsageTotal], cheaper_from: int | None, late: bool
) -> None:
    """Of the month, and of what comes late: also when it comes twice, and takes everything back."""
    plain, by_app = (shown(*by, prices=[price], cheaper_from=cheaper_from) for by in ((), ("app",)))
    billed = lines_of(by_app, totals)
    assert [line._replace(portions=()) for line in billed] == list(lines_of(plain, totals))
    history = list(billed)
    if late:
        history += unbilled(lines_of(by_app, [*totals, *more]), as_billed(history))
        history += unbilled(lines_of(by_app, more), as_billed(history))
        history += unbilled((), as_billed(history))
        assert sum(line.amount_minor for line in history) == 0
        assert unbilled((), as_billed(history)) == ()
    for line in history:
        if line.portions:
            assert sum_of(line.portions) == line.amount_minor
            assert all(tuple(each.dimensions) == ("app",) for each in line.portions)
    for line in billed:
        assert bool(line.portions) == bool(line.quantity), "free usage is shown, too"
        assert all(abs(each.amount_minor) <= abs(line.amount_minor) for each in line.portions)


def as_billed(lines: Sequence[LineItem]) -> list[BilledLine]:
    names = [name for name in BilledLine.__slots__ if name != "billed_in"]
    return [BilledLine(billed_in=OCTOBER, **{name: getattr(line, name) for name in names}) for line in lines]


def test_a_line_is_shared_by_quantity() -> None:
    totals = [used("150", day=1, app="web"), used("50", day=2, app="api"), used("50", day=2, app="web", size="a")]
    totals += [used("10", day=3), used("-30", day=4, app="gone"), used("7", meter="other", app="web")]
    other, line = lines_of(shown("app", prices=[GRADUATED]), totals)
    assert (line.quantity, line.amount_minor, line.dimensions) == (Decimal(230), 930, {})
    assert [(each.name, each.quantity, each.amount_minor) for each in line.portions] == [
        ("without app", Decimal(10), 36),
        ("api", Decimal(50), 179),
        ("gone", Decimal(-30), 0),
        ("web", Decimal(200), 715),
    ]
    assert other.portions == ()


def test_what_comes_to_nothing_is_not_shared() -> None:
    (line,) = lines_of(shown("app"), [used("5", day=1, app="web"), used("-5", day=2, app="api")])[:1]
    assert (line.quantity, line.portions) == (Decimal(0), ())


def test_levels_are_shown_by_what_each_adds() -> None:
    started = book(replace(per_unit("1"), show_by=("app",)), seconds="time_weighted")
    two_hours = {Aggregation.TIME_WEIGHTED: Decimal(7200 * 10**6)}
    held = [used("2", day=1, app=app)._replace(measures=two_hours) for app in ("web", "api")]
    (line,) = lines_of(PriceBooks((started,)), held)
    assert [(each.name, each.quantity, each.amount_minor) for each in line.portions] == [
        ("api", Decimal(2), 200),
        ("web", Decimal(2), 200),
    ]


def test_a_level_is_shown_as_it_stood_when_prices_changed() -> None:
    """It was below zero for some days, which needs the changes of all days; another price holds from the 20th on."""
    old = book(replace(per_unit("1"), show_by=("app",)), seconds="time_weighted")
    new = replace(old, prices=(replace(old.prices[0], unit_amount=Decimal(2)),), effective_from=date(2026, 10, 20))
    until = datetime(2026, 11, 1, tzinfo=UTC)
    moved = [(1, 5), (21, -7), (25, 4)]
    trails = [LevelTrail(((datetime(2026, 10, day, tzinfo=UTC), Decimal(by)),), until) for day, by in moved]
    held = [
        used(str(by), day=day, app="web")._replace(trail=trail) for (day, by), trail in zip(moved, trails, strict=True)
    ]
    lines = lines_of(PriceBooks((old, new)), held)
    assert [line.quantity for line in lines] == [Decimal(19 * 24 * 5), Decimal(24 * 5 + 7 * 24 * 2)]
    assert [[each.quantity for each in line.portions] for line in lines] == [[line.quantity] for line in lines]


def test_corrections_are_shown_only_where_all_that_was_billed_is() -> None:
    web, more = [used("500", day=1, app="web")], [used("90", day=2, app="api")]
    by_app, unshown = shown("app"), shown()
    billed = lines_of(by_app, web)
    (late,) = unbilled(lines_of(by_app, [*web, *more]), as_billed(billed))
    assert [(each.name, each.quantity, each.amount_minor) for each in late.portions] == [
        ("api", Decimal(90), 26),
        ("web", Decimal(0), 1),
    ]
    assert [each.portions for each in unbilled(lines_of(unshown, [*web, *more]), as_billed(billed))] == [()]
    assert [each.portions for each in unbilled(lines_of(by_app, [*web, *more]), as_billed(lines_of(unshown, web)))] == [
        ()
    ]


def test_a_correction_that_moved_nothing_keeps_no_later_one_from_being_shown() -> None:
    free = [used("5", day=1, app="web")]
    billed = [*lines_of(shown("app"), free)]
    billed[0] = billed[0]._replace(portions=())  # its usage came to nothing then
    (late,) = unbilled(lines_of(shown("app"), [used("500", day=2, app="api")]), as_billed(billed))
    assert [each.name for each in late.portions] == ["api"]


def test_portions_are_before_the_whole_is_rounded_to_started_units() -> None:
    minutes = book(replace(per_unit("1"), show_by=("app",)))
    meter = replace(minutes.meters["seconds"], divide_by=Decimal(60), round=Rounding.UP)
    started: PriceBook = replace(minutes, meters={"seconds": meter})
    (line,) = lines_of(PriceBooks((started,)), [used("30", app="web"), used("45", app="api")])
    assert (line.quantity, line.amount_minor) == (Decimal(2), 200)
    assert [(each.quantity, each.amount_minor) for each in line.portions] == [
        (Decimal("0.75"), 120),
        (Decimal("0.5"), 80),
    ]


def test_the_newest_book_says_by_what_a_price_is_shown_that_goes_on() -> None:
    old, new = (
        book(per_unit("1")),
        replace(book(replace(per_unit("1"), show_by=("app",))), effective_from=date(2026, 10, 9)),
    )
    (line,) = lines_of(PriceBooks((old, new)), [used("5", day=1, app="web"), used("6", day=20, app="api")])
    assert [(each.name, each.amount_minor) for each in line.portions] == [("api", 600), ("web", 500)]


@given(
    used_by=st.dictionaries(
        st.tuples(st.tuples(st.just("app"), st.text(max_size=3))), st.decimals(-9, 10**9, places=9)
    ),
    amount=st.integers(-(10**12), 10**12),
    currency=st.sampled_from(["usd", "kwd", "isk", "jpy"]),
)
def test_shares_are_whole_steps_of_the_currency(
    used_by: dict[tuple[tuple[str, str], ...], Decimal], amount: int, currency: str
) -> None:
    step = currency_of(currency).step
    portions = portions_of(used_by, amount * step, currency)
    with exact():
        whole = sum(used_by.values(), Decimal(0))
    assert bool(portions) == bool(whole)
    assert not portions or sum_of(portions) == amount * step
    assert all(each.amount_minor % step == 0 for each in portions)
    assert portions_from(portions_data(portions)) == portions


def test_lines_that_are_not_shown_by_the_same_are_not_compared() -> None:
    web, zone = Portion({"app": "web"}, Decimal(1), 5), Portion({"zone": "a"}, Decimal(1), 5)
    assert less([web], [[web._replace(amount_minor=2)]]) == (Portion({"app": "web"}, Decimal(0), 3),)
    assert less([web], [[zone]]) == less([web], [[]]) == less([], [[web], []]) == ()
    assert together([[web], [web]]) == (Portion({"app": "web"}, Decimal(2), 10),)
    assert together([[web], [zone]]) == together([[web], []]) == together([]) == ()


APP_BILLS = [Portion({"app": name}, Decimal(1), amount) for name, amount in (("api", 310), ("web", 1880), ("idle", 0))]


@pytest.mark.parametrize(
    ("room", "words"),
    [
        (500, ". By app: web $18.80, api $3.10"),
        (31, ". By app: web $18.80, api $3.10"),
        (36, ". By app: web $18.80, api $3.10"),
        (30, ""),
    ],
)
def test_portions_in_words_are_as_many_as_there_is_room_for(room: int, words: str) -> None:
    assert portions_words(APP_BILLS, "usd", room) == words


@given(st.lists(st.integers(-(10**6), 10**6), max_size=40), st.integers(0, 200))
def test_words_of_portions_never_take_more_room_and_lose_no_money(amounts: list[int], room: int) -> None:
    portions = [Portion({"app": f"app-{n}", "zone": ""}, Decimal(1), amount) for n, amount in enumerate(amounts)]
    words = portions_words(portions, "usd", room)
    assert len(words) <= room
    if words:
        said = [
            Decimal(text.split()[-1].replace("$", "").replace(",", "")) for text in words.split(": ")[1].split(", ")
        ]
        assert sum(said) * 100 == sum(amounts)
