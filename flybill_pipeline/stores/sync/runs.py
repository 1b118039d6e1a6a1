"""The heartbeats of the sync's runs, and the calls that a month still needs. What they mean, billing says."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, Integer, and_, case, cast, func, select
from sqlalchemy.dialects.postgresql import insert

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.lines import CHUNK, MOST_LINES
from flybill_pipeline.billing.sync.progress import CallsLeft, Pulse, SyncProgress, progress
from flybill_pipeline.billing.sync.values import AT_REST
from flybill_pipeline.stores.invoicing.tables import invoices, organizations, outcomes
from flybill_pipeline.stores.sync.tables import stripe_sync, stripe_sync_runs

Orgs = Collection[str] | None
_COLUMNS = [stripe_sync_runs.c[name] for name in Pulse.__slots__]
_IDENTITY = ("run_id", "month", "shard", "started_at")


class SyncRuns:
    """One row for each run of the sync."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def beat(self, pulse: Pulse) -> None:
        """Writes the run as it stands."""
        values = {name: getattr(pulse, name) for name in Pulse.__slots__} | {"month": str(pulse.month)}
        changed = {name: value for name, value in values.items() if name not in _IDENTITY}
        with self._engine.begin() as connection:
            connection.execute(
                insert(stripe_sync_runs).values(values).on_conflict_do_update(index_elements=["run_id"], set_=changed)
            )

    def progress(self, month: Month, now: datetime, shard: int | None = None, org_ids: Orgs = None) -> SyncProgress:
        """How far a month is, or what of it was asked for."""
        row = stripe_sync_runs.c
        query = select(*_COLUMNS).where(row.month == str(month))
        if shard is not None:
            query = query.where(row.shard == shard)
        with self._engine.connect() as connection:
            pulses = [
                Pulse(**{**each._mapping, "month": Month.parse(each.month)}) for each in connection.execute(query)
            ]
        return progress(pulses, self._left(month, shard, org_ids), now, self._unsettled(month, shard, org_ids))

    def _unsettled(self, month: Month, shard: int | None, org_ids: Orgs) -> int:
        """Organizations without an outcome of the month: their invoices, if they get any, are still to come."""
        org = organizations.c
        decided = select(outcomes.c.org_id).where(outcomes.c.month == str(month), outcomes.c.org_id == org.org_id)
        query = select(func.count()).select_from(organizations).where(~decided.exists())
        if shard is not None:
            query = query.where(org.shard == shard)
        if org_ids:
            query = query.where(org.org_id.in_(org_ids))
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def _left(self, month: Month, shard: int | None, org_ids: Orgs) -> CallsLeft:
        state = func.coalesce(stripe_sync.c.state, "new")
        chunks = (func.least(invoices.c.line_count, MOST_LINES) + CHUNK - 1) / CHUNK
        sent = case(
            (stripe_sync.c.step.like("lines%"), cast(func.substr(stripe_sync.c.step, len("lines") + 1), Integer)),
            else_=0,
        )
        conditions: list[ColumnElement[bool]] = [invoices.c.month == str(month), state.not_in(AT_REST)]
        if shard is not None:
            conditions.append(invoices.c.shard == shard)
        if org_ids:
            conditions.append(invoices.c.org_id.in_(org_ids))
        unlinked = (state == "new") & organizations.c.stripe_customer_id.is_(None)
        query = (
            select(
                func.count(case((unlinked, 1))).label("customers"),
                func.count(case((state == "new", 1))).label("creates"),
                func.coalesce(
                    func.sum(case((state == "new", chunks), (state == "created", chunks - sent), else_=0)), 0
                ).label("lines"),
                func.count().label("finalizes"),
            )
            .select_from(invoices)
            .join(organizations)
            .outerjoin(stripe_sync, stripe_sync.c.invoice_id == invoices.c.invoice_id)
            .where(and_(*conditions))
        )
        with self._engine.connect() as connection:
            return CallsLeft(**{name: int(count) for name, count in connection.execute(query).one()._mapping.items()})
