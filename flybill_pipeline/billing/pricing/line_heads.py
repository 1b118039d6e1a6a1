"""What a usage line is a line of: its price, dimensions, id and words, the same for all orgs. No quantities here."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from flybill_pipeline.billing.pricing.descriptions import UsageWords, usage_words
from flybill_pipeline.billing.pricing.line_items import line_id
from flybill_pipeline.billing.pricing.price_changes import BookPart, BooksOfMonth
from flybill_pipeline.billing.pricing.prices import Price
from flybill_pipeline.billing.usage.meters import Meter

Dimensions = tuple[tuple[str, str], ...]
"""Names and values, sorted by name: what can be looked up and compared."""

LineKey = tuple[str, Dimensions, str]
"""What tells lines apart: meter, dimensions, and the day on which the book begins if it is not that of all days."""


class LineHead(NamedTuple):
    """What all lines of one price and one combination of dimensions have in common.

    `part` says which book prices it, `whole_month` that it does so on all days that have a book. `title` is what people
    read of the meter, and `show_by` is what its line is shown by: both as the newest book of the month has it.
    """

    key: LineKey
    part: BookPart
    price: Price
    whole_month: bool
    meter: Meter
    dimensions: Mapping[str, str]
    line_id: str
    currency: str
    words: UsageWords
    title: str
    show_by: tuple[str, ...]


def head_of(books: BooksOfMonth, meter: str, dimensions: Mapping[str, str], day: date | None) -> LineHead | None:
    """The head of the line that usage of `day` belongs to; None: no price covers it.

    Books are told apart as objects: ask with the same one for all that is priced together.
    """
    part = books.part_on(day)
    return None if part is None else _head(books, meter, sorted_dimensions(dimensions), part.start)


def usage_line_id(books: BooksOfMonth, meter: str, dimensions: Mapping[str, str], day: date) -> str | None:
    """The id of the line that usage of `day` belongs to; None: no price covers it."""
    head = head_of(books, meter, dimensions, day)
    return None if head is None else head.line_id


@lru_cache(maxsize=10_000)  # what is sold to many is looked up once
def _head(books: BooksOfMonth, meter: str, dimensions: Dimensions, day: date) -> LineHead | None:
    part, used = books.part_on(day), dict(dimensions)
    price = None if part is None else part.book.price_for(meter, used, part.contract)
    if part is None or price is None:
        return None
    return head_with(books, part, price, line_dimensions(price, used), whole_month=books.goes_on(price))


def head_with(
    books: BooksOfMonth, part: BookPart, price: Price, dimensions: Mapping[str, str], *, whole_month: bool
) -> LineHead:
    """The head of the line of `price`, which `part` of `books` (or any part, all month) has, with these dimensions."""
    # Sorted by name: where the dimensions come from, usage or a price's match, must not show.
    named = sorted_dimensions(dimensions)
    if whole_month:
        part = books.of_all_parts
    own_days = [] if whole_month else [part.start.isoformat()]
    book = part.book
    meter = book.meters[price.meter]
    title = _title(books, price.meter)
    words = usage_words(price, title, dict(named), meter.unit, book.currency)
    return LineHead(
        key=(price.meter, named, "".join(own_days)),
        part=part,
        price=price,
        whole_month=whole_month,
        meter=meter,
        dimensions=dict(named),
        line_id=line_id("usage", books.month, price.meter, dict(named), book.effective_from.isoformat(), *own_days),
        currency=book.currency,
        words=words if whole_month else words.of_days(part.start, part.end),
        title=title,
        show_by=_show_by(books, price) if meter.aggregation.adds_up else (),
    )


def _title(books: BooksOfMonth, meter: str) -> str:
    newest_first = (part.book.meters.get(meter) for part in reversed(books.parts))
    return next((known.shown for known in newest_first if known is not None), meter)


def _show_by(books: BooksOfMonth, price: Price) -> tuple[str, ...]:
    newest = books.parts[-1]
    same = (each for each in newest.book.candidates(price.meter, newest.contract) if each.match == price.match)
    return next((each.show_by for each in same if each.group_by == price.group_by), price.show_by)


def line_dimensions(price: Price, dimensions: Mapping[str, str]) -> Mapping[str, str]:
    """What tells a line from others: the price's match and the values of its `group_by` ("" where usage has none)."""
    return {**price.match, **{name: dimensions.get(name, "") for name in price.group_by}}


def sorted_dimensions(dimensions: Mapping[str, str]) -> Dimensions:
    """The same whichever way they came."""
    return tuple(sorted(dimensions.items()))
