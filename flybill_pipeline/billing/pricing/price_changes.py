"""Price books that change within a month: which is in force on which days, what changed. No usage is priced here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from hashlib import sha256

from flybill_pipeline.billing.money.decimals import divide, exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.prices import Price, PriceBook, PriceBooks, PriceModel
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.billing.usage.totals import Measures


@dataclass(frozen=True, slots=True)
class BookPart:
    """The days [start, end) of a month in which one book is in force."""

    book: PriceBook
    start: date
    end: date


@dataclass(frozen=True, eq=False)  # equal is only the same object: to be looked up by, whatever it holds
class BooksOfMonth:
    """The books of one currency in force in one month, in order; days before the first have none.

    The rule of a price change: a price that is the same in all of them goes on through the month. Any other price rates
    the usage of its own days, and its tiers see no more; what is granted or due once a month (free units, flat amounts,
    minimum and maximum spend) is shared by days.
    """

    month: Month
    parts: tuple[BookPart, ...]

    def part_on(self, day: date | None) -> BookPart | None:
        """The part that holds `day`; None before the first. Raises ValueError when the day is needed and not known."""
        if len(self.parts) == 1 and (day is None or day >= self.parts[0].start):
            return self.parts[0]
        if day is None:
            raise ValueError(f"prices change within {self.month}: hand in the usage by day, not one total of the month")
        return next((part for part in self.parts if part.start <= day < part.end), None)

    def goes_on(self, price: Price) -> bool:
        """Whether `price`, which must be one of these books' own objects, is the same all month."""
        return len(self.parts) == 1 or id(price) in self._same_all_month

    @cached_property
    def _same_all_month(self) -> frozenset[int]:
        everywhere = [list(_terms(part.book)) for part in self.parts]
        return frozenset(
            id(price)
            for terms in everywhere
            for price, meter in terms
            if all((price, meter) in others for others in everywhere)
        )


def books_of_month(books: PriceBooks, currency: str, month: Month) -> BooksOfMonth | None:
    """The books of `currency` in force in the month; None when there is none on any day of it."""
    starts = [day for day in month.days() if _begins(books, currency, month, day)]
    ends = [*starts[1:], month.last_day + timedelta(days=1)]
    found = [(books.for_day(currency, start), start, end) for start, end in zip(starts, ends, strict=False)]
    parts = tuple(BookPart(book, start, end) for book, start, end in found if book is not None)
    return BooksOfMonth(month, parts) if parts else None


def fingerprint(books: BooksOfMonth | None) -> str:
    """Changes when anything in the books changes, or the days on which they are in force; None has one too."""
    return sha256(repr(books).encode()).hexdigest()[:24]


def one_book(book: PriceBook, month: Month) -> BooksOfMonth:
    """A month in which `book` is in force on every day."""
    return BooksOfMonth(month, (BookPart(book, month.first_day, month.last_day + timedelta(days=1)),))


def prorated(price: Price, part: BookPart, month: Month) -> Price:
    """`price` with the part's share, by days, of what it grants or asks once a month."""

    days, of_days = (part.end - part.start).days, (month.end - month.start).days

    def share(amount: Decimal) -> Decimal:
        with exact():
            return divide(amount * days, Decimal(of_days))

    return replace(
        price,
        unit_amount=share(price.unit_amount) if price.model is PriceModel.FLAT else price.unit_amount,
        tiers=tuple(replace(tier, flat_amount=share(tier.flat_amount)) for tier in price.tiers),
        free_units=share(price.free_units),
        minimum_spend=None if price.minimum_spend is None else share(price.minimum_spend),
        maximum_spend=None if price.maximum_spend is None else share(price.maximum_spend),
    )


def _begins(books: PriceBooks, currency: str, month: Month, day: date) -> bool:
    if day == month.first_day:
        return True
    return books.for_day(currency, day) is not books.for_day(currency, day - timedelta(days=1))


def _terms(book: PriceBook) -> Iterator[tuple[Price, object]]:
    """Every price of a book, its contracts' too, with the meter that gives it its meaning."""
    for prices in (book.prices, *(contract.prices for contract in book.contracts.values())):
        for price in prices:
            yield price, book.meters[price.meter]


def measures_needed(books: Iterable[BooksOfMonth | None]) -> Measures:
    """What must be measured, beside sums and counts, to price the usage of a month by `books`."""
    found: dict[Aggregation, set[str]] = {}
    parts = [part for book in books if book is not None for part in book.parts]
    for meter in (meter for part in parts for meter in part.book.meters.values()):
        if meter.aggregation not in (Aggregation.SUM, Aggregation.COUNT) and meter.distinct is None:
            found.setdefault(meter.aggregation, set()).add(meter.name)
    return {aggregation: frozenset(names) for aggregation, names in found.items()}
