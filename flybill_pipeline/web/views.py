"""What each page shows: answers of `questions` as the values of its template. Nothing is read or decided here."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Any

from flybill_pipeline.billing.alerts.budgets import THRESHOLDS
from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.breakdowns import breakdowns
from flybill_pipeline.billing.pricing.shares import values_of
from flybill_pipeline.exports.forms import FORMS
from flybill_pipeline.questions.budgets import BudgetState
from flybill_pipeline.questions.explained import Events, EventsByDay, UsedDay, UsedEvent, explained
from flybill_pipeline.questions.history import history
from flybill_pipeline.questions.org_month import asked_about
from flybill_pipeline.questions.owed import owed, owed_by
from flybill_pipeline.questions.spent import spent, spent_so_far
from flybill_pipeline.stores.invoicing.budget_fields import scope_text
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline.web.charts import curves, level
from flybill_pipeline.web.looks import page_of

MOST_CHOICES = 200
"""Apps and the like that a budget can be chosen for on the page; JSON takes any."""
MOST_EVENTS = 200
"""Shown of a line; the sums are of all."""
MOST_ROWS = 300_000
"""Events of everybody that a page reads to find one organization's: a tenth of a second; one day in any case."""

Values = dict[str, Any]
"""The values of a template, by name."""


@dataclass(frozen=True, slots=True)
class ShownEvents:
    """Some events of a line, how many there are in all, and what they add up to; its days, where they are known.

    Sources in `tables` bring totals, not events.
    """

    first: Sequence[UsedEvent]
    count: int
    quantity: Decimal
    days: Sequence[UsedDay] = ()
    tables: Collection[str] = ()

    @property
    def are_all(self) -> bool:
        """Whether no event is left out."""
        return self.count == len(self.first)

    @property
    def are_totals(self) -> bool:
        """Whether one of those that are shown is a total."""
        return any(each.source in self.tables for each in self.first)


class NoSuchDayError(Exception):
    """A line has no event on that day."""


def overview(tools: Toolbox, org_id: str) -> Values:
    """The running month, what its usage came to day after day beside the month before, and the months before."""
    asked, month = asked_about(tools, org_id), Month.of(tools.now())
    past, last = history(asked), spent(asked, month.previous())
    answer = owed_by(asked, month, past.running)
    this = spent_so_far(answer)
    before = last.by_day if last.currency == this.currency else ()
    limit = next((each.budget.amount_minor for each in answer.budgets if _is_level(each, this.currency)), 0)
    drawn = curves(this.by_day, before, level_minor=limit)
    return {
        "owed": answer,
        "breakdowns": breakdowns(answer.lines, beside_lines=False),
        "budget_level": level(limit, drawn[0]),
        "history": past,
        "spent": this,
        "days": list(_side_by_side(this.by_day, before)),
        "curves": drawn,
    }


def budgets(tools: Toolbox, org_id: str) -> Values:
    """The budgets of the running month, and by what else one can be set."""
    answer = owed(tools, org_id, Month.of(tools.now()))
    named = sorted(values_of(answer.lines))[:MOST_CHOICES]
    choices = [{"value": scope_text(json.dumps({name: value})), "name": f"{name} {value}"} for name, value in named]
    return {"owed": answer, "choices": choices, "thresholds": THRESHOLDS}


def _is_level(state: BudgetState, currency: str) -> bool:
    return not state.budget.scope and state.budget.currency == currency


def of_month(tools: Toolbox, org_id: str, month: Month) -> Values:
    """The statement of a month."""
    return {
        "owed": owed(tools, org_id, month),
        "forms": list(FORMS),
        "page_of_line": partial(page_of, org_id, month),
    }


def of_line(tools: Toolbox, org_id: str, month: Month, number: int, since: date | None = None) -> Values:
    """A line, and the events that it was priced from: those since a day, or since its first.

    Raises NoSuchLineError and NoSuchDayError.
    """
    found = explained(tools, org_id, month, number)
    (line,) = found.lines
    events = _shown(line.events) if line.by_day is None else _since(line.by_day, since)
    events = replace(events, tables=line.tables)
    later = _shown(line.arrived_after)
    shown = {"explained": line, "places": found.places, "events": events, "later": later, "since": since}
    return {"org_id": org_id, "month": month, **shown}


def _since(by_day: EventsByDay, first: date | None) -> ShownEvents:
    days = by_day.days
    if first is not None and first not in {each.day for each in days}:
        raise NoSuchDayError(first.isoformat())
    found = list(islice(by_day.since(first or days[0].day, MOST_ROWS), MOST_EVENTS)) if days else []
    with exact():
        quantity = sum((each.quantity for each in days), ZERO)
    return ShownEvents(found, sum(each.count for each in days), quantity, days)


def _shown(events: Events) -> ShownEvents:
    first = list(islice(events, MOST_EVENTS))
    return ShownEvents(first, *events.in_all())


def _side_by_side(
    this: Sequence[tuple[date, int]], last: Sequence[tuple[date, int]]
) -> Iterator[tuple[int, int | None, int | None]]:
    """Each day of a month with what both months came to by its end, as far as that is known."""
    ours, before = ({day.day: amount for day, amount in each} for each in (this, last))
    for day in sorted(ours.keys() | before.keys()):
        yield day, ours.get(day), before.get(day)
