"""The sync's work list and the claims on it. Belongs here: who works on what. Does not: writing rows (`rows.py`)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, func, select
from sqlalchemy.dialects.postgresql import insert

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.values import AT_REST, FOR_A_PERSON, SyncFailure, SyncTask, SyncWork
from flybill_pipeline.stores.invoicing.tables import invoices, organizations
from flybill_pipeline.stores.postgres.driver import Driver
from flybill_pipeline.stores.sync.accounts import begun_anew
from flybill_pipeline.stores.sync.breaker import SyncBreaker
from flybill_pipeline.stores.sync.claims import Claims
from flybill_pipeline.stores.sync.clock import StripeClock
from flybill_pipeline.stores.sync.restores import notice_another_server
from flybill_pipeline.stores.sync.rows import CustomerRows, InvoiceRows, ProfileRows, Rows
from flybill_pipeline.stores.sync.runs import SyncRuns
from flybill_pipeline.stores.sync.slots import Slots
from flybill_pipeline.stores.sync.tables import stripe_customers, stripe_profiles, stripe_sync
from flybill_pipeline.stores.sync.tasks import Tasks
from flybill_pipeline.stores.sync.waves import REPAIR, begun_again, came_back

Orgs = Collection[str] | None


class SyncLedger:
    """What of a month is at Stripe, and the claims of one process. Close it, or use it as a context manager.

    Everywhere, `shard` None means all shards, and `org_ids` None all orgs of them. `key_mark`: see `SyncBreaker`.
    """

    def __init__(self, engine: Engine, key_mark: str = "") -> None:
        self._engine = engine
        self._driver = Driver(engine)
        self._key_mark = key_mark
        self._breaker = SyncBreaker(engine, key_mark)
        self._runs = SyncRuns(engine)
        self._clock = StripeClock(engine)
        self._slots = Slots(self._driver)
        self._claims = Claims(engine)
        self._invoices = InvoiceRows(self._driver, key_mark)
        self._customers = CustomerRows(self._driver, key_mark)
        self._profiles = ProfileRows(self._driver, key_mark)
        self._tasks = Tasks(self._driver, self._invoices, self._customers, self._profiles)

    def __enter__(self) -> "SyncLedger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives up all claims, and the connections."""
        self._claims.close()
        self._driver.close()

    @property
    def breaker(self) -> SyncBreaker:
        """What stops the calls of all processes."""
        return self._breaker

    @property
    def runs(self) -> SyncRuns:
        """The heartbeats of all runs."""
        return self._runs

    @property
    def slots(self) -> Slots:
        """The moments at which calls may leave."""
        return self._slots

    @property
    def clock(self) -> StripeClock:
        """Stripe's clock, as it is known before anything is asked."""
        return self._clock

    @property
    def invoices(self) -> Rows:
        """The durable rows by invoice id."""
        return self._invoices

    @property
    def customers(self) -> Rows:
        """The durable rows by org id."""
        return self._customers

    @property
    def profiles(self) -> Rows:
        """The durable rows, by org id, of what customers were told."""
        return self._profiles

    def open_work(self, month: Month, shard: int | None = None, org_ids: Orgs = None) -> Sequence[SyncWork]:
        """The invoices that are not at rest. Makes the durable rows that are missing."""
        notice_another_server(self._engine)
        scope = _scope(month, shard, org_ids)
        with self._engine.begin() as connection:
            _make_rows(connection, scope)
            query = (
                select(invoices.c.invoice_id, invoices.c.org_id, invoices.c.subtotal_minor)
                .join(stripe_sync, stripe_sync.c.invoice_id == invoices.c.invoice_id)
                .where(scope, stripe_sync.c.state.not_in(AT_REST))
                .order_by(invoices.c.subtotal_minor.desc(), invoices.c.invoice_id)
            )
            return [SyncWork(**row._mapping) for row in connection.execute(query)]

    @contextmanager
    def claim(self, work: SyncWork) -> Iterator[SyncTask | None]:
        """The invoice with its rows as they are now, its org held until the end; None when someone else has the org."""
        with self._claims.held(work.org_id) as held:
            yield self._tasks.read(work) if held else None

    @contextmanager
    def orphan(self, org_id: str, invoice_id: str, stripe_invoice_id: str) -> Iterator[bool]:
        """Whether this copy is nobody's: the invoice stands finalized as another. The org is held while this runs."""
        row = stripe_sync.c
        query = select(row.stripe_invoice_id).where(row.invoice_id == invoice_id, row.state == "finalized")
        with self._claims.held(org_id) as held, self._engine.connect() as connection:
            known = connection.execute(query).scalar_one_or_none()
            yield held and known is not None and known != stripe_invoice_id

    def states(self, month: Month, shard: int | None = None, org_ids: Orgs = None) -> Mapping[str, int]:
        """How many invoices are in each state; one without a durable row yet counts as new."""
        state = func.coalesce(stripe_sync.c.state, "new")
        query = (
            select(state.label("state"), func.count().label("invoices"))
            .select_from(invoices.outerjoin(stripe_sync, stripe_sync.c.invoice_id == invoices.c.invoice_id))
            .where(_scope(month, shard, org_ids))
            .group_by(state)
        )
        with self._engine.connect() as connection:
            return {row.state: row.invoices for row in connection.execute(query)}

    def failures(self, month: Month, shard: int | None = None, org_ids: Orgs = None) -> Sequence[SyncFailure]:
        """Every invoice whose last word was a failure, in order of org ids."""
        rows = stripe_sync.c
        query = (
            select(
                invoices.c.org_id,
                invoices.c.invoice_id,
                rows.state,
                rows.error_kind.label("kind"),
                rows.error_code.label("code"),
                rows.error_message.label("message"),
                rows.error_remedy.label("remedy"),
                rows.error_customer_message.label("customer_message"),
                rows.attempts,
                rows.next_attempt_at,
                rows.request_id,
            )
            .join(stripe_sync, rows.invoice_id == invoices.c.invoice_id)
            .where(_scope(month, shard, org_ids), rows.error_kind.is_not(None))
            .order_by(invoices.c.org_id)
        )
        with self._engine.connect() as connection:
            return [SyncFailure(**row._mapping) for row in connection.execute(query)]

    def came_back(self) -> Sequence[tuple[str, int, int]]:
        """The months and shards with invoices that waited for a breaker that is closed by now, and which one."""
        with self._engine.connect() as connection:
            return came_back(connection)

    def reopen(self, month: Month, org_ids: Collection[str]) -> int:
        """Repair: lets the blocked and mismatched invoices of these orgs be tried again; returns how many.

        The next run first looks what Stripe has of them, then goes on under new keys. Nothing else changes.
        """
        chosen = select(invoices.c.invoice_id).where(_scope(month, None, org_ids))
        with self._engine.begin() as connection:
            connection.execute(begun_anew(stripe_sync.c.invoice_id.in_(chosen), self._key_mark))
            for table in (stripe_customers, stripe_profiles):
                connection.execute(_reopened(table, table.c.org_id.in_(org_ids)))
            return connection.execute(_reopened(stripe_sync, stripe_sync.c.invoice_id.in_(chosen))).rowcount


def _scope(month: Month, shard: int | None, org_ids: Orgs) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [invoices.c.month == str(month)]
    if shard is not None:
        conditions.append(invoices.c.shard == shard)
    if org_ids is not None:
        conditions.append(invoices.c.org_id.in_(org_ids))
    return and_(*conditions)


def _make_rows(connection: Connection, scope: ColumnElement[bool]) -> None:
    """A durable row for every invoice, for what each org's customer is told, and for the customer of who has none."""
    missing = select(invoices.c.invoice_id, organizations.c.stripe_customer_id).join(organizations).where(scope)
    columns = ["invoice_id", "stripe_customer_id"]
    connection.execute(insert(stripe_sync).from_select(columns, missing).on_conflict_do_nothing())
    # Looked up for each invoice: where Postgres has no statistics of the month yet, it may compare each with each.
    linked = select(organizations.c.stripe_customer_id).where(organizations.c.org_id == invoices.c.org_id)
    unlinked = select(invoices.c.org_id).where(scope, linked.scalar_subquery().is_(None))
    connection.execute(insert(stripe_customers).from_select(["org_id"], unlinked).on_conflict_do_nothing())
    every = select(invoices.c.org_id).where(scope)
    connection.execute(insert(stripe_profiles).from_select(["org_id"], every).on_conflict_do_nothing())


def _reopened(table: Any, condition: ColumnElement[bool]) -> Any:
    """The row as if nothing were known but that something may have been sent."""
    return (
        begun_again(table, REPAIR)
        .where(condition, table.c.state.in_(FOR_A_PERSON))
        .values(
            error_kind=None,
            error_code=None,
            error_message=None,
            error_remedy=None,
            error_customer_message=None,
        )
    )
