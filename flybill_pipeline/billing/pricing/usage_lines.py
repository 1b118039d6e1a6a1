"""From one org's usage totals of one month to priced lines. Which book to use, and what becomes of lines: not here."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from flybill_pipeline.billing.money.amounts import to_minor
from flybill_pipeline.billing.money.decimals import ZERO, exact, plain
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.descriptions import NO_WORDS
from flybill_pipeline.billing.pricing.going_on import (
    GoingOn,
    GrownUsage,
    Quantities,
    cheapest_and_dearest,
    known_quantity,
)
from flybill_pipeline.billing.pricing.limits import PricedPart, limit_steps
from flybill_pipeline.billing.pricing.line_groups import (
    Group,
    LeftOut,
    commitments,
    group_of,
    grouped,
    together,
    up_to_day,
)
from flybill_pipeline.billing.pricing.line_heads import LineHead, LineKey
from flybill_pipeline.billing.pricing.line_items import LineItem, total_minor
from flybill_pipeline.billing.pricing.portions import portions_of
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth, one_book
from flybill_pipeline.billing.pricing.prices import PriceBook
from flybill_pipeline.billing.pricing.rating import Rated, rate, share_of_month, usage_steps
from flybill_pipeline.billing.pricing.shown_by import used_by
from flybill_pipeline.billing.pricing.stretches import Stretch
from flybill_pipeline.billing.pricing.unpriced import (
    UnpricedUsage,
    contract_without_book,
    too_large,
    unknown_contract,
    unpriced,
)
from flybill_pipeline.billing.pricing.working import BELOW_ZERO, WorkingStep
from flybill_pipeline.billing.usage.aggregation import (
    aggregate,
    convert,
    hours_below_zero,
    levels_below_zero,
)
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.billing.usage.totals import UsageTotal

LARGEST_MINOR = 10**15  # of one line: thousands of them still fit into the 64 bits of a total
LARGEST_QUANTITY = Decimal(10) ** 20  # what 18 decimals of 38 digits leave


@dataclass(frozen=True, slots=True)
class PricedUsage:
    """The lines of one org and service month, ordered by meter and dimensions, and what could not be priced."""

    lines: tuple[LineItem, ...]
    unpriced: tuple[UnpricedUsage, ...]


class _Priced(NamedTuple):
    """What the usage of one line comes to."""

    group: Group
    quantity: Decimal
    rated: Rated

    @property
    def usage(self) -> Decimal:
        """What was recorded of it, before it was measured and converted."""
        return sum([total.quantity for total in self.group.own], ZERO)


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
    return _without_prices(books) or _priced_groups(books, *grouped(books, totals))


def price_days(books: BooksOfMonth, totals: Iterable[UsageTotal], ends: Iterable[date]) -> Iterator[PricedUsage]:
    """What `price_month` makes of the totals up to each of the days: they are put to their lines but once.

    The lines have no description: nobody reads that of each day, and it takes as long as all else.
    """
    refused = _without_prices(books)
    groups, left_out = ({}, {}) if refused else grouped(books, totals)
    groups = _without_words(groups)
    for end in ends:
        known = {key: each.up_to(end) for key, each in groups.items()}
        begun = {key: each for key, each in known.items() if each.own or each.month}
        unpriced_yet = {key: found for key, each in left_out.items() if (found := up_to_day(end, each))}
        yield refused or _priced_groups(books, begun, unpriced_yet)


def price_going_on(
    books: BooksOfMonth, totals: Iterable[UsageTotal], known: GoingOn, days: Sequence[date] = ()
) -> GrownUsage:
    """What `price_month` will make of the month at its end, if usage goes on as it is `known`.

    For its range `days` are compared, whose totals must be of days. The lines have no description.
    """
    if _without_prices(books):
        return GrownUsage((), (), ())
    groups = grouped(books, totals)[0]
    for head in list(commitments(books, groups.values())):
        group_of(groups, head)
    lines = together(_without_words(groups))
    with exact():
        at_pace = [priced for parts in lines for priced in _priced(parts, known.quantity)]
        mean = [_usage_line(priced, books.month, known.quantity) for priced in at_pace]
        if not days:
            return GrownUsage(mean, mean, mean)
        likes = cheapest_and_dearest([(each.group, each.rated.amount) for each in at_pace], days)
        ends = [replace(known, like=like).quantity for like in likes]
        return GrownUsage(
            mean,
            *[
                [_usage_line(priced, books.month, end) for parts in lines for priced in _priced(parts, end)]
                for end in ends
            ],
        )


def minor_of_days(books: BooksOfMonth, totals: Iterable[UsageTotal], ends: Sequence[date]) -> list[int]:
    """What the lines of `price_days` come to on each day, for `ends` in order.

    No line is made for it, and what belongs to a line is rated again only on days with usage of its own.
    """
    if _without_prices(books) or any(commitments(books, ())):
        return [total_minor(priced.lines) for priced in price_days(books, totals, ends)]
    grows = [0] * len(ends)
    with exact():
        for parts in together(grouped(books, totals)[0]):
            before = 0
            for number, minor in _minor_by_day(parts, ends):
                grows[number] += minor - before
                before = minor
    return list(accumulate(grows))


def _minor_by_day(parts: Sequence[Group], ends: Sequence[date]) -> Iterator[tuple[int, int]]:
    """What the lines of one price and one combination of values come to, in minor units, by each of `ends` on whose
    day they have usage of their own.
    """
    days: dict[int, list[UsageTotal]] = {}
    for total in (total for each in parts for total in (*each.own, *each.month)):
        days.setdefault(bisect_left(ends, total.day or date.min), []).append(total)
    head, recorded, usage = parts[0].head, ZERO, ZERO
    for number in sorted(days.keys() & set(range(len(ends)))):
        if head.whole_month and head.meter.adds_sums:
            used = sum([total.quantity for total in days[number]], ZERO)
            usage += used
            recorded += used if head.meter.aggregation is Aggregation.SUM else aggregate(head.meter, days[number])
            quantity = convert(head.meter, recorded)
            yield number, _minor(head, quantity, usage, rate(head.price, quantity, head.part.share))
        else:
            begun = [known for each in parts if (known := each.up_to(ends[number])).own or known.month]
            yield number, sum(_minor(each.group.head, each.quantity, each.usage, each.rated) for each in _priced(begun))


def _minor(head: LineHead, quantity: Decimal, usage: Decimal, rated: Rated) -> int:
    """What a line comes to in minor units; nothing where it does not fit."""
    minor = to_minor(rated.amount, head.currency)
    return minor if _fits(quantity, usage, minor) else 0


def _without_words(groups: Mapping[LineKey, Group]) -> dict[LineKey, Group]:
    return {key: each._replace(head=each.head._replace(words=NO_WORDS)) for key, each in groups.items()}


def _without_prices(books: BooksOfMonth) -> PricedUsage | None:
    """Nothing priced, where a contract has no prices to price by."""
    unknown = [part for part in books.parts if part.contract is not None and part.contract not in part.book.contracts]
    if unknown:
        return PricedUsage((), tuple(unknown_contract(str(part.contract), part.book) for part in unknown))
    if books.without_book:
        return PricedUsage((), tuple(contract_without_book(books, each) for each in books.without_book))
    return None


def _priced_groups(books: BooksOfMonth, groups: dict[LineKey, Group], left_out: LeftOut) -> PricedUsage:
    for head in list(commitments(books, groups.values())):
        group_of(groups, head)
    with exact():
        lines = list(_lines(groups, books.month))
        unfit = [line for line in lines if not _fits(line.quantity, line.usage, line.amount_minor)]
        return PricedUsage(
            tuple([line for line in lines if line not in unfit] if unfit else lines),
            (
                *[unpriced(books, key[0], dict(key[1]), left_out[key]) for key in sorted(left_out)],
                *[too_large(line) for line in unfit],
            ),
        )


def _lines(groups: Mapping[LineKey, Group], month: Month) -> Iterator[LineItem]:
    """The lines of all groups, in the order of their keys."""
    return (_usage_line(priced, month) for parts in together(groups) for priced in _priced(parts))


def _priced(parts: Sequence[Group], quantities: Quantities = known_quantity) -> Iterator[_Priced]:
    """What one price and one combination of values come to: for the whole month, or for the days of each book."""
    if not parts:
        return
    head = parts[0].head
    if head.whole_month:  # which has no other parts
        quantity, adds_up = quantities(head, parts[0].own, None), head.meter.aggregation.adds_up
        yield _Priced(parts[0], quantity, rate(head.price, quantity, head.part.share, adds_up=adds_up))
        return
    rated = [_rated_part(part, quantities) for part in parts]
    for group, (part, alone), limits in zip(parts, rated, limit_steps([part for part, _ in rated]), strict=True):
        limited = alone.with_steps(limits)
        if group.own or limited.amount:
            yield _Priced(group, part.quantity, limited)


def _rated_part(group: Group, quantities: Quantities) -> tuple[PricedPart, Rated]:
    """The group's part of the month, before limits."""
    head, share = group.head, group.head.part.share
    if head.meter.aggregation.adds_up:
        edges = (head.part.start, head.part.end, None)
        start, end, month = (quantities(head, group.month, before) for before in edges)
        quantity = end - start
        rated = Rated.of(usage_steps(head.price, Stretch(start, end, month, share)))
    else:
        quantity = quantities(head, group.month, None)
        rated = share_of_month(head.price, quantity, share)
    return PricedPart(head.price, share, quantity, rated.amount), rated


def _below_zero(group: Group, month: Month) -> tuple[WorkingStep, ...]:
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


def _usage_line(priced: _Priced, month: Month, quantities: Quantities = known_quantity) -> LineItem:
    group, quantity, rated = priced
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
        usage=priced.usage,
        title=head.title,
        portions=portions_of(used_by(group, quantities), amount_minor, head.currency) if head.show_by else (),
    )


def _fits(quantity: Decimal, usage: Decimal, amount_minor: int) -> bool:
    return (
        -LARGEST_QUANTITY < quantity < LARGEST_QUANTITY
        and -LARGEST_QUANTITY < usage < LARGEST_QUANTITY
        and -LARGEST_MINOR < amount_minor < LARGEST_MINOR
    )
