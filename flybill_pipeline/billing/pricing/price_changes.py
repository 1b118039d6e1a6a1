"""Prices that change within a month: which book and contract are in force on which days. No usage is priced here."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.prices import Price, PriceBook, PriceBooks
from flybill_pipeline.billing.pricing.stretches import WHOLE, Share
from flybill_pipeline.billing.usage.meters import Aggregation, Meter
from flybill_pipeline.billing.usage.totals import Measures


class ContractDays(NamedTuple):
    """The days [start, end) in which a contract holds."""

    contract: str
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class BookPart:
    """The days [start, end) of a month in which one book is in force: `share` of all days of the month.

    `contract` is the one whose own prices win then; None: there is none.
    """

    book: PriceBook
    start: date
    end: date
    share: Share = WHOLE
    contract: str | None = None


@dataclass(frozen=True, eq=False)  # equal is only the same object: to be looked up by, whatever it holds
class BooksOfMonth:
    """The books of one currency in force in one month, in order; days before the first have none.

    The rule of a price change: what changes next to nothing bills next to nothing different. Allowances, tiers,
    packages, minimum, maximum and flat amounts are the month's, and each book prices its part of the month: what the
    month would come to if that book had been in force all the time. Of usage that adds up (sums, counts, levels over
    time) the part is what its own days add; of what is measured once a month (peaks, last values, distinct ones) and
    of what is due once a month it is the share of its days. Days before the first book pay nothing of that.

    `without_book` are contracts that hold on days before the first book: what they ask for then, nobody knows.
    """

    month: Month
    parts: tuple[BookPart, ...]
    # Not in fingerprints: these would change for every month that is settled.
    without_book: tuple[ContractDays, ...] = field(default=(), repr=False)

    @property
    def needs_days(self) -> bool:
        """Whether usage must be handed in by day: prices begin or change within the month."""
        return len(self.parts) > 1 or self.parts[0].start > self.month.first_day

    def part_on(self, day: date | None) -> BookPart | None:
        """The part that holds `day`; None before the first. Raises ValueError when the day is needed and not known."""
        if day is None and self.needs_days:
            raise ValueError(f"prices change within {self.month}: hand in the usage by day, not one total of the month")
        if len(self.parts) == 1 and (day is None or day >= self.parts[0].start):
            return self.parts[0]
        return next((part for part in self.parts if day is not None and part.start <= day < part.end), None)

    @property
    def of_all_parts(self) -> BookPart:
        """The first part over the days of all of them: what a price that goes on all the time is priced as."""
        first, end = self.parts[0], self.parts[-1].end
        return first if len(self.parts) == 1 else replace(first, end=end, share=_share(self.month, first.start, end))

    def under(self, contracts: tuple[ContractDays, ...]) -> "BooksOfMonth":
        """These books for an org with `contracts`: the same object each time, to be looked up by."""
        return _under(self, contracts) if contracts else self

    def with_contract(self, contract: str | None) -> "BooksOfMonth":
        """These books for an org with one contract on all days, or none."""
        last = self.month.last_day + timedelta(days=1)
        return self if contract is None else self.under((ContractDays(contract, self.month.first_day, last),))

    def goes_on(self, price: Price) -> bool:
        """Whether `price`, one of these books' own objects, is the same all month, and for the same usage.

        Such a price rates the whole month as one.
        """
        return len(self.parts) == 1 or id(price) in _lasting(self, price.meter)


@lru_cache(maxsize=1_000)
def books_of_month(books: PriceBooks, currency: str, month: Month) -> BooksOfMonth | None:
    """The books of `currency` in force in the month; None when there is none on any day of it."""
    starts = [day for day in month.days() if _begins(books, currency, month, day)]
    ends = [*starts[1:], month.last_day + timedelta(days=1)]
    dated = [(books.for_day(currency, start), start, end) for start, end in zip(starts, ends, strict=False)]
    priced = [(book, start, end) for book, start, end in dated if book is not None]
    parts = tuple(BookPart(book.in_month(month), start, end, _share(month, start, end)) for book, start, end in priced)
    return BooksOfMonth(month, parts) if parts else None


@lru_cache(maxsize=1_000)
def fingerprint(books: BooksOfMonth | None) -> str:
    """Changes when anything in the books changes, or the days on which they are in force; None has one too."""
    return sha256(repr(books).encode()).hexdigest()[:24]


def one_book(book: PriceBook, month: Month) -> BooksOfMonth:
    """A month in which `book` is in force on every day."""
    return BooksOfMonth(month, (BookPart(book.in_month(month), month.first_day, month.last_day + timedelta(days=1)),))


def _begins(books: PriceBooks, currency: str, month: Month, day: date) -> bool:
    if day == month.first_day:
        return True
    return books.for_day(currency, day) is not books.for_day(currency, day - timedelta(days=1))


@lru_cache(maxsize=1_000)
def _under(books: BooksOfMonth, contracts: tuple[ContractDays, ...]) -> BooksOfMonth:
    pieces = [piece for part in books.parts for piece in _pieces(part, contracts)]
    parts = tuple(replace(each, share=_share(books.month, each.start, each.end)) for each in pieces)
    return BooksOfMonth(books.month, parts, tuple(each for each in contracts if each.start < parts[0].start))


def _pieces(part: BookPart, contracts: tuple[ContractDays, ...]) -> Iterator[BookPart]:
    """The part cut where contracts begin and end."""
    cuts = {day for each in contracts for day in (each.start, each.end) if part.start < day < part.end}
    starts = sorted({part.start, *cuts})
    for start, end in zip(starts, [*starts[1:], part.end], strict=True):
        contract = next((each.contract for each in contracts if each.start <= start < each.end), None)
        yield replace(part, start=start, end=end, contract=contract)


def _share(month: Month, start: date, end: date) -> Share:
    return Share((end - start).days, month.last_day.day)


@lru_cache(maxsize=10_000)
def _lasting(books: BooksOfMonth, meter: str) -> frozenset[int]:
    """The prices (their ids) that are the same in all books, for the same usage: nothing wins over one in some only."""
    everywhere = [list(_standing(part.book, part.contract, meter)) for part in books.parts]
    return frozenset(
        id(standing[0])
        for terms in everywhere
        for standing in terms
        if all(standing in others for others in everywhere)
    )


def _standing(book: PriceBook, contract: str | None, meter: str) -> Iterator[tuple[Price, Meter, frozenset[object]]]:
    """Every price of a meter, with the meter that gives it its meaning and the matches of those that win over it."""
    candidates = book.candidates(meter, contract)
    for place, price in enumerate(candidates):
        winning = (other.match for other in candidates[:place] if not _excludes(other.match, price.match))
        yield price, book.meters[meter], frozenset(frozenset(match.items()) for match in winning)


def _excludes(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return any(other.get(name, value) != value for name, value in one.items())


def measures_needed(books: Iterable[BooksOfMonth | None]) -> Measures:
    """What must be measured, beside sums and counts, to price the usage of a month by `books`."""
    needed: dict[Aggregation, set[str]] = {}
    parts = [part for book in books if book is not None for part in book.parts]
    for meter in (meter for part in parts for meter in part.book.meters.values()):
        if meter.aggregation not in (Aggregation.SUM, Aggregation.COUNT) and meter.distinct is None:
            needed.setdefault(meter.aggregation, set()).add(meter.name)
    return {aggregation: frozenset(names) for aggregation, names in needed.items()}
