"""One invoice with all that a worker needs to bring it to Stripe. Belongs here: reading. Does not: claims, writes."""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.portions import portions_from
from flybill_pipeline.billing.sync.lines import lines_for_stripe
from flybill_pipeline.billing.sync.values import SyncInvoice, SyncLine, SyncTask, SyncWork
from flybill_pipeline.stores.invoicing.tables import invoice_lines, invoices, organizations
from flybill_pipeline.stores.postgres.driver import Driver
from flybill_pipeline.stores.sync.orgs import ORG_COLUMNS, org_of
from flybill_pipeline.stores.sync.rows import CustomerRows, InvoiceRows, ProfileRows
from flybill_pipeline.stores.sync.tables import stripe_customers, stripe_profiles, stripe_sync

_INVOICE = [
    invoices.c[name] for name in ("invoice_id", "number", "month", "currency", "subtotal_minor", "content_hash")
]
_LINES = (
    select(*(invoice_lines.c[name] for name in SyncLine.__slots__))
    .where(invoice_lines.c.invoice_id == bindparam("invoice_id"))
    .order_by(invoice_lines.c.line_no)
)


class Tasks:
    """Reads tasks in two statements: all that there is once, and the lines."""

    def __init__(
        self, driver: Driver, invoice_rows: InvoiceRows, customer_rows: CustomerRows, profile_rows: ProfileRows
    ) -> None:
        self._invoice_rows, self._customer_rows, self._profile_rows = invoice_rows, customer_rows, profile_rows
        rows = [*invoice_rows.columns, *customer_rows.columns, *profile_rows.columns]
        self._head = driver.statement(_head((*_INVOICE, *ORG_COLUMNS, *rows)))
        self._lines = driver.statement(_LINES)

    def read(self, work: SyncWork) -> SyncTask:
        """The task as it is now. Raises LookupError when nothing made its durable row."""
        head = self._head.row(invoice_id=work.invoice_id)
        if head is None:
            raise LookupError(f"invoice {work.invoice_id} has no row in stripe_sync: open_work makes it")
        values = iter(head)
        invoice_id, number, month, currency, subtotal_minor, content_hash = islice(values, len(_INVOICE))
        org = org_of([*islice(values, len(ORG_COLUMNS))])
        row = self._invoice_rows.progress([*islice(values, len(self._invoice_rows.columns))])
        customer = [*islice(values, len(self._customer_rows.columns))]  # only NULL where the org has no row there
        profile = self._profile_rows.progress([*values])
        ours = _sync_lines(self._lines.rows(invoice_id=invoice_id))
        invoice = SyncInvoice(
            invoice_id=invoice_id,
            number=number,
            month=Month.parse(month),
            org=org,
            currency=currency,
            subtotal_minor=subtotal_minor,
            content_hash=content_hash,
            lines=lines_for_stripe(ours),
            lines_here=len(ours),
        )
        return SyncTask(invoice, row, self._customer_rows.progress(customer) if any(customer) else None, profile)


def invoice_lines_of(connection: Connection, invoice_id: str) -> list[SyncLine]:
    """All lines of an invoice, in order, as they are before any are rolled up for Stripe."""
    return _sync_lines(connection.execute(_LINES, {"invoice_id": invoice_id}))


def _sync_lines(rows: Iterable[Sequence[Any]]) -> list[SyncLine]:
    return [_sync_line(dict(zip(SyncLine.__slots__, row, strict=True))) for row in rows]


def _sync_line(values: dict[str, Any]) -> SyncLine:
    month, portions = Month.parse(values["service_month"]), portions_from(values["portions"])
    return SyncLine(**{**values, "service_month": month, "portions": portions})


@cache  # one clause is compiled once
def _head(columns: tuple[Any, ...]) -> Select[Any]:
    return (
        select(*columns)
        .select_from(invoices)
        .join(organizations)
        .join(stripe_sync, stripe_sync.c.invoice_id == invoices.c.invoice_id)
        .join(stripe_profiles, stripe_profiles.c.org_id == invoices.c.org_id)
        .outerjoin(stripe_customers, stripe_customers.c.org_id == invoices.c.org_id)
        .where(invoices.c.invoice_id == bindparam("invoice_id"))
    )
