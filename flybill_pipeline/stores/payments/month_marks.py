"""Marks that change when something changed of what is shown of a month. No figures: those are asked for when it has."""

import hashlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, func, select

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.tables import drafts, invoices, organizations, outcomes
from flybill_pipeline.stores.payments.tables import payment_observations
from flybill_pipeline.stores.sync.credit_tables import credit_notes, stripe_credit_notes
from flybill_pipeline.stores.sync.tables import stripe_breaker, stripe_sync, stripe_verdicts


class MonthMarks:
    """Counts and newest moments of what is on record: cheap beside reading it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, month: Month) -> str | None:
        """The mark of a month: the same as long as outcomes, sync, payments, credits and drafts are.

        Of a month whose invoices wait for Stripe also why no calls are made.

        None for a month without a draft and without an outcome.
        """
        with self._engine.connect() as connection:
            if not connection.execute(select(_is_known(month))).scalar_one():
                return None
            found = [_rows(connection, query) for query in _queries(month)]
        return hashlib.sha256(repr(found).encode()).hexdigest()[:16]


def _is_known(month: Month) -> ColumnElement[bool]:
    drafted, decided = (select(table).where(table.c.month == str(month)).exists() for table in (drafts, outcomes))
    return drafted | decided


def _rows(connection: Connection, query: Select[Any]) -> list[str]:
    return sorted(str(tuple(row)) for row in connection.execute(query))


def _queries(month: Month) -> Iterator[Select[*tuple[Any, ...]]]:
    sync, sent_notes, seen = stripe_sync.c, stripe_credit_notes.c, payment_observations.c
    this_month = invoices.c.month == str(month)
    yield select(func.count()).select_from(organizations)
    yield _grouped(outcomes.c.outcome, outcomes.c.code).where(outcomes.c.month == str(month))
    of_invoice = stripe_sync.join(invoices, invoices.c.invoice_id == sync.invoice_id)
    yield _grouped(sync.state, sync.error_code).select_from(of_invoice).where(this_month)
    waits = select(of_invoice).where(this_month, sync.state != "finalized").exists()
    stopped = stripe_breaker.c
    yield select(stopped.opened_at, stopped.message).where(stopped.is_open, waits)
    of_note = stripe_credit_notes.join(credit_notes).join(invoices, invoices.c.invoice_id == credit_notes.c.invoice_id)
    yield _grouped(sent_notes.state, sent_notes.error_code).select_from(of_note).where(this_month)
    of_payment = payment_observations.join(invoices, invoices.c.invoice_id == seen.invoice_id)
    yield select(func.count(), func.max(seen.recorded_at)).select_from(of_payment).where(this_month)
    yield select(stripe_verdicts.c.compared_at).where(stripe_verdicts.c.month == str(month))
    yield select(func.count(), func.max(drafts.c.priced_at)).where(drafts.c.month == str(month))


def _grouped(*columns: Any) -> Select[Any]:
    return select(*columns, func.count()).group_by(*columns)
