"""A line and its events as JSON: for `flybill explain` and the page of a line. Which events are a line's: not here."""

from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.billing.words.english import ENGLISH
from flybill_pipeline.billing.words.sentence import say
from flybill_pipeline.exports.shapes import EventJson, ExplainedJson
from flybill_pipeline.questions.explained import ExplainedLine, UsedEvent


def explained_data(each: ExplainedLine) -> ExplainedJson:
    """The line itself; its events come after it, one by one."""
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
        "without_events": None if each.without_events is None else say(ENGLISH, each.without_events),
    }


def event_data(event: UsedEvent) -> EventJson:
    """One event; `file` and `row` say where it was landed."""
    return {
        "source": event.source,
        "event_id": event.event_id,
        "meter": event.meter,
        "dimensions": dict(event.dimensions),
        "quantity": plain(event.quantity),
        "occurred_at": event.occurred_at.isoformat(),
        "file": event.file,
        "row": event.row,
    }
