"""Usage that cannot be priced, and why, in words. How the rest is priced is not here."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from flybill_pipeline.billing.money.decimals import ZERO
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.price_changes import BookPart, BooksOfMonth, ContractDays
from flybill_pipeline.billing.pricing.prices import PriceBook
from flybill_pipeline.billing.usage.meters import Meter
from flybill_pipeline.billing.usage.totals import UsageTotal, recorded

SUMMED_LEVELS = "summed_levels"


@dataclass(frozen=True, slots=True)
class UnpricedUsage:
    """Usage that cannot be billed: the org's month waits for a person.

    `code`: unpriced_meter, unknown_contract, no_price_book (no price covers it), summed_levels (its sum says nothing),
    too_large (more than can be stored).
    Without a `meter` it is all usage of the org, and what is due without any.
    """

    code: str
    message: str
    remedy: str
    meter: str | None = None
    dimensions: Mapping[str, str] | None = None
    quantity: Decimal = ZERO


def unpriced(
    books: BooksOfMonth, meter: str, dimensions: Mapping[str, str], totals: Sequence[UsageTotal]
) -> UnpricedUsage:
    """The usage of one meter and one combination of dimensions that no price covers on the days of one book.

    Levels that a book would add up come together, whatever their dimensions.
    """
    part = books.part_on(totals[0].day)
    if part is not None and adds_up_levels(part, totals[0]):
        return _summed_levels(part.book, part.book.meters[meter], totals)
    named = ", ".join(f"{name}={value}" for name, value in dimensions.items()) or "no dimensions"
    if part is None:
        message, remedy = f"{_no_book_yet(books)} for {meter!r}", _earlier_book(books)
    elif meter in part.book.meters:
        message = f"{_named(part.book)} has no price for {meter!r} with {named}"
        remedy = f"add a price for {meter!r} that matches it, then repair the month"
    else:
        message = f"{_named(part.book)} does not know the meter {meter!r}"
        remedy = f"add [meters.{_toml_key(meter)}] and its prices, or correct the source mapping; then repair the month"
    return UnpricedUsage("unpriced_meter", message, remedy, meter, dimensions, recorded(totals))


def adds_up_levels(part: BookPart, total: UsageTotal) -> bool:
    """Whether the book would add up what tells levels: no price may see it."""
    meter = part.book.meters.get(total.meter) if total.told_by else None
    return meter is not None and not meter.aggregation.has_series


def _summed_levels(book: PriceBook, meter: Meter, totals: Sequence[UsageTotal]) -> UnpricedUsage:
    sources = " and ".join(repr(source) for source in totals[0].told_by)
    message = (
        f'{_named(book)} adds {meter.name!r} up (aggregation = "{meter.aggregation}"), but rows of {sources} tell what '
        "the level is: their sum means nothing"
    )
    remedy = (
        f'say aggregation = "time_weighted" in [meters.{_toml_key(meter.name)}], or take levels = "absolute" away from '
        "the source and land its files again with --replace; then repair the month"
    )
    return UnpricedUsage(SUMMED_LEVELS, message, remedy, meter.name, {}, recorded(totals))


def too_large(line: LineItem) -> UnpricedUsage:
    """The usage of a line that no invoice can hold."""
    message = f"the {line.meter} comes to more than any invoice can hold"
    remedy = "correct the usage in its files, or the price, then repair the month"
    return UnpricedUsage("too_large", message, remedy, line.meter, line.dimensions, line.usage)


def unknown_contract(contract: str, book: PriceBook) -> UnpricedUsage:
    """What an org's usage is when the book has no such contract."""
    known = ", ".join(sorted(book.contracts)) or "none"
    message = f"{_named(book)} has no contract {contract!r} (it has: {known})"
    remedy = (
        f"add [contracts.{_toml_key(contract)}] to it, or correct the organization's contract; then repair the month"
    )
    return UnpricedUsage("unknown_contract", message, remedy)


def contract_without_book(books: BooksOfMonth, days: ContractDays) -> UnpricedUsage:
    """What an org's month is when its contract holds on days that have no book."""
    message = f"{_no_book_yet(books)}, and the contract {days.contract!r} holds from {days.start}"
    return UnpricedUsage("no_price_book", message, _earlier_book(books))


def _no_book_yet(books: BooksOfMonth) -> str:
    return f"no {books.parts[0].book.currency} price book is in force before {books.parts[0].start}"


def _earlier_book(books: BooksOfMonth) -> str:
    return f"add a price book that is effective by {books.month.first_day}, then repair the month"


def _toml_key(name: str) -> str:
    """As a heading of a price book has it: without quotes TOML would take `my.counter` for a table in a table."""
    if re.fullmatch(r"[A-Za-z0-9_-]+", name):
        return name
    return json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")  # of these TOML alone refuses it as it is


def _named(book: PriceBook) -> str:
    return f"the {book.currency} price book of {book.effective_from.isoformat()}"
