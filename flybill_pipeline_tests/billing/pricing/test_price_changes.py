"""Price books that change within a month."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth, books_of_month
from flybill_pipeline.billing.pricing.prices import Price, PriceBook, PriceBooks, PriceModel
from flybill_pipeline.billing.pricing.usage_lines import price_month, price_usage
from flybill_pipeline_tests.billing.pricing.books import OCTOBER, book, per_unit, tier, used

GRADUATED = Price("minutes", PriceModel.GRADUATED, tiers=(tier("100", "1"), tier(None, "0.5")))
OLD = book(per_unit("1"), GRADUATED)


def _changed(new: PriceBook, day: int = 16) -> BooksOfMonth:
    later = replace(new, effective_from=date(2026, 10, day))
    found = books_of_month(PriceBooks((later, OLD)), "usd", OCTOBER)
    assert found is not None
    return found


def test_each_book_prices_the_usage_of_its_own_days() -> None:
    books = _changed(book(per_unit("2"), GRADUATED))
    totals = [used("10", day=1), used("10", day=15), used("10", day=16), used("10", day=31)]
    lines = price_month(books, None, totals).lines
    assert [(line.quantity, line.amount_minor) for line in lines] == [(Decimal(20), 2000), (Decimal(20), 4000)]
    assert lines[0].description.endswith(", from 2026-10-01 until 2026-10-16")
    assert lines[1].description.endswith(", from 2026-10-16 until 2026-11-01")
    assert len({line.line_id for line in lines}) == 2


def test_a_price_that_stays_the_same_keeps_its_tiers_through_the_month() -> None:
    totals = [used("80", "minutes", day=1), used("80", "minutes", day=20)]
    (line,) = price_month(_changed(book(per_unit("2"), GRADUATED)), None, totals).lines
    (alone,) = price_usage(OLD, None, totals, OCTOBER).lines
    assert line == alone
    assert line.amount_minor == 13000


def test_a_price_that_ends_and_one_that_goes_on_never_share_a_line() -> None:
    goes_on, ends = replace(per_unit("2"), group_by=("size",)), per_unit("1", match={"size": "a"})
    later = replace(book(goes_on), effective_from=date(2026, 10, 16))
    books = books_of_month(PriceBooks((book(goes_on, ends), later)), "usd", OCTOBER)
    assert books is not None
    lines = price_month(books, None, [used("10", day=1, size="a"), used("10", day=20, size="a")]).lines
    assert sorted(line.amount_minor for line in lines) == [1000, 2000]
    assert len({line.line_id for line in lines}) == 2


def test_tiers_of_a_changed_price_see_only_its_own_days() -> None:
    dearer = replace(GRADUATED, tiers=(tier("100", "2"), tier(None, "1")))
    totals = [used("80", "minutes", day=1), used("80", "minutes", day=20)]
    lines = price_month(_changed(book(per_unit("1"), dearer)), None, totals).lines
    assert [line.amount_minor for line in lines] == [8000, 16000]


def test_what_is_granted_or_due_once_a_month_is_shared_by_days() -> None:
    old = replace(per_unit("1"), free_units=Decimal(31), minimum_spend=Decimal(62), contract="acme")
    new = replace(per_unit("2"), free_units=Decimal(62), minimum_spend=Decimal(31), contract="acme")
    first = book(per_unit("1"), contracts={"acme": (old,)})
    second = replace(book(per_unit("1"), contracts={"acme": (new,)}), effective_from=date(2026, 10, 11))
    books = books_of_month(PriceBooks((first, second)), "usd", OCTOBER)
    assert books is not None
    lines = price_month(books, "acme", [used("100", day=1), used("100", day=11)]).lines
    assert [line.amount for line in lines] == [Decimal(90), Decimal(116)]  # 10 and 42 units are free
    without_usage = price_month(books, "acme", []).lines
    assert [line.amount for line in without_usage] == [Decimal(20), Decimal(21)]


def test_an_unchanged_commitment_is_due_once() -> None:
    own = replace(per_unit("1"), minimum_spend=Decimal(50), contract="acme")
    first = book(GRADUATED, contracts={"acme": (own,)})
    second = replace(first, effective_from=date(2026, 10, 16))
    books = books_of_month(PriceBooks((first, second)), "usd", OCTOBER)
    assert books is not None
    assert [line.amount_minor for line in price_month(books, "acme", []).lines] == [5000]
    assert [line.amount_minor for line in price_month(books, "acme", [used("1", day=20)]).lines] == [5000]


def test_a_month_with_one_book_is_priced_as_ever() -> None:
    books = books_of_month(PriceBooks((OLD,)), "usd", OCTOBER)
    assert books is not None
    assert len(books.parts) == 1
    assert price_month(books, None, [used("3")]) == price_usage(OLD, None, [used("3")], OCTOBER)


def test_a_change_needs_to_know_the_days() -> None:
    with pytest.raises(ValueError, match="hand in the usage by day"):
        price_month(_changed(book(per_unit("2"))), None, [used("3")])


def test_usage_before_the_first_book_is_unpriced_and_no_book_is_none() -> None:
    late = replace(OLD, effective_from=date(2026, 10, 16))
    books = books_of_month(PriceBooks((late,)), "usd", OCTOBER)
    assert books is not None
    priced = price_month(books, None, [used("3", day=15), used("4", day=16)])
    assert [line.quantity for line in priced.lines] == [Decimal(4)]
    assert [(usage.quantity, usage.code) for usage in priced.unpriced] == [(Decimal(3), "unpriced_meter")]
    assert "in force before 2026-10-16" in priced.unpriced[0].message
    assert books_of_month(PriceBooks((late,)), "usd", OCTOBER.previous()) is None
    assert books_of_month(PriceBooks((late,)), "eur", OCTOBER) is None
