"""The values of a page as JSON; the JSON of a month is that of `flybill owes`. No number is made here."""

from typing import Any

from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.billing.words.sentence import Language
from flybill_pipeline.exports.explained_json import event_data, explained_data
from flybill_pipeline.exports.statement_json import budget_data, month_data, owed_data
from flybill_pipeline.web.views import ShownEvents, Values


def overview(values: Values, language: Language) -> dict[str, Any]:
    """The running month as `flybill owes` has it, what its usage came to by each day, and the months before."""
    return {
        "now": owed_data(values["owed"], language),
        "usage_by_day": [{"day": day.isoformat(), "total_minor": total} for day, total in values["spent"].by_day],
        "months": [month_data(each.facts, each.statement, language) for each in values["history"].months],
    }


def budgets(values: Values, language: Language) -> dict[str, Any]:
    """The budgets of the running month."""
    answer = values["owed"]
    return {"month": str(answer.facts.month), "budgets": [budget_data(each, language) for each in answer.budgets]}


def line(values: Values) -> dict[str, Any]:
    """A line, its first events, and how many there are."""
    return {
        "org_id": values["org_id"],
        "month": str(values["month"]),
        **explained_data(values["explained"]),
        **_events("events", values["events"]),
        **_events("arrived_after", values["later"]),
    }


def _events(name: str, events: ShownEvents) -> dict[str, Any]:
    return {
        name: [event_data(event) for event in events.first],
        f"{name}_count": events.count,
        f"{name}_quantity": plain(events.quantity),
    }
