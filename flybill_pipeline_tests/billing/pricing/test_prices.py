"""Which price applies: most specific, contract before book, ties."""

from collections.abc import Mapping
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.pricing.prices import PriceBook, PriceBooks, find_ties
from flybill_pipeline_tests.billing.pricing.books import book, per_unit

ANY, BY_SIZE = per_unit("1"), per_unit("2", match={"size": "a"})
BY_REGION, BY_BOTH = per_unit("3", match={"region": "x"}), per_unit("4", match={"size": "a", "region": "x"})
OWN_ANY, OWN_SIZE = per_unit("8"), per_unit("9", match={"size": "a"})


@pytest.mark.parametrize(
    ("dimensions", "contract", "unit_amount"),
    [
        ({}, None, "1"),
        ({"size": "b"}, None, "1"),
        ({"size": "a"}, None, "2"),
        ({"size": "a", "region": "x", "os": "linux"}, None, "4"),
        ({"size": "a"}, "acme", "9"),  # the same match: the contract's own
        ({"size": "b"}, "acme", "1"),  # the rest: the book's
        ({"size": "a", "region": "x"}, "acme", "4"),  # more specific: before both
        ({"size": "a"}, "broad", "2"),  # a broad contract price does not replace a specific one of the book
        ({}, "broad", "8"),
    ],
)
def test_the_most_specific_price_wins_and_a_contract_where_equal(
    dimensions: Mapping[str, str], contract: str | None, unit_amount: str
) -> None:
    prices = book(ANY, BY_SIZE, BY_BOTH, contracts={"acme": (OWN_SIZE,), "broad": (OWN_ANY,)})
    found = prices.price_for("seconds", dimensions, contract)
    assert found is not None
    assert str(found.unit_amount) == unit_amount


def test_nothing_matches_an_unknown_meter_or_value() -> None:
    assert book(BY_SIZE).price_for("seconds", {"size": "b"}) is None
    assert book(BY_SIZE).price_for("minutes", {"size": "a"}) is None


def test_two_prices_for_one_usage_tie_unless_a_third_decides() -> None:
    assert list(find_ties((BY_SIZE, BY_REGION))) == [(0, 1)]
    assert list(find_ties((BY_SIZE, BY_SIZE))) == [(0, 1)]
    assert list(find_ties((BY_SIZE, BY_REGION, BY_BOTH))) == []
    assert list(find_ties((BY_SIZE, per_unit("2", match={"size": "b"}), ANY))) == []
    assert list(find_ties((BY_SIZE, per_unit("2", meter="minutes", match={"size": "a"})))) == []


MATCHES = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy"), max_size=3)


@given(st.lists(MATCHES, max_size=6), st.fixed_dictionaries({name: st.sampled_from("xy") for name in "abc"}))
def test_without_ties_the_order_of_prices_does_not_matter(matches: list[dict[str, str]], usage: dict[str, str]) -> None:
    prices = [per_unit("1", match=match) for match in matches]
    if list(find_ties(tuple(prices))):
        return
    forwards, backwards = book(*prices).price_for("seconds", usage), book(*reversed(prices)).price_for("seconds", usage)
    assert forwards is backwards


def _dated(day: date, currency: str = "usd") -> PriceBook:
    return PriceBook(currency, day, {}, ())


def test_the_latest_effective_book_of_the_currency_is_in_force() -> None:
    old, new, euro = _dated(date(2026, 1, 1)), _dated(date(2026, 10, 15)), _dated(date(2026, 2, 1), "eur")
    books = PriceBooks((new, euro, old))
    assert books.for_day("usd", date(2026, 10, 14)) is old
    assert books.for_day("USD", date(2026, 10, 15)) is new
    assert books.for_day("usd", date(2025, 12, 31)) is None
    assert books.for_day("gbp", date(2026, 12, 31)) is None
    assert books.for_day("eur", date(2026, 10, 1)) is euro
    assert books.currencies == {"usd", "eur"}
