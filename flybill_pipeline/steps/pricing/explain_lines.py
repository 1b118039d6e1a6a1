"""Explains lines: the raw events whose sum is a line's recorded usage. Reads only; what a line costs is not here.

The events of an invoice are those that counted when it was priced. What has arrived since is shown apart: it is the
business of a later invoice.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache, cached_property
from typing import Protocol

from flybill_pipeline.billing.invoicing.terms import OrgTerms
from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_heads import usage_line_id
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.billing.usage.totals import dimensions_of
from flybill_pipeline.steps.pricing.price_org import BooksFor

ADJUSTMENT = "adjustment"


class Event(Protocol):
    """One usage event that counts."""

    @property
    def source(self) -> str: ...
    @property
    def event_id(self) -> str: ...
    @property
    def meter(self) -> str: ...
    @property
    def dimensions(self) -> str: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def occurred_at(self) -> datetime: ...
    @property
    def arrival(self) -> int: ...
    @property
    def row(self) -> int: ...


class Lake(Protocol):
    """The usage events, as they count now or counted at some time."""

    def events(self, org_id: str, days: Iterable[date], meter: str | None = None) -> Iterator[Event]: ...
    def versions(self, days: Iterable[date]) -> Mapping[date, str]:
        """Names the events that count on each of the days, for those that were compiled."""

    def counted(self, org_id: str, days: Iterable[date], meter: str) -> Iterable["Counted"]:
        """The same events by dimensions and day, as they were last compiled: how many, and what they add up to."""

    def rows(self, days: Iterable[date]) -> Mapping[date, int]:
        """How many events of everybody each of the days has: what it takes to read one organization's of it."""

    def levels(self, org_id: str, before: date, meter: str) -> Iterable[tuple[str, Decimal]]:
        """Per set of dimensions what all events before a day add up to."""


Counted = tuple[str, date, int, Decimal]
"""Dimensions, a day, the number of events, their sum."""


class NoSuchLineError(Exception):
    """There is no line with that number; the message says how many there are."""


@dataclass(frozen=True, slots=True)
class Before:
    """What the invoice before was priced from. `terms` are the organization's as known then; None: the same as now."""

    lake: Lake
    terms: OrgTerms | None = None


@dataclass(frozen=True, slots=True)
class Lakes:
    """The lake as the line was priced from it; as the invoice before, for the same service month, was; and now.

    `before` is None unless an earlier invoice billed that month, `now` unless the line is settled.
    """

    priced: Lake
    before: Before | None = None
    now: Lake | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """A line and where it comes from. Its events are read when they are iterated, once.

    `events` with what was taken out again negated; their sum is `line.usage`. `later` arrived after it was priced.
    Without `from_usage` it has none: it is no usage, or nobody knows its prices any more. `level` is what a
    time-weighted line began with. `by_day` has the same events day by day; None where only reading them all can tell
    what there is of each.
    """

    number: int
    line: LineItem
    from_usage: bool
    events: Iterable[tuple[Event, Decimal]]
    later: Iterable[tuple[Event, Decimal]]
    level: Decimal | None = None
    by_day: "ByDay | None" = None


@dataclass(frozen=True, slots=True)
class ByDay:
    """The events of a line by their days: how many there are and their sum, in parts; those of some days; and what it
    takes to read a day, as the number of everybody's events.
    """

    counted: Iterable[tuple[date, int, Decimal]]
    events: Callable[[Sequence[date]], Iterable[tuple[Event, Decimal]]]
    rows: Callable[[Sequence[date]], Mapping[date, int]]


BooksOf = Callable[[Month], BooksFor]
"""Gives what finds the price books that are in force in a month."""


def explain_lines(
    org: OrgTerms,
    lines: Sequence[LineItem],
    lakes: Callable[[Month], Lakes],
    books: BooksOf,
    number: int | None = None,
) -> Iterator[Explained]:
    """Each of `lines` (or just the one with that number, from 1) with its events, found by the choices of pricing.

    `lakes` gives where to look for a service month. Raises NoSuchLineError.
    """
    if number is not None and not 1 <= number <= len(lines):
        raise NoSuchLineError(f"{org.org_id} has {len(lines)} lines in that month, and no line {number}")
    wanted = ((place, line) for place, line in enumerate(lines, start=1) if number in (None, place))
    return (_explained(place, line, org, lakes, books) for place, line in wanted)


def _explained(place: int, line: LineItem, org: OrgTerms, lakes: Callable[[Month], Lakes], books: BooksOf) -> Explained:
    of_currency = books(line.service_month)(line.currency)
    if line.meter is None or line.kind not in ("usage", ADJUSTMENT) or of_currency is None:
        return Explained(place, line, False, (), ())
    seen, days = lakes(line.service_month), line.service_month.days()
    in_force = _under(of_currency, org, line)
    priced = _Events(seen.priced, org.org_id, line, in_force)
    older = seen.before if line.kind == ADJUSTMENT else None
    if older is None:
        events, by_day = priced.of(days), ByDay(priced.counted(days), priced.of, seen.priced.rows)
    else:
        then = in_force if older.terms is None else _under(of_currency, older.terms, line)
        events, by_day = _changes(replace(priced, lake=older.lake, in_force=then), priced, days), None
    later = () if seen.now is None else _changes(priced, replace(priced, lake=seen.now), days)
    return Explained(place, line, True, events, later, _level(seen.priced, org.org_id, line, in_force), by_day)


def _under(books: BooksOfMonth, terms: OrgTerms, line: LineItem) -> BooksOfMonth:
    return books.under(terms.in_month(line.service_month).contracts)


@dataclass(frozen=True)
class _Events:
    """The events of a line, as one lake has them; which belong to it the books say that were in force."""

    lake: Lake
    org_id: str
    line: LineItem
    in_force: BooksOfMonth

    def of(self, days: Iterable[date]) -> Iterator[tuple[Event, Decimal]]:
        """Those of some days, with what each adds."""
        for event in self.lake.events(self.org_id, days, self.line.meter):
            if self._has(event.dimensions, event.occurred_at.date()):
                yield event, event.quantity

    def counted(self, days: Iterable[date]) -> Iterator[tuple[date, int, Decimal]]:
        """How many there are of each day, and their sum, in parts."""
        for dimensions, day, count, total in self.lake.counted(self.org_id, days, self.line.meter or ""):
            if self._has(dimensions, day):
                yield day, count, total

    @cached_property
    def _has(self) -> Callable[[str, date], bool]:
        """Whether usage with these dimensions, of that day, is the line's."""

        @cache
        def has(dimensions: str, day: date) -> bool:
            named = dimensions_of(dimensions)
            return usage_line_id(self.in_force, self.line.meter or "", named, day) == self.line.line_id

        return has


def _level(lake: Lake, org_id: str, line: LineItem, in_force: BooksOfMonth) -> Decimal | None:
    """The level with which a time-weighted line began: nothing else of earlier months is in it."""
    meter = line.meter or ""
    for part in in_force.parts:
        if meter not in part.book.meters or part.book.meters[meter].aggregation is not Aggregation.TIME_WEIGHTED:
            continue
        held = [
            level
            for dimensions, level in lake.levels(org_id, part.start, meter)
            if usage_line_id(in_force, meter, dimensions_of(dimensions), part.start) == line.line_id
        ]
        if held:
            with exact():
                return sum(held, ZERO)
    return None


def _changes(older: _Events, newer: _Events, days: Sequence[date]) -> Iterator[tuple[Event, Decimal]]:
    """What `newer` has and `older` had not; then, negated, what only `older` had.

    Days with the same events are not read, unless other events of them are the line's by now.
    """
    then, now = older.lake.versions(days), newer.lake.versions(days)
    for day in days:
        if older.in_force is not newer.in_force or then.get(day) != now.get(day):
            before = {(event.arrival, event.row): event for event, _ in older.of([day])}
            for event, quantity in newer.of([day]):
                known = before.pop((event.arrival, event.row), None)
                if known != event:
                    yield event, quantity
                    if known is not None:
                        before[event.arrival, event.row] = known
            yield from ((event, -event.quantity) for event in before.values())
