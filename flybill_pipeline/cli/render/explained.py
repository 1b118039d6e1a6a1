"""How `flybill explain` answers: each event is shown as it is read, so that ten million of them take no memory."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.billing.words.english import ENGLISH
from flybill_pipeline.billing.words.sentence import say
from flybill_pipeline.cli.render import screen
from flybill_pipeline.exports.explained_json import event_data, explained_data
from flybill_pipeline.questions.explained import Events, ExplainedLine, ExplainedMonth, UsedEvent
from flybill_pipeline.questions.in_engines import InEngine

MOST_EVENTS = 1000
"""Events of an engine in the JSON of a line; they are counted and added up to the last."""
MOST_DAYS = 20


def show_explained(month: ExplainedMonth, limit: int) -> bool:
    """Shows each line with up to `limit` events; totals are over all. Returns whether every line is explained."""
    complete, lines = True, 0
    for each in month.lines:
        _show_line(each, limit)
        complete, lines = complete and not each.unexplained, lines + 1
    if not lines:
        screen.line(f"{month.org_id} has no line in {month.month}: there is nothing to explain.")
    return complete


def _show_line(each: ExplainedLine, limit: int) -> None:
    line = each.line
    screen.line(screen.strong(str(each.number)), f"  {line.description}")
    screen.line(f"   {format_money(line.amount_minor, line.currency)}, {line.kind} of {line.service_month}")
    if each.without_events:
        screen.line(f"   No usage of its own. {say(ENGLISH, each.without_events)}")
        return
    if each.level is not None:
        screen.line(f"   The level was {plain(each.level)} when it began; each event changes it, or says what it is.")
    _show_events(each.events, limit)
    screen.line(f"   {_together(each.events)}; {_verdict(each)}")
    _show_events(each.arrived_after, limit, "arrived after")
    after = each.arrived_after
    if after.count:
        screen.line(f"   {_together(after)}, arrived after this was billed.")
    for said in each.in_engines(limit):
        _show_engine(said)


def _together(events: Events) -> str:
    """How many there are, and their sum. What came of a table are totals: one of a day that changed came twice."""
    totals = screen.counted(events.of_tables, "total") if events.of_tables else ""
    others = f"{events.count - events.of_tables} events" if events.count > events.of_tables or not totals else ""
    return f"{' and '.join(filter(None, (others, totals)))}, together {plain(events.quantity)}"


def _show_engine(said: InEngine) -> None:
    """The events behind the totals that came from a table of an engine, as it has them now."""
    if said.unanswered:
        screen.line(f"   The events are in the engine of source {said.source}, which did not tell: {said.unanswered}")
        return
    shown = [
        ("", at.isoformat(), plain(q), event_id, _named(named.items())) for event_id, _, at, q, named in said.events
    ]
    if shown:
        screen.table(("", "moment", "quantity", "event", "dimensions"), shown, right=("quantity",))
    there = f"{said.count:,} events, together {plain(said.quantity)}, are in the engine of source {said.source}"
    if not said.differing:
        screen.line(f"   {there}: that is what its totals came to.")
        return
    screen.line(screen.warning("   no longer adds up"), f": {there}, and its totals came to {plain(said.came)}.")
    screen.table(
        ("", "day", "came", "there now", "dimensions"),
        [
            ("", str(day), plain(came), plain(now), _named(named))
            for day, named, came, now in said.differing[:MOST_DAYS]
        ],
        right=("came", "there now"),
    )
    screen.line(
        "   Rows came, went or changed since. The next look at all of the table brings that; a later invoice bills it."
    )


def _named(dimensions: Iterable[tuple[str, str]]) -> str:
    return " ".join(f"{name}={value}" for name, value in dimensions)


def _show_events(events: Events, limit: int, note: str = "") -> None:
    """Up to `limit` events, one a row; all are read, so that all are counted."""
    rows = iter(events)
    shown = [("", *_cells(event), note) for event in islice(rows, limit)]
    more = sum(1 for _ in rows)
    if shown:
        screen.table(("", "moment", "quantity", "event", "dimensions", "where", " "), shown, right=("quantity",))
    if more:
        screen.line(f"   … and {more} more: --limit shows more, --json all")


def _cells(event: UsedEvent) -> tuple[str, ...]:
    dimensions = _named(event.dimensions.items())
    where = f"{event.file} row {event.row}"
    return event.occurred_at.isoformat(), plain(event.quantity), event.event_id, dimensions, where


def _verdict(each: ExplainedLine) -> str:
    recorded, missing = plain(each.line.usage), each.unexplained
    if missing:
        return f"the line recorded {recorded}, so {plain(missing)} is unexplained: have the price books changed since?"
    billed = f"{plain(each.line.quantity)} {each.line.unit}"
    return f"that is the usage that the line recorded ({recorded}), billed as {billed}."


def write_explained(month: ExplainedMonth) -> bool:
    """Writes everything as JSON, event by event; returns whether every line is explained to the last digit."""
    screen.json_pieces([f'{{"org_id": {json.dumps(month.org_id)}, "month": "{month.month}", "lines": ['])
    complete = True
    for place, each in enumerate(month.lines):
        screen.json_pieces([",\n" if place else "\n"])
        screen.json_pieces(_line_json(each))
        complete = complete and not each.unexplained
    screen.json_pieces(["\n]}\n"])
    return complete


def _line_json(each: ExplainedLine) -> Iterator[str]:
    yield json.dumps(explained_data(each))[:-1] + ', "events": ['
    yield from _events_json(each.events)
    yield '], "arrived_after": ['
    yield from _events_json(each.arrived_after)
    engines = [_engine_data(said) for said in each.in_engines(MOST_EVENTS)]
    sums = {
        "in_engines": engines,
        "events_quantity": plain(each.events.quantity),
        "unexplained_quantity": plain(each.unexplained),
    }
    yield "], " + json.dumps({"in_engines": engines, **sums})[1:]


def _engine_data(said: InEngine) -> dict[str, Any]:
    """What an engine says now, with its first events."""
    return {
        "source": said.source,
        "came": plain(said.came),
        "events_count": said.count,
        "events_quantity": plain(said.quantity),
        "unanswered": said.unanswered or None,
        "differing": [
            {"day": str(day), "dimensions": dict(named), "came": plain(came), "there": plain(there)}
            for day, named, came, there in said.differing
        ],
        "events": [
            {"event_id": id_, "occurred_at": at.isoformat(), "quantity": plain(q), "dimensions": dict(named)}
            for id_, _, at, q, named in said.events
        ],
    }


def _events_json(events: Events) -> Iterator[str]:
    for place, event in enumerate(events):
        yield (",\n" if place else "\n") + json.dumps(event_data(event))
