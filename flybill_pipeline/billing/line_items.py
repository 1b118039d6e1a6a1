"""From one org's usage totals of one month to priced lines. Which book to use, and what becomes of lines: not here."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from flybill_pipeline.billing.aggregation import billed_quantity
from flybill_pipeline.billing.decimals import ZERO, exact
from flybill_pipeline.billing.descriptions import describe_usage
from flybill_pipeline.billing.money import to_minor
from flybill_pipeline.billing.period import Month
from flybill_pipeline.billing.price_changes import BookPart, BooksOfMonth, one_book, prorated
from flybill_pipeline.billing.prices import Price, PriceBook
from flybill_pipeline.billing.rating import rate
from flybill_pipeline.billing.usage import UsageTotal
from flybill_pipeline.billing.working import WorkingStep

LARGEST_MINOR = 10**15  # of one line: thousands of them still fit into the 64 bits of a total
LARGEST_QUANTITY = 10**20  # what 18 decimals of 38 digits leave


class LineItem(NamedTuple):
    """One priced row of an org's month with its working.

    `amount` is exact, in major units; `amount_minor` is it rounded once, and the only number that is summed. `line_id`
    is the same whenever the same thing is priced again; `kind` is usage, or one of the other modules' kinds. `usage` is
    the sum of the recorded quantities behind the line, before any aggregation or conversion: what accounts for them.
    """

    kind: str
    line_id: str
    meter: str | None
    dimensions: Mapping[str, str]
    service_month: Month
    quantity: Decimal
    unit: str | None
    amount: Decimal
    amount_minor: int
    currency: str
    description: str
    working: tuple[WorkingStep, ...] = ()
    usage: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class UnpricedUsage:
    """Usage that cannot be billed: the org's month waits for a person.

    `code`: unpriced_meter and unknown_contract (no price covers it), too_large (it comes to more than can be stored).
    """

    code: str
    message: str
    remedy: str
    meter: str | None = None
    dimensions: Mapping[str, str] | None = None
    quantity: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class PricedUsage:
    """The lines of one org and service month, ordered by meter and dimensions, and what could not be priced."""

    lines: tuple[LineItem, ...]
    unpriced: tuple[UnpricedUsage, ...]


_Dimensions = tuple[tuple[str, str], ...]
_Key = tuple[str, _Dimensions, str]
"""What tells lines apart: meter, dimensions, and the day on which the book begins if it is not that of all days."""


class _Group(NamedTuple):
    """The usage of one line: `part` says which book prices it, `whole_month` that it does so on all days.

    `before` is what the line would hold of earlier days, if its price had been in force then.
    """

    part: BookPart
    price: Price
    whole_month: bool
    totals: list[UsageTotal]
    before: list[UsageTotal]


def price_usage(book: PriceBook, contract: str | None, totals: Iterable[UsageTotal], month: Month) -> PricedUsage:
    """Prices the usage of one org in one service month by one book; see `price_month`."""
    return price_month(one_book(book, month), contract, totals)


def price_month(books: BooksOfMonth, contract: str | None, totals: Iterable[UsageTotal]) -> PricedUsage:
    """Prices the usage of one org in the service month of `books`.

    A line is one price and one combination of its `group_by` values; its quantity is all usage under it, and its tiers
    see that sum. Lines of zero are kept, as free usage is explained too. A contract's minimum spend gives a line
    without any usage. Where books change within the month, totals must be of days (`BooksOfMonth` has the rule), and a
    value that is counted once a month is counted on its first day.
    """
    unknown = [part.book for part in books.parts if contract is not None and contract not in part.book.contracts]
    if contract is not None and unknown:
        return PricedUsage((), tuple(_unknown_contract(contract, book) for book in unknown))
    totals = tuple(totals)
    groups: dict[_Key, _Group] = {}
    unpriced: dict[_Key, list[UsageTotal]] = {}
    for total in totals:
        part = books.part_on(total.day)
        price = None if part is None else part.book.price_for(total.meter, total.dimensions, contract)
        if part is None or price is None:
            unpriced.setdefault((total.meter, _sorted(total.dimensions), _start(part)), []).append(total)
        else:
            _group(groups, books, part, price, line_dimensions(price, total.dimensions)).totals.append(total)
    for key, total in _counted_before(books, contract, totals):
        if key in groups:
            groups[key].before.append(total)
    for part, price in list(_commitments(books, contract, groups.values())):
        _group(groups, books, part, price, price.match)
    with exact():
        lines = [_usage_line(groups[key], key[1], books.month) for key in sorted(groups)]
        return PricedUsage(
            tuple([line for line in lines if _fits(line)]),
            (
                *[_unpriced(books, key[0], dict(key[1]), unpriced[key]) for key in sorted(unpriced)],
                *[_too_large(line) for line in lines if not _fits(line)],
            ),
        )


def line_id(kind: str, service_month: Month | str, *identity: object) -> str:
    """The id of a line: a hash of what it is a line of, the same when priced again. `identity` must be JSON-able."""
    text = json.dumps([kind, str(service_month), *identity], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def usage_line_id(
    books: BooksOfMonth, contract: str | None, meter: str, dimensions: Mapping[str, str], day: date
) -> str | None:
    """The id of the line that usage of `day` belongs to, by the choices of `price_month`; None: no price covers it."""
    part = books.part_on(day)
    price = None if part is None else part.book.price_for(meter, dimensions, contract)
    if part is None or price is None:
        return None
    whole_month = books.goes_on(price)
    group = _Group(books.parts[0] if whole_month else part, price, whole_month, [], [])
    # Sorted by name: where the dimensions come from, usage or a price's match, must not show.
    return _usage_line_id(group, _sorted(line_dimensions(price, dimensions)), books.month)


def total_minor(lines: Iterable[LineItem]) -> int:
    """The sum of the lines in minor units: what an invoice of them asks for."""
    return sum(line.amount_minor for line in lines)


def line_dimensions(price: Price, dimensions: Mapping[str, str]) -> Mapping[str, str]:
    """What tells a line from others: the price's match and the values of its `group_by` ("" where usage has none)."""
    return {**price.match, **{name: dimensions.get(name, "") for name in price.group_by}}


def _counted_before(
    books: BooksOfMonth, contract: str | None, totals: Iterable[UsageTotal]
) -> Iterator[tuple[_Key, UsageTotal]]:
    """Totals with values of a distinct count, each with the lines of later books that would count them once more."""
    for total in totals if len(books.parts) > 1 else ():
        part = books.part_on(total.day)
        meter = None if part is None else part.book.meters.get(total.meter)
        if part is None or meter is None or meter.distinct is None:
            continue
        for later in books.parts[books.parts.index(part) + 1 :]:
            price = later.book.price_for(total.meter, total.dimensions, contract)
            same = price is not None and later.book.meters[total.meter].distinct == meter.distinct
            if price is not None and same and not books.goes_on(price):
                yield _key(books, later, price, line_dimensions(price, total.dimensions)), total


def _sorted(dimensions: Mapping[str, str]) -> _Dimensions:
    return tuple(sorted(dimensions.items()))


def _start(part: BookPart | None) -> str:
    return "" if part is None else part.start.isoformat()


def _group(
    groups: dict[_Key, _Group],
    books: BooksOfMonth,
    part: BookPart,
    price: Price,
    dimensions: Mapping[str, str],
) -> _Group:
    whole_month = books.goes_on(price)
    group = _Group(books.parts[0] if whole_month else part, price, whole_month, [], [])
    return groups.setdefault(_key(books, part, price, dimensions), group)


def _key(books: BooksOfMonth, part: BookPart, price: Price, dimensions: Mapping[str, str]) -> _Key:
    return price.meter, _sorted(dimensions), "" if books.goes_on(price) else _start(part)


def _commitments(
    books: BooksOfMonth, contract: str | None, groups: Collection[_Group]
) -> Iterator[tuple[BookPart, Price]]:
    """A contract's prices with a minimum spend and no usage: it is due all the same, so they need a line."""
    if contract is None:
        return
    for part in books.parts:
        for price in part.book.contracts[contract].prices:
            used = any(group.price == price and (group.whole_month or group.part is part) for group in groups)
            if price.minimum_spend is not None and not used:
                yield part, price


def _usage_line(group: _Group, named: _Dimensions, month: Month) -> LineItem:
    book, part, dimensions = group.part.book, group.part, dict(named)
    meter = book.meters[group.price.meter]
    price = group.price if group.whole_month else prorated(group.price, part, month)
    quantity = billed_quantity(meter, group.totals, group.before)
    rated = rate(price, quantity)
    description = describe_usage(price, dimensions, quantity, meter.unit, rated.working, currency=book.currency)
    return LineItem(
        kind="usage",
        line_id=_usage_line_id(group, named, month),
        meter=price.meter,
        dimensions=dimensions,
        service_month=month,
        quantity=quantity,
        unit=meter.unit,
        amount=rated.amount,
        amount_minor=to_minor(rated.amount, book.currency),
        currency=book.currency,
        description=description if group.whole_month else f"{description}, from {part.start} until {part.end}",
        working=rated.working,
        usage=_recorded(group.totals),
    )


def _usage_line_id(group: _Group, dimensions: _Dimensions, month: Month) -> str:
    own_days = None if group.whole_month else _start(group.part)
    return _shared_line_id(str(month), group.price.meter, dimensions, group.part.book.effective_from, own_days)


@lru_cache(maxsize=10_000)  # it does not name the org: what is sold to many is hashed once
def _shared_line_id(month: str, meter: str, dimensions: _Dimensions, begins: date, own_days: str | None) -> str:
    days = [] if own_days is None else [own_days]
    return line_id("usage", month, meter, dict(dimensions), begins.isoformat(), *days)


def _unpriced(books: BooksOfMonth, meter: str, dimensions: dict[str, str], totals: list[UsageTotal]) -> UnpricedUsage:
    part = books.part_on(totals[0].day)
    named = ", ".join(f"{name}={value}" for name, value in dimensions.items()) or "no dimensions"
    if part is None:
        message = (
            f"no {books.parts[0].book.currency} price book is in force before {books.parts[0].start} for {meter!r}"
        )
        remedy = f"add a price book that is effective by {books.month.first_day}, then repair the month"
    elif meter in part.book.meters:
        message = f"{_named(part.book)} has no price for {meter!r} with {named}"
        remedy = f"add a price for {meter!r} that matches it, then repair the month"
    else:
        message = f"{_named(part.book)} does not know the meter {meter!r}"
        remedy = f"add [meters.{meter}] and its prices, or correct the source mapping; then repair the month"
    return UnpricedUsage("unpriced_meter", message, remedy, meter, dimensions, _recorded(totals))


def _fits(line: LineItem) -> bool:
    return max(abs(line.quantity), abs(line.usage)) < LARGEST_QUANTITY and abs(line.amount_minor) < LARGEST_MINOR


def _too_large(line: LineItem) -> UnpricedUsage:
    message = f"the {line.meter} comes to more than any invoice can hold"
    remedy = "correct the usage in its files, or the price, then repair the month"
    return UnpricedUsage("too_large", message, remedy, line.meter, line.dimensions, line.usage)


def _recorded(totals: Iterable[UsageTotal]) -> Decimal:
    return sum([total.quantity for total in totals], ZERO)


def _unknown_contract(contract: str, book: PriceBook) -> UnpricedUsage:
    known = ", ".join(sorted(book.contracts)) or "none"
    message = f"{_named(book)} has no contract {contract!r} (it has: {known})"
    remedy = f"add [contracts.{contract}] to it, or correct the organization's contract; then repair the month"
    return UnpricedUsage("unknown_contract", message, remedy)


def _named(book: PriceBook) -> str:
    return f"the {book.currency} price book of {book.effective_from.isoformat()}"
