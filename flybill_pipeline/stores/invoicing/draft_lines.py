"""The lines of drafts at rest, written where they are not there already as they would be. Not the drafts: drafts.py."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Connection, Table, Text, any_, delete, literal

from flybill_pipeline.billing.invoicing.invoice import Draft
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.portions import portions_data
from flybill_pipeline.billing.usage.totals import dimensions_text
from flybill_pipeline.stores.invoicing.tables import line_items
from flybill_pipeline.stores.postgres.bulk import copy_rows

LINE_COLUMNS = (
    "month",
    "org_id",
    "line_no",
    "line_id",
    "kind",
    "meter",
    "dimensions",
    "service_month",
    "quantity",
    "usage_quantity",
    "unit",
    "amount_minor",
    "currency",
    "description",
    "working",
    "title",
    "portions",
)
LINES_AT_ONCE = 2_000  # of drafts that are held in memory until it is known which of them are there


def lines_hash(draft: Draft) -> str:
    """Equal for drafts whose lines are equal rows: it names what the content hash does, what that leaves out, and the
    columns themselves. So all lines are written once more when a column comes.
    """
    left_out = [(line.usage, line.title) for line in draft.lines]
    return hashlib.sha256(f"{draft.content_hash}{LINE_COLUMNS}{left_out}".encode()).hexdigest()


def at_once(drafts: Iterable[Draft]) -> Iterator[Sequence[Draft]]:
    """The drafts in parts of so many lines."""
    part, lines = list[Draft](), 0
    for draft in drafts:
        part.append(draft)
        lines += len(draft.lines)
        if lines >= LINES_AT_ONCE:
            yield part
            part, lines = [], 0
    if part:
        yield part


def write_lines(
    connection: Connection, month: Month, drafts: Sequence[Draft], there: Mapping[str, str | None]
) -> Sequence[str]:
    """Writes the lines of these drafts of the month, and gives the hash of each draft's.

    `there` is org → the hash of the lines that are to be replaced; None: it is not known. Of the same hash they stay:
    at a close most are as they were when "so far" was told last.
    """
    hashes = [lines_hash(draft) for draft in drafts]
    changed = [draft for draft, known in zip(drafts, hashes, strict=True) if there.get(draft.org_id) != known]
    take_away(connection, month, there.keys() & {draft.org_id for draft in changed}, [line_items])
    if changed:
        copy_rows(connection, line_items, LINE_COLUMNS, (row for draft in changed for row in _rows(draft)))
    return hashes


def take_away(connection: Connection, month: Month, org_ids: Iterable[str], tables: Collection[Table]) -> None:
    """Takes the rows of these orgs out of `tables`.

    They are named one by one: of a month that has just begun Postgres' statistics know nothing, and left to join by
    itself it once took an hour.
    """
    gone = sorted(org_ids)
    for table in tables if gone else ():
        of_gone = table.c.org_id == any_(literal(gone, ARRAY(Text)))
        connection.execute(delete(table).where(table.c.month == str(month), of_gone))


def _rows(draft: Draft) -> Iterator[tuple[Any, ...]]:
    month = str(draft.month)
    for number, (line, working) in enumerate(zip(draft.lines, draft.workings, strict=True), start=1):
        yield (
            month,
            draft.org_id,
            number,
            line.line_id,
            line.kind,
            line.meter,
            dimensions_text(line.dimensions),
            str(line.service_month),
            line.quantity,
            line.usage,
            line.unit,
            line.amount_minor,
            line.currency,
            line.description,
            working.data,
            line.title,
            portions_data(line.portions) or None,
        )
