"""Credit notes on record and their durable rows. Belongs here: their SQL. Does not: what may be credited (billing)."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, insert, select, update

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.credit_note_sync import CreditPlan, CreditTask, CreditWork
from flybill_pipeline.billing.payments.credit_notes import (
    CreditableInvoice,
    CreditNote,
    CreditRequest,
    decide_note,
    stripe_line_of,
)
from flybill_pipeline.stores.invoicing.holds import audit_entry
from flybill_pipeline.stores.invoicing.tables import audit, invoices
from flybill_pipeline.stores.postgres.driver import Driver
from flybill_pipeline.stores.sync.claims import Claims
from flybill_pipeline.stores.sync.credit_tables import credit_notes, stripe_credit_notes
from flybill_pipeline.stores.sync.rows import Rows
from flybill_pipeline.stores.sync.tables import stripe_sync
from flybill_pipeline.stores.sync.tasks import invoice_lines_of


class CreditNotes:
    """What was credited, and the claims of one process. Close it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._claims = Claims(engine)
        self._driver = Driver(engine)
        self._rows = Rows(self._driver, stripe_credit_notes)

    def close(self) -> None:
        """Gives up all claims, and the connections."""
        self._claims.close()
        self._driver.close()

    @property
    def rows(self) -> Rows:
        """The durable rows by credit note id."""
        return self._rows

    def request(self, request: CreditRequest, now: datetime) -> CreditNote:
        """The credit note that is asked for, on record when this returns; the same request is the same note.

        A new one is written with its durable row and its entry in the audit, in one transaction, in which nobody else
        credits the invoice. Raises CreditRefusedError.
        """
        chosen = (invoices.c.org_id == request.org_id) & (invoices.c.month == str(request.month))
        with self._engine.begin() as connection:
            invoice = _creditable(connection, chosen)
            note = decide_note(request, invoice, now)
            known = invoice is not None and note in invoice.notes
            if not known:
                _write(connection, request.month, note, now)
            elif note.state == "blocked":
                _reopen(connection, note.credit_note_id)
            return note

    def pending(
        self, month: Month, shard: int | None = None, org_ids: Collection[str] | None = None
    ) -> list[CreditWork]:
        """The notes on the month's invoices that a machine may still bring to Stripe, in the order of their making."""
        query = _works().where(invoices.c.month == str(month), stripe_credit_notes.c.state == "new")
        if shard is not None:
            query = query.where(invoices.c.shard == shard)
        if org_ids is not None:
            query = query.where(invoices.c.org_id.in_(org_ids))
        ordered = query.order_by(credit_notes.c.requested_at, credit_notes.c.number)
        with self._engine.connect() as connection:
            return [CreditWork(**row._mapping) for row in connection.execute(ordered)]

    @contextmanager
    def claim(self, work: CreditWork) -> Iterator[CreditTask | None]:
        """The note with its row as it is now, its org held while the block runs; None when someone else has the org."""
        with self._claims.held(work.org_id) as held:
            yield self._task(work.credit_note_id) if held else None

    def find(self, credit_note_id: str) -> CreditNote:
        """The note as it stands now."""
        with self._engine.connect() as connection:
            (note,) = notes_where(connection, credit_notes.c.credit_note_id == credit_note_id)
            return note

    def of(self, org_id: str, month: Month) -> Sequence[CreditNote]:
        """The notes on the invoice of an org's month, in order."""
        return self.of_months(org_id, [month])

    def of_months(self, org_id: str, months: Collection[Month]) -> Sequence[CreditNote]:
        """The notes on the invoices of an org's months, in order."""
        which = and_(invoices.c.org_id == org_id, invoices.c.month.in_(list(map(str, months))))
        with self._engine.connect() as connection:
            return notes_where(connection, which)

    def issued_in(self, month: Month, shard: int, org_ids: Collection[str] = ()) -> Sequence[CreditNote]:
        """The notes that were issued within the month, of a shard, or of orgs in it."""
        at = stripe_credit_notes.c.issued_at
        within = (invoices.c.shard == shard) & (at >= month.start) & (at < month.end)
        if org_ids:
            within &= invoices.c.org_id.in_(org_ids)
        with self._engine.connect() as connection:
            return notes_where(connection, (stripe_credit_notes.c.state == "issued") & within)

    def _task(self, credit_note_id: str) -> CreditTask:
        with self._engine.connect() as connection:
            (note,) = notes_where(connection, credit_notes.c.credit_note_id == credit_note_id)
            mine = stripe_credit_notes.c
            row = connection.execute(
                select(mine.stripe_line_id, mine.balance_minor, mine.sent_minor, stripe_sync.c.stripe_invoice_id)
                .select_from(stripe_credit_notes)
                .join(stripe_sync, stripe_sync.c.invoice_id == note.invoice_id)
                .where(mine.credit_note_id == credit_note_id)
            ).one()
            progress = self._rows.read(connection, credit_note_id)
            if progress is None:
                raise LookupError(f"credit note {credit_note_id} has no row in stripe_credit_notes")
            return CreditTask(
                note=note,
                stripe_invoice_id=row.stripe_invoice_id,
                line_id=stripe_line_of(invoice_lines_of(connection, note.invoice_id), note.line_no),
                row=progress,
                plan=_plan(row.stripe_line_id, row.balance_minor, row.sent_minor, note),
            )


def _plan(
    stripe_line_id: str | None, balance_minor: int, sent_minor: int | None, note: CreditNote
) -> CreditPlan | None:
    """The plan of a row, None of one that has none yet. An older version did not say what it sends: the note's
    amount. With the same plan its key still stands, and what it made is looked for.
    """
    if stripe_line_id is None:
        return None
    return CreditPlan(stripe_line_id, balance_minor, note.amount_minor if sent_minor is None else sent_minor)


def notes_where(connection: Connection, condition: ColumnElement[bool]) -> list[CreditNote]:
    """The credit notes for which a condition on them or their invoices holds, in the order of their making."""
    mine = stripe_credit_notes.c
    from_stripe = ("state", "balance_minor", "total_minor", "stripe_credit_note_id", "stripe_number", "issued_at")
    names = [credit_notes.c[name] for name in CreditNote.__slots__ if name in credit_notes.c]
    query = (
        select(*names, invoices.c.org_id, invoices.c.month, *(mine[name] for name in from_stripe))
        .add_columns(mine.error_message, mine.error_remedy)
        .join(stripe_credit_notes, mine.credit_note_id == credit_notes.c.credit_note_id)
        .join(invoices, invoices.c.invoice_id == credit_notes.c.invoice_id)
        .where(condition)
        .order_by(invoices.c.org_id, credit_notes.c.requested_at, credit_notes.c.number)
    )
    return [CreditNote(**row._mapping) for row in connection.execute(query)]


def _works() -> Select[Any]:
    return (
        select(credit_notes.c.credit_note_id, invoices.c.org_id)
        .select_from(credit_notes)
        .join(stripe_credit_notes, stripe_credit_notes.c.credit_note_id == credit_notes.c.credit_note_id)
        .join(invoices, invoices.c.invoice_id == credit_notes.c.invoice_id)
    )


def _creditable(connection: Connection, chosen: ColumnElement[bool]) -> CreditableInvoice | None:
    """The invoice with all that was credited of it; locked, so that the sum stands until the transaction ends."""
    head = connection.execute(select(invoices).where(chosen).with_for_update()).one_or_none()
    if head is None:
        return None
    state = select(stripe_sync.c.state).where(stripe_sync.c.invoice_id == head.invoice_id)
    return CreditableInvoice(
        invoice_id=head.invoice_id,
        number=head.number,
        currency=head.currency,
        sync_state=connection.execute(state).scalar_one_or_none(),
        lines=invoice_lines_of(connection, head.invoice_id),
        notes=notes_where(connection, credit_notes.c.invoice_id == head.invoice_id),
    )


def _write(connection: Connection, month: Month, note: CreditNote, now: datetime) -> None:
    values = {name: getattr(note, name) for name in CreditNote.__slots__ if name in credit_notes.c}
    connection.execute(insert(credit_notes), values)
    connection.execute(insert(stripe_credit_notes), {"credit_note_id": note.credit_note_id})
    entry = audit_entry(month, note.org_id, "credited", note.by, note.reason, now)
    connection.execute(insert(audit), entry | {"code": note.number, "total_minor": note.amount_minor})


def _reopen(connection: Connection, credit_note_id: str) -> None:
    """A note that Stripe refused may be tried again: it looks first, and `attempts` fences off old workers."""
    mine = stripe_credit_notes
    changes = {
        "state": "new",
        "step": "look",
        "step_key": None,
        "generation": mine.c.generation + 1,
        "attempts": mine.c.attempts + 1,
    }
    connection.execute(
        update(mine).where(mine.c.credit_note_id == credit_note_id, mine.c.state == "blocked").values(changes)
    )
