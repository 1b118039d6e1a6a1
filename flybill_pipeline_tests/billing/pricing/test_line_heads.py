"""What a usage line is a line of: looked up once for all who buy the same, and never taken for something else."""

from dataclasses import replace
from datetime import date

import pytest

from flybill_pipeline.billing.pricing.line_heads import LineHead, head_of, usage_line_id
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth, books_of_month, one_book
from flybill_pipeline.billing.pricing.prices import PriceBooks
from flybill_pipeline_tests.billing.pricing.books import OCTOBER, book, per_unit

BY_REGION = replace(per_unit("2"), group_by=("region",))


def head(books: BooksOfMonth, contract: str | None = None, day: int = 1, **dimensions: str) -> LineHead:
    found = head_of(books.with_contract(contract), "seconds", dimensions, date(2026, 10, day))
    assert found is not None
    return found


def test_whoever_buys_the_same_shares_the_head_however_the_dimensions_come() -> None:
    books = one_book(book(BY_REGION), OCTOBER)
    assert head(books, region="ams", size="a") is head(books, size="a", region="ams")
    assert head(books, region="ams", size="a").line_id == head(books, region="ams", size="b").line_id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"region": "ams"}, {"region": "fra"}),
        ({"region": "ams"}, {"zone": "ams"}),
        ({"region": "ams"}, {}),
    ],
)
def test_other_dimensions_are_another_line(one: dict[str, str], other: dict[str, str]) -> None:
    books = one_book(book(BY_REGION), OCTOBER)
    assert head(books, None, 1, **one).line_id != head(books, None, 1, **other).line_id


def test_a_contract_has_prices_of_its_own_though_another_was_asked_for_before() -> None:
    own = replace(per_unit("1"), contract="acme")
    books = one_book(book(BY_REGION, contracts={"acme": (own,)}), OCTOBER)
    assert [head(books, None).price, head(books, "acme").price, head(books, None).price] == [BY_REGION, own, BY_REGION]


def test_books_that_differ_in_nothing_but_an_amount_are_told_apart() -> None:
    prices = [head(one_book(book(per_unit(amount)), OCTOBER)).price for amount in ("1", "2", "1")]
    assert prices == [per_unit("1"), per_unit("2"), per_unit("1")]


def test_each_day_has_the_price_of_its_book_in_a_month_that_changes_prices() -> None:
    later = replace(book(per_unit("3")), effective_from=date(2026, 10, 16))
    books = books_of_month(PriceBooks((book(per_unit("2")), later)), "usd", OCTOBER)
    assert books is not None
    first, last = head(books, None, 15), head(books, None, 16)
    assert (first.price, last.price) == (per_unit("2"), per_unit("3"))
    assert first.line_id != last.line_id
    assert first.words.days == ", from 2026-10-01 to 2026-10-15"
    assert head(books, None, 1) is first
    assert head(books, None, 31) is last


def test_usage_that_no_price_covers_is_of_no_line() -> None:
    books = one_book(book(per_unit("2", match={"region": "ams"})), OCTOBER)
    assert usage_line_id(books, "seconds", {"region": "fra"}, OCTOBER.first_day) is None
    assert usage_line_id(books, "seconds", {"region": "ams"}, OCTOBER.first_day) == head(books, region="ams").line_id
