"""How `flybill explain` answers: each event is shown as it is read, so that ten million take no memory."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from rich.markup import escape

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.decimals import ZERO, exact, plain
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.totals import dimensions_of
from flybill_pipeline.cli.render.console import explained_events, out
from flybill_pipeline.steps.pricing.explain_lines import Event, Explained

Told = Iterable[tuple[Event, Decimal]]


class Sum:
    """Counts and adds what passes."""

    def __init__(self) -> None:
        self.events, self.quantity = 0, ZERO

    def passing(self, told: Told) -> Iterator[tuple[Event, Decimal]]:
        for event, quantity in told:
            with exact():
                self.quantity += quantity
            self.events += 1
            yield event, quantity


def write_json(org_id: str, month: Month, found: Iterable[Explained], files: Mapping[int, str]) -> bool:
    """Writes everything, event by event; returns whether every line is explained to the last digit."""
    write, complete = sys.stdout.write, True
    write(f'{{"org_id": {json.dumps(org_id)}, "month": "{month}", "lines": [')
    for place, each in enumerate(found):
        counted, later = Sum(), Sum()
        write(",\n" if place else "\n")
        write(json.dumps(_line_data(each))[:-1] + ', "events": [')
        _write_events(counted.passing(each.events), files)
        write('], "arrived_after": [')
        _write_events(later.passing(each.later), files)
        missing = _missing(each, counted)
        complete = complete and not missing
        ends = {"events_quantity": plain(counted.quantity), "unexplained_quantity": plain(missing)}
        write("], " + json.dumps(ends)[1:])
    write("\n]}\n")
    return complete


def _write_events(told: Told, files: Mapping[int, str]) -> None:
    for place, (event, quantity) in enumerate(told):
        sys.stdout.write((",\n" if place else "\n") + json.dumps(_event_data(event, quantity, files)))


def show_text(found: Iterable[Explained], files: Mapping[int, str], limit: int) -> bool:
    """Shows each line with up to `limit` events; totals are over all. Returns whether every line is explained."""
    complete = True
    for each in found:
        line = each.line
        out.print(f"[bold]{each.number}[/bold]  {escape(line.description)}")
        out.print(f"   {format_money(line.amount_minor, line.currency)}, {line.kind} of {line.service_month}")
        if each.words:
            out.print(f"   No usage of its own: {each.words}.")
            continue
        if each.level is not None:
            out.print(f"   The level was {plain(each.level)} when it began; each event changes it.")
        counted, later = Sum(), Sum()
        explained_events(((_event_data(*told, files)) for told in counted.passing(each.events)), limit)
        missing = _missing(each, counted)
        complete = complete and not missing
        out.print(f"   {counted.events} events, together {plain(counted.quantity)}; {_verdict(each, missing)}")
        explained_events(((_event_data(*told, files)) for told in later.passing(each.later)), limit, "arrived after")
        if later.events:
            out.print(f"   {later.events} events, together {plain(later.quantity)}, arrived after this was billed.")
    return complete


def _verdict(each: Explained, missing: Decimal) -> str:
    recorded = plain(each.line.usage)
    if missing:
        return f"the line recorded {recorded}, so {plain(missing)} is unexplained: have the price books changed since?"
    billed = f"{plain(each.line.quantity)} {each.line.unit}"
    return f"that is the usage that the line recorded ({recorded}), billed as {billed}."


def _missing(each: Explained, counted: Sum) -> Decimal:
    with exact():
        return ZERO if each.words else each.line.usage - counted.quantity


def _line_data(each: Explained) -> dict[str, Any]:
    line = each.line
    return {
        "line": each.number,
        "kind": line.kind,
        "meter": line.meter,
        "dimensions": dict(line.dimensions),
        "service_month": str(line.service_month),
        "quantity": plain(line.quantity),
        "unit": line.unit,
        "usage_quantity": plain(line.usage),
        "amount_minor": line.amount_minor,
        "currency": line.currency,
        "description": line.description,
        "level_before": None if each.level is None else plain(each.level),
        "without_events": each.words or None,
    }


def _event_data(event: Event, quantity: Decimal, files: Mapping[int, str]) -> dict[str, Any]:
    return {
        "source": event.source,
        "event_id": event.event_id,
        "meter": event.meter,
        "dimensions": dimensions_of(event.dimensions),
        "quantity": plain(quantity),
        "occurred_at": event.occurred_at.isoformat(),
        "file": files.get(event.arrival, ""),
        "row": event.row,
    }
