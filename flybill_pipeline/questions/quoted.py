"""Answers `flybill quote`: picks the price book and prices one quantity. The pricing itself is billing's."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.pricing.prices import PriceBook, PriceBooks
from flybill_pipeline.billing.pricing.quote import quote
from flybill_pipeline.stores.pricing.price_books import load_price_books


def answer_quote(
    prices: Path,
    meter: str,
    quantity: Decimal,
    dimensions: Mapping[str, str],
    contract: str | None,
    currency: str | None,
) -> dict[str, Any]:
    """The quote as the JSON of `flybill quote`, and `shown`, the amount as a person reads it."""
    book = _book(load_price_books(prices), currency)
    answer = quote(book, meter, quantity, dimensions, contract)
    return asdict(answer) | {"shown": f"{format_money(answer.amount_minor, answer.currency)} (exactly {answer.amount})"}


def _book(books: PriceBooks, currency: str | None) -> PriceBook:
    """The book in force today, or the first one to come; a usage error where the currency is open."""
    wanted = currency.lower() if currency else None
    if wanted is None:
        if len(books.currencies) > 1:
            known = ", ".join(sorted(books.currencies))
            raise click.UsageError(f"there are price books in several currencies: add --currency ({known})")
        wanted = next(iter(books.currencies))
    coming = sorted((book for book in books.books if book.currency == wanted), key=lambda book: book.effective_from)
    if not coming:
        raise click.UsageError(f"there is no price book in {wanted}; there are {', '.join(sorted(books.currencies))}")
    return books.for_day(wanted, datetime.now(UTC).date()) or coming[0]
