"""What one quantity costs: which price book is taken, and what is said where none can be."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from flybill_pipeline.billing.pricing.quote import UnpricedError
from flybill_pipeline.questions.quoted import QuoteRefusedError, QuoteRequest, quoted
from flybill_pipeline_tests.stories.troubled_months import USD

TODAY = date(2025, 10, 5)


def request(meter: str = "seconds", currency: str | None = "usd", **dimensions: str) -> QuoteRequest:
    return QuoteRequest(meter, Decimal("250"), dimensions, None, currency)


def test_the_book_in_force_today_prices_it(home: Path) -> None:
    (home / "prices" / "next.toml").write_text(USD.replace("2025-01-01", "2025-11-01").replace("0.01", "0.07"))
    assert quoted(home / "prices", request(), TODAY).amount_minor == 250
    assert quoted(home / "prices", request(), date(2025, 11, 1)).amount_minor == 1750


def test_before_the_first_book_the_first_one_prices_it(home: Path) -> None:
    assert quoted(home / "prices", request(), date(2020, 1, 1)).amount_minor == 250


def test_a_currency_is_asked_for_only_where_there_are_several(home: Path) -> None:
    assert quoted(home / "prices" / "eur.toml", request(currency=None), TODAY).currency == "eur"
    assert quoted(home / "prices", request(currency="EUR"), TODAY).currency == "eur"
    with pytest.raises(QuoteRefusedError, match=r"add --currency \(eur, usd\)"):
        quoted(home / "prices", request(currency=None), TODAY)


def test_a_currency_without_a_book_is_named_with_those_that_have_one(home: Path) -> None:
    with pytest.raises(QuoteRefusedError, match="no price book in gbp; there are eur, usd"):
        quoted(home / "prices", request(currency="gbp"), TODAY)


def test_what_has_no_price_is_named(home: Path) -> None:
    with pytest.raises(UnpricedError, match="rockets"):
        quoted(home / "prices", request("rockets"), TODAY)
