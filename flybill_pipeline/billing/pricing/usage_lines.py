"""From one org's usage totals of one month to priced lines. Which book to use, and what becomes of lines: not here."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from flybill_pipeline.billing.money.amounts import to_minor
from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_heads import LineHead, LineKey, head_of, head_with, sorted_dimensions
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth, one_book
from flybill_pipeline.billing.pricing.prices import PriceBook
from flybill_pipeline.billing.pricing.rating import rate
from flybill_pipeline.billing.usage.aggregation import billed_quantity
from flybill_pipeline.billing.usage.totals import UsageTotal

LARGEST_MINOR = 10**15  # of one line: thousands of them still fit into the 64 bits of a total
LARGEST_QUANTITY = Decimal(10) ** 20  # what 18 decimals of 38 digits leave


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


class _Group(NamedTuple):
    """The usage of one line; `before` is what it would hold of earlier days, if its price had been in force then."""

    head: LineHead
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
    groups: dict[LineKey, _Group] = {}
    unpriced: dict[LineKey, list[UsageTotal]] = {}
    for total in totals:
        head = head_of(books, contract, total.meter, total.dimensions, total.day)
        if head is None:
            unpriced.setdefault(_unpriced_key(books, total), []).append(total)
        elif head.key in groups:
            groups[head.key].totals.append(total)
        else:
            groups[head.key] = _Group(head, [total], [])
    for key, total in _counted_before(books, contract, totals):
        if key in groups:
            groups[key].before.append(total)
    for head in list(_commitments(books, contract, groups.values())):
        groups.setdefault(head.key, _Group(head, [], []))
    with exact():
        lines = [_usage_line(groups[key], books.month) for key in sorted(groups)]
        too_large = [line for line in lines if not _fits(line)]
        return PricedUsage(
            tuple([line for line in lines if line not in too_large]),
            (
                *[_unpriced(books, key[0], dict(key[1]), unpriced[key]) for key in sorted(unpriced)],
                *[_too_large(line) for line in too_large],
            ),
        )


def _counted_before(
    books: BooksOfMonth, contract: str | None, totals: Iterable[UsageTotal]
) -> Iterator[tuple[LineKey, UsageTotal]]:
    """Totals with values of a distinct count, each with the lines of later books that would count them once more."""
    for total in totals if len(books.parts) > 1 else ():
        part = books.part_on(total.day)
        meter = None if part is None else part.book.meters.get(total.meter)
        if part is None or meter is None or meter.distinct is None:
            continue
        for later in books.parts[books.parts.index(part) + 1 :]:
            head = head_of(books, contract, total.meter, total.dimensions, later.start)
            if head is not None and head.meter.distinct == meter.distinct and not head.whole_month:
                yield head.key, total


def _unpriced_key(books: BooksOfMonth, total: UsageTotal) -> LineKey:
    part = books.part_on(total.day)
    return total.meter, sorted_dimensions(total.dimensions), "" if part is None else part.start.isoformat()


def _commitments(books: BooksOfMonth, contract: str | None, groups: Collection[_Group]) -> Iterator[LineHead]:
    """A contract's prices with a minimum spend and no usage: it is due all the same, so they need a line."""
    if contract is None:
        return
    heads = [group.head for group in groups]
    for part in books.parts:
        for price in part.book.contracts[contract].prices:
            used = any(head.price == price and (head.whole_month or head.part is part) for head in heads)
            if price.minimum_spend is not None and not used:
                yield head_with(books, part, price, price.match)


def _usage_line(group: _Group, month: Month) -> LineItem:
    head, totals = group.head, group.totals
    quantity = billed_quantity(head.meter, totals, group.before)
    amount, working = rate(head.rated, quantity)
    return LineItem(
        kind="usage",
        line_id=head.line_id,
        meter=head.meter.name,
        dimensions=head.dimensions,
        service_month=month,
        quantity=quantity,
        unit=head.meter.unit,
        amount=amount,
        amount_minor=to_minor(amount, head.currency),
        currency=head.currency,
        description=head.words.describe(quantity, working),
        working=working,
        usage=_recorded(totals),
    )


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
    return (
        -LARGEST_QUANTITY < line.quantity < LARGEST_QUANTITY
        and -LARGEST_QUANTITY < line.usage < LARGEST_QUANTITY
        and -LARGEST_MINOR < line.amount_minor < LARGEST_MINOR
    )


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
