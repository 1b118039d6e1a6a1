"""What answers look like as JSON, member by member: the makers of JSON are checked by it, and OpenAPI tells it.

Amounts are integers of the minor unit; quantities are exact decimal texts; moments are ISO 8601. No value is made here.
"""

from typing import Annotated, Any

from pydantic import GetPydanticSchema
from typing_extensions import TypedDict  # pydantic reads no other before Python 3.12

from flybill_pipeline.billing.payments.standing import Payment

PaymentJson = Annotated[dict[str, Any], GetPydanticSchema(lambda _, described: described(Payment))]
"""The members of a Payment, times as text."""


class PortionJson(TypedDict):
    """What of a line is one app's, or whatever the line is shown by."""

    dimensions: dict[str, str]
    quantity: str
    amount_minor: int


class LineJson(TypedDict):
    """One line of a statement. `working` are the steps by which its quantity became its amount."""

    kind: str
    meter: str | None
    name: str | None
    dimensions: dict[str, str]
    service_month: str
    quantity: str
    unit: str | None
    amount_minor: int
    description: str
    working: list[dict[str, str]]
    portions: list[PortionJson]


class ShareJson(TypedDict):
    """What of a statement has one value of a dimension, such as one app."""

    value: str
    amount_minor: int


class BreakdownJson(TypedDict):
    """A statement by the values of a dimension of its usage, such as by app, the largest first.

    `without_minor` is usage that has no such value; `others_minor` is no usage. All of it sums to the total.
    """

    name: str
    shares: list[ShareJson]
    without_minor: int
    others_minor: int


class CreditNoteJson(TypedDict):
    """Money that was given back of a line."""

    number: str
    credit_note_id: str
    org_id: str
    month: str
    line: int
    amount_minor: int
    currency: str
    reason: str
    date: str
    state: str
    to_balance_minor: int | None
    stripe_credit_note_id: str | None
    stripe_number: str | None


class BudgetJson(TypedDict):
    """A budget of a month, of everything or of what is in `scope`, and how much of it is spent.

    `forecast_minor` is what the month may come to under it, once more than three days of it are known.
    """

    budget_id: str
    name: str
    scope: dict[str, str]
    amount_minor: int
    currency: str
    thresholds: list[int]
    spent_minor: int | None
    percent: int | None
    forecast_minor: int | None
    message: str


class MonthJson(TypedDict):
    """Where a month stands; no number while there is no invoice."""

    month: str
    state: str
    message: str
    next_step: str
    currency: str | None
    total_minor: int
    invoice_number: str | None


class ForecastJson(TypedDict):
    """What a running month may come to, and between what; `days` whole days tell the range, 0 where there is none."""

    minor: int
    low_minor: int
    high_minor: int
    days: int
    message: str


class DifferenceJson(TypedDict):
    """One thing that comes to another amount than the month before: a product, an app of it, a plan, or all of a kind.

    Quantities are those of `unit`; none where they cannot be compared.
    """

    kind: str
    meter: str | None
    name: str
    dimensions: dict[str, str]
    unit: str | None
    quantity: str | None
    quantity_before: str | None
    amount_minor: int
    amount_before_minor: int
    message: str


class ChangedJson(TypedDict):
    """What made the difference to the month before, the largest first; the differences add up to that of the totals.

    `days` first days of both are compared, by usage alone, while the month runs; none: all of both.
    """

    month_before: str
    days: int | None
    total_minor: int
    total_before_minor: int
    message: str
    differences: list[DifferenceJson]


class OwedJson(MonthJson):
    """What is owed for a month, and why."""

    org_id: str
    forecast_minor: int
    forecast: ForecastJson | None
    usage_up_to: str | None
    freshness: str
    files_unread: int
    days_unrecorded: int
    left: list[str]
    hosted_invoice_url: str | None
    payment: PaymentJson | None
    payments_as_of: str | None
    lines: list[LineJson]
    breakdowns: list[BreakdownJson]
    credit_notes: list[CreditNoteJson]
    left_minor: int | None
    budgets: list[BudgetJson]
    changed: ChangedJson | None


class EventJson(TypedDict):
    """One usage event; `file` and `row` say where it was landed."""

    source: str
    event_id: str
    meter: str
    dimensions: dict[str, str]
    quantity: str
    occurred_at: str
    file: str
    row: int


class ExplainedJson(TypedDict):
    """A line, without the events behind it; `without_events` says why it has none."""

    line: int
    kind: str
    meter: str | None
    dimensions: dict[str, str]
    service_month: str
    quantity: str
    unit: str | None
    usage_quantity: str
    amount_minor: int
    currency: str
    description: str
    level_before: str | None
    without_events: str | None
