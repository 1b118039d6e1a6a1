"""The views that anybody's dashboard reads, beside what `flybill owes` says. It compares; which months: not here."""

from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, text

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.exports.statement_json import owed_data
from flybill_pipeline.questions.owed import owed
from flybill_pipeline.toolbox.tools import Toolbox

OF_MONTH = ("state", "currency", "total_minor", "left_minor", "usage_up_to", "invoice_number")
OF_ORG = "where org_id = :org and month = :month"


def view(engine: Engine, name: str, org_id: str, month: Month | str) -> list[dict[str, Any]]:
    """The rows of a view about an org's month; lines in their order."""
    order = " order by line_no" if name == "statement_lines" else ""
    with engine.connect() as connection:
        found = connection.execute(text(f"select * from flybill.{name} {OF_ORG}{order}"), _of(org_id, month))
        return [dict(row._mapping) for row in found]


def _of(org_id: str, month: Month | str) -> dict[str, str]:
    return {"org": org_id, "month": str(month)}


def assert_views_say_what_is_owed(tools: Toolbox, org_id: str, month: Month) -> str:
    """The three views say of an org's settled month what `owes` says; returns its state."""
    told: dict[str, Any] = {**owed_data(owed(tools, org_id, month))}
    (seen,) = view(tools.engine, "statement_months", org_id, month)
    seen["usage_up_to"] = seen["usage_up_to"] and seen["usage_up_to"].isoformat()
    assert {name: seen[name] for name in OF_MONTH} == {name: told[name] for name in OF_MONTH}
    assert seen["credited_minor"] == sum(note["amount_minor"] for note in told["credit_notes"])
    lines = view(tools.engine, "statement_lines", org_id, month)
    assert [line["line_no"] for line in lines] == list(range(1, len(lines) + 1))
    expected = [{**each, "quantity": Decimal(each["quantity"])} for each in told["lines"]]
    assert [{name: line[name] for name in each} for line, each in zip(lines, expected, strict=True)] == expected
    payments = view(tools.engine, "statement_payments", org_id, month)
    assert [as_json(row, told["payment"]) for row in payments] == ([told["payment"]] if told["payment"] else [])
    return str(seen["state"])


def as_json(row: dict[str, Any], payment: dict[str, Any]) -> dict[str, Any]:
    """The members of a payment that `payment` names, as the JSON has them."""
    return {name: row[name].isoformat() if hasattr(row[name], "isoformat") else row[name] for name in payment}
