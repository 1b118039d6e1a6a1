"""Puts one org's usage totals of a month together by the line that each belongs to. What a line costs: usage_lines."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import NamedTuple

from flybill_pipeline.billing.pricing.line_heads import LineHead, LineKey, head_of, head_with, sorted_dimensions
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth
from flybill_pipeline.billing.pricing.unpriced import adds_up_levels
from flybill_pipeline.billing.usage.totals import UsageTotal


class Group(NamedTuple):
    """The usage of one line: `own` is what it accounts for, `month` all that its price would rate, were it in force on
    all days of the month.
    """

    head: LineHead
    own: list[UsageTotal]
    month: list[UsageTotal]

    def up_to(self, end: date) -> "Group":
        """The same of the days up to `end`."""
        return Group(self.head, up_to_day(end, self.own), up_to_day(end, self.month))


LeftOut = dict[LineKey, list[UsageTotal]]
"""Usage that no price covers, or may cover."""


def grouped(books: BooksOfMonth, totals: Iterable[UsageTotal]) -> tuple[dict[LineKey, Group], LeftOut]:
    """The totals by their lines, and those that no price covers."""
    groups: dict[LineKey, Group] = {}
    left_out: LeftOut = {}
    for total in totals:
        head = _head_on(books, total, total.day)
        if head is None:
            left_out.setdefault(_unpriced_key(books, total), []).append(total)
        else:
            group_of(groups, head).own.append(total)
        if len(books.parts) > 1:
            _note_for_month(groups, books, total)
    return groups, left_out


def together(groups: Mapping[LineKey, Group]) -> list[list[Group]]:
    """The groups that one price and one combination of values have for the days of each book, in order."""
    return [[groups[key] for key in keys] for _, keys in groupby(sorted(groups), key=lambda key: key[:2])]


def commitments(books: BooksOfMonth, groups: Collection[Group]) -> Iterator[LineHead]:
    """A contract's prices with a minimum spend and no usage: it is due all the same, so they need a line."""
    under_contract = [part for part in books.parts if part.contract is not None]
    heads = [group.head for group in groups] if under_contract else []
    for part in under_contract:
        for price in part.book.contracts[str(part.contract)].prices:
            used = any(head.price == price and (head.whole_month or head.part is part) for head in heads)
            if price.minimum_spend is not None and not used:
                whole_month = books.goes_on(price)
                yield head_with(books, part, price, price.match, whole_month=whole_month)


def up_to_day(end: date, totals: Sequence[UsageTotal]) -> list[UsageTotal]:
    return [total for total in totals if total.day is None or total.day <= end]


def group_of(groups: dict[LineKey, Group], head: LineHead) -> Group:
    group = groups.get(head.key)
    if group is None:
        group = groups[head.key] = Group(head, [], [])
    return group


def _head_on(books: BooksOfMonth, total: UsageTotal, day: date | None) -> LineHead | None:
    """The head of the line that the total belongs to by what is in force on `day`; None: no price may see it."""
    part = books.part_on(day) if total.told_by else None
    if part is not None and adds_up_levels(part, total):
        return None
    return head_of(books, total.meter, total.dimensions, day)


def _note_for_month(groups: dict[LineKey, Group], books: BooksOfMonth, total: UsageTotal) -> None:
    """The total with every line that would have it if that line's book had been in force all month."""
    for part in books.parts:
        head = _head_on(books, total, part.start)
        if head is not None and not head.whole_month:
            group_of(groups, head).month.append(total)


def _unpriced_key(books: BooksOfMonth, total: UsageTotal) -> LineKey:
    part = books.part_on(total.day)
    if part is None:
        return total.meter, sorted_dimensions(total.dimensions), ""
    dimensions = () if adds_up_levels(part, total) else sorted_dimensions(total.dimensions)
    return total.meter, dimensions, part.start.isoformat()
