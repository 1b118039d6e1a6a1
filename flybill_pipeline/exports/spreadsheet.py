"""The statement as CSV: a row an amount, no cell that a spreadsheet takes for a formula. No number is made here.

The rows sum to what is left to pay: a line that is shown by something, such as its apps, has a row for each part of it.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from flybill_pipeline.billing.alerts.plain import visible
from flybill_pipeline.billing.money.amounts import from_minor
from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.portions import Portion
from flybill_pipeline.questions.owed import Owed

BYTE_ORDER_MARK = "\ufeff"
"""By which Excel knows that a CSV file is UTF-8."""
FORMULA = re.compile(r"""((?:^|[;|])[" ]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])""")
"""Where a text would begin a formula: at its start, or where a spreadsheet that splits at ; or | begins a cell."""
OF_THE_MONTH = ("org_id", "month", "invoice_number", "state")
OF_A_ROW = ("line", "kind", "meter", "name", "service_month")
AMOUNTS = ("quantity", "unit", "amount", "amount_minor", "currency", "description")

Cells = Mapping[str, str | int | Decimal | None]


def statement_csv(owed: Owed) -> str:
    """The statement for a spreadsheet, with a byte order mark. Amounts are in major units, exact; beside them minor."""
    facts = owed.facts
    names = sorted({name for line in owed.lines for values in _dimensions(line) for name in values})
    columns = [*OF_THE_MONTH, *OF_A_ROW, *(f"dimension_{name}" for name in names), *AMOUNTS]
    of_the_month = (owed.org.org_id, str(facts.month), facts.invoice_number, owed.statement.state)
    out = io.StringIO()
    out.write(BYTE_ORDER_MARK)
    writer = csv.writer(out)
    writer.writerow([_cell(column) for column in columns])
    for row in _rows(owed):
        values = {**dict(zip(OF_THE_MONTH, of_the_month, strict=True)), **row}
        writer.writerow([_cell(values.get(column)) for column in columns])
    return out.getvalue()


def text_cell(text: str) -> str:
    """A text that stays a text: what does not print is written out, what begins a formula has an apostrophe."""
    return FORMULA.sub(r"\1'", visible(text))


def _cell(value: str | int | Decimal | None) -> str:
    if isinstance(value, str):
        return text_cell(value)
    if isinstance(value, Decimal):
        return plain(value)
    return "" if value is None else str(value)


def _dimensions(line: LineItem) -> Iterator[Mapping[str, str]]:
    yield line.dimensions
    yield from (portion.dimensions for portion in line.portions)


def _rows(owed: Owed) -> Iterator[Cells]:
    for number, line in enumerate(owed.lines, start=1):
        whole = Portion({}, line.quantity, line.amount_minor)
        yield from (_row(number, line, part) for part in line.portions or (whole,))
    yield from (_credit_row(note) for note in owed.credit_notes)


def _row(number: int, line: LineItem, part: Portion) -> Cells:
    dimensions = {**line.dimensions, **part.dimensions}
    return {
        "line": number,
        "kind": line.kind,
        "meter": line.meter,
        "name": line.title,
        "service_month": str(line.service_month),
        **{f"dimension_{name}": value for name, value in dimensions.items()},
        "quantity": part.quantity,
        "unit": line.unit,
        **_money(part.amount_minor, line.currency),
        "description": line.description,
    }


def _credit_row(note: CreditNote) -> Cells:
    """What was credited of a line since the invoice was made; its name is the number of the credit note."""
    return {
        "line": note.line_no,
        "kind": "credit_note",
        "name": note.number,
        "service_month": note.month,
        **_money(-note.amount_minor, note.currency),
        "description": note.reason,
    }


def _money(minor: int, currency: str) -> Cells:
    return {"amount": from_minor(minor, currency), "amount_minor": minor, "currency": currency}
