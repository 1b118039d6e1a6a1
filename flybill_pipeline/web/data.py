"""The values of a page as JSON; the JSON of a month is that of `flybill owes`. No number is made here."""

from typing_extensions import TypedDict

from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.billing.words.sentence import Language
from flybill_pipeline.exports.explained_json import event_data, explained_data
from flybill_pipeline.exports.shapes import BudgetJson, EventJson, ExplainedJson, MonthJson, OwedJson
from flybill_pipeline.exports.statement_json import budget_data, month_data, owed_data
from flybill_pipeline.web.views import Values


class DayJson(TypedDict):
    """What the usage of a month came to by the end of a day (UTC)."""

    day: str
    total_minor: int


class AmountJson(TypedDict):
    """An amount of a currency, in minor units."""

    currency: str
    amount_minor: int


class OverviewJson(TypedDict):
    """The running month as `flybill owes` has it, its usage day after day, and the months before.

    `to_pay` is what is still to be paid of all invoices, by currency; of one that is not at our payment provider yet
    before tax. A month that has no invoice yet is not in it.
    """

    now: OwedJson
    to_pay: list[AmountJson]
    usage_by_day: list[DayJson]
    months: list[MonthJson]


class BudgetsJson(TypedDict):
    """The budgets of the running month."""

    month: str
    budgets: list[BudgetJson]


class UsedDayJson(TypedDict):
    """A day (UTC) that adds to a line: how many events, and what they add up to."""

    day: str
    events_count: int
    events_quantity: str


class LinePageJson(ExplainedJson):
    """A line, how many events it has and what they add up to; those since a day; and what came after it was billed.

    `events` are some of them, those from the day `since` on that was asked for, or from the first; `days` are all days
    that have any, where they are known.
    """

    org_id: str
    month: str
    days: list[UsedDayJson]
    events: list[EventJson]
    events_count: int
    events_quantity: str
    arrived_after: list[EventJson]
    arrived_after_count: int
    arrived_after_quantity: str


class RefusedJson(TypedDict):
    """Why there is no other answer, for a person to read."""

    title: str
    message: str


def overview(values: Values, language: Language) -> OverviewJson:
    """The JSON of the first page."""
    return {
        "now": owed_data(values["owed"], language),
        "to_pay": [
            {"currency": currency, "amount_minor": minor} for currency, minor in values["history"].to_pay.items()
        ],
        "usage_by_day": [{"day": day.isoformat(), "total_minor": total} for day, total in values["spent"].by_day],
        "months": [month_data(each.facts, each.statement, language) for each in values["history"].months],
    }


def budgets(values: Values, language: Language) -> BudgetsJson:
    """The JSON of the page of budgets."""
    answer = values["owed"]
    return {"month": str(answer.facts.month), "budgets": [budget_data(each, language) for each in answer.budgets]}


def line(values: Values) -> LinePageJson:
    """The JSON of the page of a line."""
    events, later = values["events"], values["later"]
    return {
        "org_id": values["org_id"],
        "month": str(values["month"]),
        **explained_data(values["explained"]),
        "days": [
            {"day": each.day.isoformat(), "events_count": each.count, "events_quantity": plain(each.quantity)}
            for each in events.days
        ],
        "events": [event_data(event) for event in events.first],
        "events_count": events.count,
        "events_quantity": plain(events.quantity),
        "arrived_after": [event_data(event) for event in later.first],
        "arrived_after_count": later.count,
        "arrived_after_quantity": plain(later.quantity),
    }
