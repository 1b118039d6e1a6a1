"""What one quantity costs: chooses the price book and prices it. The pricing itself is billing's; nothing is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from flybill_pipeline.billing.pricing.prices import PriceBook, PriceBooks
from flybill_pipeline.billing.pricing.quote import Quote, quote
from flybill_pipeline.stores.pricing.price_books import load_price_books


class QuoteRefusedError(Exception):
    """No price book can be chosen; the message says what to add to the question."""


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    """What is to be priced: a quantity of a meter, in its unit, for an organization with `contract` (None: without).

    `currency` may be None where all price books are in one.
    """

    meter: str
    quantity: Decimal
    dimensions: Mapping[str, str]
    contract: str | None
    currency: str | None


def quoted(prices: Path, request: QuoteRequest, today: date) -> Quote:
    """The price by the books in `prices`: the one in force today, or the first to come where there is none yet.

    Raises QuoteRefusedError, UnpricedError and PriceBookError.
    """
    book = _book(load_price_books(prices), request.currency, today)
    return quote(book, request.meter, request.quantity, request.dimensions, request.contract)


def _book(books: PriceBooks, currency: str | None, today: date) -> PriceBook:
    known = sorted(books.currencies)
    if currency is None and len(known) > 1:
        raise QuoteRefusedError(f"there are price books in several currencies: add --currency ({', '.join(known)})")
    wanted = currency.lower() if currency else known[0]
    in_currency = sorted(
        (book for book in books.books if book.currency == wanted), key=lambda book: book.effective_from
    )
    if not in_currency:
        raise QuoteRefusedError(f"there is no price book in {wanted}; there are {', '.join(known)}")
    return books.for_day(wanted, today) or in_currency[0]
