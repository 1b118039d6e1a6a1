"""Why a line is what it is: its raw events, one by one. Which events are a line's, the step knows.

Events are read while they are iterated, so that a line of ten million of them takes no memory.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache, cached_property
from itertools import accumulate, islice

from flybill_pipeline.billing.invoicing.shards import shard_of
from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.usage.totals import EACH_DAY, dimensions_of
from flybill_pipeline.billing.words.lines import places_of
from flybill_pipeline.billing.words.outlook import no_usage_words
from flybill_pipeline.billing.words.sentence import Sentence
from flybill_pipeline.questions.in_engines import InEngine, TotalKey, ask_engine
from flybill_pipeline.questions.org_month import asked_about, org_month, priced_now
from flybill_pipeline.steps.pricing.explain_lines import Before, ByDay, Counted, Event, Explained, Lakes, explain_lines
from flybill_pipeline.stores.usage.lake.lake import UsageLake
from flybill_pipeline.stores.usage.months.measured_usage import MeasuredUsage
from flybill_pipeline.toolbox.reading import EngineTables
from flybill_pipeline.toolbox.tools import Toolbox

AT_ONCE = 200
"""Events whose files are looked up together."""
PathsOf = Callable[[Collection[int]], Mapping[int, str]]
"""Gives where files were landed, by their numbers of arrival."""


@dataclass(frozen=True, slots=True)
class UsedEvent:
    """A usage event behind a line. `quantity` is what it adds to the line; `file` and `row` say where it was landed."""

    source: str
    event_id: str
    meter: str
    dimensions: Mapping[str, str]
    quantity: Decimal
    occurred_at: datetime
    file: str
    row: int


class Events:
    """Events that can be iterated once; `count` and `quantity` are of those that were read so far.

    So are `totals`: those that came from `tables` in engines (ids of sources), by what they are the totals of.
    """

    def __init__(self, read: Iterable[tuple[Event, Decimal]], paths_of: PathsOf, tables: Collection[str] = ()) -> None:
        self._read, self._paths_of, self._tables = iter(read), paths_of, tables
        self.totals: dict[TotalKey, Decimal] = {}
        self._files: dict[int, str] = {}
        self.count, self.quantity = 0, ZERO
        self.of_tables = 0  # of the `count`: totals that tables in engines came to

    def __iter__(self) -> Iterator[UsedEvent]:
        while some := list(islice(self._read, AT_ONCE)):
            self._look_up({event.arrival for event, _ in some})
            for event, quantity in some:
                self.count += 1
                with exact():
                    self.quantity += quantity
                used = self._used(event, quantity)
                if event.source in self._tables:
                    self.of_tables += 1
                    self._add(used)
                yield used

    def _add(self, used: UsedEvent) -> None:
        key = TotalKey(used.source, used.occurred_at.date(), tuple(sorted(used.dimensions.items())))
        with exact():
            self.totals[key] = self.totals.get(key, ZERO) + used.quantity

    def _look_up(self, arrivals: Set[int]) -> None:
        if new := arrivals - self._files.keys():
            self._files |= {**dict.fromkeys(new, ""), **self._paths_of(new)}

    def _used(self, event: Event, quantity: Decimal) -> UsedEvent:
        return UsedEvent(
            source=event.source,
            event_id=event.event_id,
            meter=event.meter,
            dimensions=dimensions_of(event.dimensions),
            quantity=quantity,
            occurred_at=event.occurred_at,
            file=self._files[event.arrival],
            row=event.row,
        )

    def in_all(self) -> tuple[int, Decimal]:
        """How many there are, and what they add up to; all of them are read."""
        for _ in self:
            pass
        return self.count, self.quantity


@dataclass(frozen=True, slots=True)
class UsedDay:
    """A day (UTC) that adds to a line: how many events, and what they add up to."""

    day: date
    count: int
    quantity: Decimal


class EventsByDay:
    """The events of a line day by day. Nothing is read before it is asked for."""

    def __init__(self, by_day: ByDay, paths_of: PathsOf) -> None:
        self._by_day, self._paths_of = by_day, paths_of

    @cached_property
    def days(self) -> list[UsedDay]:
        """The days that have events, the first of them first. No event is read for it."""
        found: dict[date, UsedDay] = {}
        with exact():
            for day, count, quantity in self._by_day.counted:
                known = found.get(day, UsedDay(day, 0, ZERO))
                found[day] = UsedDay(day, known.count + count, known.quantity + quantity)
        return [each for _, each in sorted(found.items()) if each.count]

    def since(self, first: date, most_rows: int) -> Events:
        """The events from a day on: of that day, and of as many after it as hold `most_rows` events of everybody.

        The events of a day are not in the order of organizations, so one's are found among all.
        """
        days = [each.day for each in self.days if each.day >= first]
        rows = self._by_day.rows(days)
        upto = accumulate(rows.get(day, 0) for day in days)
        some = [day for place, (day, read) in enumerate(zip(days, upto, strict=True)) if not place or read <= most_rows]
        return Events(self._by_day.events(some), self._paths_of)


@dataclass(frozen=True, slots=True)
class ExplainedLine:
    """A line with its number (from 1) and the events that it was priced from.

    `without_events` says why there are none behind it; None where there are. `level` is what a time-weighted line
    began with. `arrived_after` are events that came after it was billed. `by_day` has the events by their days; None
    where only reading them all can tell what there is of each. Sources in `tables` bring totals, not events.
    """

    number: int
    line: LineItem
    without_events: Sentence | None
    level: Decimal | None
    events: Events
    arrived_after: Events
    by_day: EventsByDay | None = None
    tables: Collection[str] = ()
    ask: Callable[[str, str, Mapping[TotalKey, Decimal], int], InEngine] | None = None

    def in_engines(self, most: int) -> Iterator[InEngine]:
        """What engines say now of the totals that came from them; to be asked after all events were read.

        Only of lines of the month's own usage: others are made of differences of totals.
        """
        if self.ask is None or self.line.kind != "usage":
            return
        with exact():
            known = self.events.totals | {
                key: self.events.totals.get(key, ZERO) + more for key, more in self.arrived_after.totals.items()
            }
        for source in sorted({key.source for key in known}):
            totals = {key: total for key, total in known.items() if key.source == source}
            yield self.ask(source, self.line.meter or "", totals, most)

    @property
    def unexplained(self) -> Decimal:
        """What of the recorded usage the events do not explain; to be asked after all of them were read."""
        with exact():
            return ZERO if self.without_events else self.line.usage - self.events.quantity


@dataclass(frozen=True, slots=True)
class ExplainedMonth:
    """The lines of an organization's month; each, with its events, is read while it is iterated.

    `places` are the numbers of its lines, by their ids.
    """

    org_id: str
    month: Month
    lines: Iterator[ExplainedLine]
    places: Mapping[str, int]


def explained(tools: Toolbox, org_id: str, month: Month, number: int | None = None) -> ExplainedMonth:
    """The lines of the org's month, or just the one with that number, with their events.

    Raises UnknownOrganizationError and NoSuchLineError.
    """
    asked = asked_about(tools, org_id)
    of = org_month(asked, month)
    terms = asked.terms
    if of.is_settled:
        terms = tools.organizations.terms_when_billed(month, org_ids=[org_id])[org_id]
        lines, lakes = tools.recorded_lines.of(org_id, month), _lakes_of_settled(tools, org_id, month)
    else:
        lines, lakes = priced_now(of).draft.lines, _lakes_of_open(tools, org_id, month)
    steps = explain_lines(terms, lines, lakes, cache(tools.books), number)
    tables = {table.key: table for table in EngineTables(tools).all()}

    def ask(source: str, meter: str, totals: Mapping[TotalKey, Decimal], most: int) -> InEngine:
        return ask_engine(tables[source], org_id, meter, totals, most)

    return ExplainedMonth(
        org_id,
        month,
        (replace(_line(each, tools.catalog.paths_of, tables), ask=ask if tables else None) for each in steps),
        places_of(lines),
    )


def _line(each: Explained, paths_of: PathsOf, tables: Collection[str] = ()) -> ExplainedLine:
    return ExplainedLine(
        number=each.number,
        line=each.line,
        without_events=None if each.from_usage else no_usage_words(each.line),
        level=each.level,
        events=Events(each.events, paths_of, tables),
        arrived_after=Events(each.later, paths_of, tables),
        by_day=None if each.by_day is None else EventsByDay(each.by_day, paths_of),
        tables=tables,
    )


class LakeView:
    """A lake as the step looks into it."""

    def __init__(self, lake: UsageLake) -> None:
        self._lake, self._measured = lake, MeasuredUsage(lake)
        self.events, self.versions = lake.events, lake.versions

    def counted(self, org_id: str, days: Iterable[date], meter: str) -> Iterator[Counted]:
        """How many events the totals of days are made of, and what they add up to."""
        shard = shard_of(org_id, self._lake.shards)
        for total in self._lake.monthly_totals(days, shard=shard, org_ids=[org_id], days_from=EACH_DAY):
            if total.meter == meter and total.day is not None:
                yield total.dimensions, total.day, total.events, total.quantity

    def rows(self, days: Iterable[date]) -> dict[date, int]:
        """How many events of everybody each of the days has, as it was recorded."""
        return {day: manifest.rows for day, manifest in self._lake.catalog.manifests(days).items()}

    def levels(self, org_id: str, before: date, meter: str) -> Iterator[tuple[str, Decimal]]:
        """What all events before a day add up to, by dimensions."""
        for level in self._measured.levels(before, [meter], org_ids=[org_id]):
            yield level.dimensions, level.level


def _lakes_of_settled(tools: Toolbox, org_id: str, month: Month) -> Callable[[Month], Lakes]:
    inputs_id = tools.recorded_lines.priced_from(org_id, month)
    if inputs_id is None:  # settled before this was written down: the usage of today is the best there is
        return _lakes_of_open(tools, org_id, month)
    priced = LakeView(tools.lake_as_of(tools.pricing_inputs.find(inputs_id)))
    return lambda service: Lakes(priced, _before(tools, org_id, month, service), LakeView(tools.lake))


def _lakes_of_open(tools: Toolbox, org_id: str, month: Month) -> Callable[[Month], Lakes]:
    return lambda service: Lakes(LakeView(tools.lake), _before(tools, org_id, month, service))


def _before(tools: Toolbox, org_id: str, month: Month, service: Month) -> Before | None:
    """What the last settled month that looked at `service` too was priced from."""
    if service >= month or (earlier := tools.recorded_lines.priced_before(org_id, month, service)) is None:
        return None
    lake = LakeView(tools.lake_as_of(tools.pricing_inputs.find(earlier.priced_from)))
    return Before(lake, tools.organizations.terms_when_billed(earlier.month, org_ids=[org_id])[org_id])
