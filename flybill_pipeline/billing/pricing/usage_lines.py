"""From one org's usage totals of one month to priced lines. Which book to use, and what becomes of lines: not here."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from flybill_pipeline.billing.money.amounts import to_minor
from flybill_pipeline.billing.money.decimals import ZERO, exact, plain
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.descriptions import NO_WORDS
from flybill_pipeline.billing.pricing.limits import PricedPart, limit_steps
from flybill_pipeline.billing.pricing.line_heads import LineHead, LineKey, head_of, head_with, sorted_dimensions
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.portions import Values, portions_of
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth, one_book
from flybill_pipeline.billing.pricing.prices import PriceBook
from flybill_pipeline.billing.pricing.rating import Rated, rate, share_of_month, usage_steps
from flybill_pipeline.billing.pricing.stretches import Stretch
from flybill_pipeline.billing.pricing.unpriced import (
    UnpricedUsage,
    contract_without_book,
    too_large,
    unknown_contract,
    unpriced,
)
from flybill_pipeline.billing.pricing.working import BELOW_ZERO, WorkingStep
from flybill_pipeline.billing.usage.aggregation import billed_quantity, hours_below_zero, levels_below_zero
from flybill_pipeline.billing.usage.meters import Aggregation, Meter, Rounding
from flybill_pipeline.billing.usage.totals import UsageTotal

LARGEST_MINOR = 10**15  # of one line: thousands of them still fit into the 64 bits of a total
LARGEST_QUANTITY = Decimal(10) ** 20  # what 18 decimals of 38 digits leave


@dataclass(frozen=True, slots=True)
class PricedUsage:
    """The lines of one org and service month, ordered by meter and dimensions, and what could not be priced."""

    lines: tuple[LineItem, ...]
    unpriced: tuple[UnpricedUsage, ...]


class _Group(NamedTuple):
    """The usage of one line: `own` is what it accounts for, `month` all that its price would rate, were it in force on
    all days of the month.
    """

    head: LineHead
    own: list[UsageTotal]
    month: list[UsageTotal]

    def up_to(self, end: date) -> "_Group":
        """The same of the days up to `end`."""
        return _Group(self.head, _up_to(end, self.own), _up_to(end, self.month))


_LeftOut = dict[LineKey, list[UsageTotal]]
"""Usage that no price covers."""


def price_usage(book: PriceBook, contract: str | None, totals: Iterable[UsageTotal], month: Month) -> PricedUsage:
    """Prices the usage of one org in one service month by one book; see `price_month`."""
    return price_month(one_book(book, month).with_contract(contract), totals)


def price_month(books: BooksOfMonth, totals: Iterable[UsageTotal]) -> PricedUsage:
    """Prices the usage of one org in the service month of `books`, which are those under its contracts.

    A line is one price and one combination of its `group_by` values; its quantity is all usage under it, and its tiers
    see that sum. Lines of zero are kept, as free usage is explained too. A contract's minimum spend gives a line
    without any usage. Where books change within the month, totals must be of days, and a price that changes has a line
    for the days of each book (`BooksOfMonth` has the rule).
    """
    return _without_prices(books) or _priced_groups(books, *_grouped(books, totals))


def price_days(books: BooksOfMonth, totals: Iterable[UsageTotal], ends: Iterable[date]) -> Iterator[PricedUsage]:
    """What `price_month` makes of the totals up to each of the days: they are put to their lines but once.

    The lines have no description: nobody reads that of each day, and it takes as long as all else.
    """
    refused = _without_prices(books)
    groups, left_out = ({}, {}) if refused else _grouped(books, totals)
    groups = {key: each._replace(head=each.head._replace(words=NO_WORDS)) for key, each in groups.items()}
    for end in ends:
        known = {key: each.up_to(end) for key, each in groups.items()}
        begun = {key: each for key, each in known.items() if each.own or each.month}
        unpriced_yet = {key: found for key, each in left_out.items() if (found := _up_to(end, each))}
        yield refused or _priced_groups(books, begun, unpriced_yet)


def _without_prices(books: BooksOfMonth) -> PricedUsage | None:
    """Nothing priced, where a contract has no prices to price by."""
    unknown = [part for part in books.parts if part.contract is not None and part.contract not in part.book.contracts]
    if unknown:
        return PricedUsage((), tuple(unknown_contract(str(part.contract), part.book) for part in unknown))
    if books.without_book:
        return PricedUsage((), tuple(contract_without_book(books, each) for each in books.without_book))
    return None


def _grouped(books: BooksOfMonth, totals: Iterable[UsageTotal]) -> tuple[dict[LineKey, _Group], _LeftOut]:
    """The totals by their lines, and those that no price covers."""
    groups: dict[LineKey, _Group] = {}
    left_out: _LeftOut = {}
    for total in totals:
        head = head_of(books, total.meter, total.dimensions, total.day)
        if head is None:
            left_out.setdefault(_unpriced_key(books, total), []).append(total)
        else:
            _group(groups, head).own.append(total)
        if len(books.parts) > 1:
            _note_for_month(groups, books, total)
    return groups, left_out


def _priced_groups(books: BooksOfMonth, groups: dict[LineKey, _Group], left_out: _LeftOut) -> PricedUsage:
    for head in list(_commitments(books, groups.values())):
        _group(groups, head)
    with exact():
        lines = list(_lines(groups, books.month))
        unfit = [line for line in lines if not _fits(line)]
        return PricedUsage(
            tuple([line for line in lines if _fits(line)] if unfit else lines),
            (
                *[unpriced(books, key[0], dict(key[1]), left_out[key]) for key in sorted(left_out)],
                *[too_large(line) for line in unfit],
            ),
        )


def _up_to(end: date, totals: Sequence[UsageTotal]) -> list[UsageTotal]:
    return [total for total in totals if total.day is None or total.day <= end]


def _group(groups: dict[LineKey, _Group], head: LineHead) -> _Group:
    group = groups.get(head.key)
    if group is None:
        group = groups[head.key] = _Group(head, [], [])
    return group


def _note_for_month(groups: dict[LineKey, _Group], books: BooksOfMonth, total: UsageTotal) -> None:
    """The total with every line that would have it if that line's book had been in force all month."""
    for part in books.parts:
        head = head_of(books, total.meter, total.dimensions, part.start)
        if head is not None and not head.whole_month:
            _group(groups, head).month.append(total)


def _unpriced_key(books: BooksOfMonth, total: UsageTotal) -> LineKey:
    part = books.part_on(total.day)
    return total.meter, sorted_dimensions(total.dimensions), "" if part is None else part.start.isoformat()


def _commitments(books: BooksOfMonth, groups: Collection[_Group]) -> Iterator[LineHead]:
    """A contract's prices with a minimum spend and no usage: it is due all the same, so they need a line."""
    under_contract = [part for part in books.parts if part.contract is not None]
    heads = [group.head for group in groups] if under_contract else []
    for part in under_contract:
        for price in part.book.contracts[str(part.contract)].prices:
            used = any(head.price == price and (head.whole_month or head.part is part) for head in heads)
            if price.minimum_spend is not None and not used:
                whole_month = books.goes_on(price)
                yield head_with(books, part, price, price.match, whole_month=whole_month)


def _lines(groups: Mapping[LineKey, _Group], month: Month) -> Iterator[LineItem]:
    """The lines of all groups, in the order of their keys."""
    for _, keys in groupby(sorted(groups), key=lambda key: key[:2]):
        parts = [groups[key] for key in keys]
        if parts[0].head.whole_month:  # which has no other parts
            yield _whole_line(parts[0], month)
        else:
            yield from _part_lines(parts, month)


def _whole_line(group: _Group, month: Month) -> LineItem:
    """The line of a price that is the same all month."""
    head = group.head
    quantity, adds_up = billed_quantity(head.meter, group.own), head.meter.aggregation.adds_up
    return _usage_line(group, month, quantity, rate(head.price, quantity, head.part.share, adds_up=adds_up))


def _part_lines(parts: Sequence[_Group], month: Month) -> Iterator[LineItem]:
    """The lines of one price and one combination of values for the days of each book."""
    priced = [_priced(part) for part in parts]
    for group, (part, rated), limits in zip(parts, priced, limit_steps([part for part, _ in priced]), strict=True):
        limited = rated.with_steps(limits)
        if group.own or limited.amount:
            yield _usage_line(group, month, part.quantity, limited)


def _priced(group: _Group) -> tuple[PricedPart, Rated]:
    """The group's part of the month, before limits."""
    head, share = group.head, group.head.part.share
    if head.meter.aggregation.adds_up:
        edges = (head.part.start, head.part.end, None)
        start, end, month = (billed_quantity(head.meter, group.month, before) for before in edges)
        quantity = end - start
        rated = Rated.of(usage_steps(head.price, Stretch(start, end, month, share)))
    else:
        quantity = billed_quantity(head.meter, group.month)
        rated = share_of_month(head.price, quantity, share)
    return PricedPart(head.price, share, quantity, rated.amount), rated


def _below_zero(group: _Group, month: Month) -> tuple[WorkingStep, ...]:
    """A step that costs nothing, where a level was below zero: what counts as zero must be seen by a person."""
    head, totals = group.head, group.own if group.head.whole_month else group.month
    if levels_below_zero(head.meter, totals):
        return (WorkingStep(BELOW_ZERO, note="below zero, which counts as zero"),)
    if head.meter.aggregation is not Aggregation.TIME_WEIGHTED:
        return ()
    days = (month.first_day, month.end.date()) if head.whole_month else (head.part.start, head.part.end)
    hours = hours_below_zero(head.meter, totals, *days)
    note = f"below zero for {plain(hours)} hours, which count as zero"
    return (WorkingStep(BELOW_ZERO, note=note),) if hours else ()


def _usage_line(group: _Group, month: Month, quantity: Decimal, rated: Rated) -> LineItem:
    head = group.head
    if head.meter.aggregation.has_series:
        rated = rated.with_steps(_below_zero(group, month))
    amount_minor = to_minor(rated.amount, head.currency)
    return LineItem(
        kind="usage",
        line_id=head.line_id,
        meter=head.meter.name,
        dimensions=head.dimensions,
        service_month=month,
        quantity=quantity,
        unit=head.meter.unit,
        amount=rated.amount,
        amount_minor=amount_minor,
        currency=head.currency,
        description=head.words.describe(quantity, rated.working),
        working=rated.working,
        usage=sum([total.quantity for total in group.own], ZERO),
        title=head.title,
        portions=portions_of(_used_by(group), amount_minor, head.currency) if head.show_by else (),
    )


def _used_by(group: _Group) -> dict[Values, Decimal]:
    """What each combination of the values that the line is shown by adds to it."""
    head, totals = group.head, group.own if group.head.whole_month else group.month
    by_values: dict[Values, list[UsageTotal]] = {}
    for total in totals:
        values = tuple([(name, total.dimensions.get(name, "")) for name in sorted(head.show_by)])
        by_values.setdefault(values, []).append(total)
    meter = replace(head.meter, round=Rounding.NONE)
    used = {values: _added(meter, own, head) for values, own in by_values.items()}
    return {values: quantity for values, quantity in used.items() if quantity}


def _added(meter: Meter, totals: Sequence[UsageTotal], head: LineHead) -> Decimal:
    if head.whole_month:
        return billed_quantity(meter, totals)
    start, end = (billed_quantity(meter, totals, day) for day in (head.part.start, head.part.end))
    return end - start


def _fits(line: LineItem) -> bool:
    return (
        -LARGEST_QUANTITY < line.quantity < LARGEST_QUANTITY
        and -LARGEST_QUANTITY < line.usage < LARGEST_QUANTITY
        and -LARGEST_MINOR < line.amount_minor < LARGEST_MINOR
    )
