"""The lines of settled months as billing's own values, and what they were priced from. Only reads; prices nothing."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Engine, Row, Select, func, or_, select, tuple_

from flybill_pipeline.billing.invoicing.outcomes import HELD, INVOICED
from flybill_pipeline.billing.money.amounts import from_minor
from flybill_pipeline.billing.money.decimals import exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.portions import portions_from
from flybill_pipeline.billing.pricing.working import working_from
from flybill_pipeline.stores.invoicing.tables import drafts, invoice_lines, invoices, line_items, outcomes


@dataclass(frozen=True, slots=True)
class RecordedInvoice:
    """A finalized invoice with its lines in order; `priced_from` is None where that was not yet written down."""

    invoice_id: str
    number: str
    org_id: str
    shard: int
    currency: str
    content_hash: str
    priced_from: str | None
    finalized_at: datetime
    lines: tuple[LineItem, ...]


@dataclass(frozen=True, slots=True)
class Uninvoiced:
    """A month that was settled without an invoice: what became of it, and the lines that it was decided on."""

    org_id: str
    outcome: str
    lines: tuple[LineItem, ...]


class PricedMonth(NamedTuple):
    """A settled month, and the id of the inputs that it was priced from."""

    month: Month
    priced_from: str


class RecordedLines:
    """What was settled, line by line."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, org_id: str, month: Month) -> Sequence[LineItem]:
        """The lines of a settled month: the invoice's, or those of a month that was settled without one."""
        invoiced = (
            select(invoice_lines)
            .join(invoices, invoices.c.invoice_id == invoice_lines.c.invoice_id)
            .where(invoices.c.org_id == org_id, invoices.c.month == str(month))
            .order_by(invoice_lines.c.line_no)
        )
        decided_on = (
            select(line_items)
            .where(line_items.c.org_id == org_id, line_items.c.month == str(month))
            .order_by(line_items.c.line_no)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(invoiced).all() or connection.execute(decided_on).all()
        with exact():
            return tuple([line_of(row) for row in rows])

    def priced_from(self, org_id: str, month: Month) -> str | None:
        """The inputs of the org's month, where it is settled and they were written down."""
        query = _priced(org_id).where(drafts.c.month == str(month))
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else row.priced_from

    def priced_before(self, org_id: str, month: Month, since: Month) -> PricedMonth | None:
        """Of the org's months from `since` on the one that was settled last before `month` was, or last of all.

        An earlier month that was held until later is not before it. None: there is none, or its inputs are unknown.
        """
        done = outcomes.c
        own = select(done.decided_at).where(done.org_id == org_id, done.month == str(month), done.outcome != HELD)
        settled = own.scalar_subquery()
        query = (
            _priced(org_id)
            .where(drafts.c.month >= str(since), drafts.c.month != str(month))
            .where(or_(settled.is_(None), tuple_(done.decided_at, done.month) < tuple_(settled, str(month))))
            .order_by(done.decided_at.desc(), done.month.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None or row.priced_from is None else PricedMonth(Month.parse(row.month), row.priced_from)

    def settled_at(self, month: Month, shard: int | None = None, org_ids: Collection[str] = ()) -> dict[str, datetime]:
        """When the month was settled, by org: without those that still may change. Of a shard, or just of `org_ids`."""
        query = select(outcomes.c.org_id, outcomes.c.decided_at).where(
            outcomes.c.month == str(month), outcomes.c.outcome != HELD
        )
        if shard is not None:
            query = query.where(outcomes.c.shard == shard)
        if org_ids:
            query = query.where(outcomes.c.org_id.in_(org_ids))
        with self._engine.connect() as connection:
            return {row.org_id: row.decided_at for row in connection.execute(query)}

    def numbers(
        self, months: Collection[Month], shard: int, org_ids: Collection[str] = ()
    ) -> dict[tuple[str, str], str]:
        """The number of each invoice of a shard, or of orgs in it, by org and month."""
        query = select(invoices.c.org_id, invoices.c.month, invoices.c.number).where(
            invoices.c.month.in_([str(month) for month in months]), invoices.c.shard == shard
        )
        if org_ids:
            query = query.where(invoices.c.org_id.in_(org_ids))
        with self._engine.connect() as connection:
            return {(row.org_id, row.month): row.number for row in connection.execute(query)}

    def count(self, month: Month) -> int:
        """For how many organizations the month is settled so far."""
        done = outcomes.c
        query = select(func.count()).select_from(outcomes).where(done.month == str(month), done.outcome != HELD)
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def invoices(
        self, month: Month, shard: int | None = None, org_ids: Collection[str] = ()
    ) -> Iterator[RecordedInvoice]:
        """Every invoice of the month, by shard, inputs and org: what was priced together comes together.

        Of one shard, or just of `org_ids`, where given. They are read while they are asked for.
        """
        query = (
            select(invoices, *(c for c in invoice_lines.c if c.name not in invoices.c))
            .join(invoice_lines, invoice_lines.c.invoice_id == invoices.c.invoice_id)
            .where(invoices.c.month == str(month))
            .order_by(invoices.c.shard, invoices.c.priced_from, invoices.c.org_id, invoice_lines.c.line_no)
        )
        if shard is not None:
            query = query.where(invoices.c.shard == shard)
        if org_ids:
            query = query.where(invoices.c.org_id.in_(org_ids))
        with self._engine.connect().execution_options(yield_per=10_000) as connection:
            for _, rows in groupby(connection.execute(query), key=lambda row: row.invoice_id):
                yield _invoice(list(rows))

    def uninvoiced(self, month: Month, shard: int, org_ids: Collection[str] = ()) -> Iterator[Uninvoiced]:
        """Every settled month of a shard, or of orgs in it, that has lines and no invoice. Read while asked for."""
        done, line = outcomes.c, line_items.c
        query = (
            select(done.outcome, line_items)
            .join(line_items, (line.month == done.month) & (line.org_id == done.org_id))
            .where(done.month == str(month), done.shard == shard, done.outcome.not_in((HELD, INVOICED)))
            .order_by(line.org_id, line.line_no)
        )
        if org_ids:
            query = query.where(done.org_id.in_(org_ids))
        with self._engine.connect().execution_options(yield_per=10_000) as connection:
            for org_id, grouped in groupby(connection.execute(query), key=lambda row: row.org_id):
                rows = list(grouped)
                with exact():
                    yield Uninvoiced(org_id, rows[0].outcome, tuple([line_of(row) for row in rows]))


def _priced(org_id: str) -> Select[Any]:
    """The settled months of an org, and the inputs of each."""
    joined = drafts.join(outcomes, (outcomes.c.month == drafts.c.month) & (outcomes.c.org_id == drafts.c.org_id))
    query = select(drafts.c.month, drafts.c.priced_from).select_from(joined)
    return query.where(drafts.c.org_id == org_id, outcomes.c.outcome != HELD)


def _invoice(rows: list[Row[Any]]) -> RecordedInvoice:
    head = rows[0]
    names = ("invoice_id", "number", "org_id", "shard", "currency", "content_hash", "priced_from", "finalized_at")
    with exact():
        lines = tuple([line_of(row) for row in rows])
    return RecordedInvoice(**{name: getattr(head, name) for name in names}, lines=lines)


def line_of(row: Row[Any]) -> LineItem:
    """A row of the lines, of a draft or of an invoice, as billing's own value."""
    return unexplained_line_of(row)._replace(working=working_from(row.working))


def unexplained_line_of(row: Row[Any]) -> LineItem:
    """The same without its working, which is half of what a row takes to read: for who only adds lines up."""
    return LineItem(
        kind=row.kind,
        line_id=row.line_id,
        meter=row.meter,
        dimensions=row.dimensions,
        service_month=Month.parse(row.service_month),
        quantity=row.quantity,
        unit=row.unit,
        amount=from_minor(row.amount_minor, row.currency),
        amount_minor=row.amount_minor,
        currency=row.currency,
        description=row.description,
        usage=row.usage_quantity,
        title=row.title,
        portions=portions_from(row.portions),
    )
