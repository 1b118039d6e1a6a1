"""The questions that asset checks ask of the billing tables: each returns the rows that are wrong. Changes nothing."""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Engine, Numeric, Select, and_, case, cast, except_, func, or_, select, true, union
from sqlalchemy.dialects.postgresql import JSONB, distinct_on

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.working import BELOW_ZERO
from flybill_pipeline.billing.usage.aliases import WAITING
from flybill_pipeline.stores.invoicing.tables import (
    drafts,
    invoice_lines,
    invoices,
    line_items,
    organizations,
    outcomes,
)
from flybill_pipeline.stores.pricing.tables import pricing_bases
from flybill_pipeline.stores.sync.tables import stripe_sync

NO_FINGERPRINT = "none: an alias that waits"


class MonthChecks:
    """Evidence about a month, for checks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def not_billed(self, month: Month, shard: int) -> list[dict[str, Any]]:
        """The orgs of a shard whose month is not done: without outcome, held, or invoiced but not in Stripe.

        `code`, `message` and `remedy` say what keeps it: what was decided, or what became of the invoice at Stripe;
        empty where nothing is known.
        """
        invoiced = outcomes.c.outcome == "invoiced"
        joined = (
            organizations.join(
                outcomes,
                (outcomes.c.org_id == organizations.c.org_id) & (outcomes.c.month == str(month)),
                isouter=True,
                full=True,
            )
            .outerjoin(invoices, (invoices.c.org_id == outcomes.c.org_id) & (invoices.c.month == outcomes.c.month))
            .outerjoin(stripe_sync, stripe_sync.c.invoice_id == invoices.c.invoice_id)
        )
        query = (
            select(
                func.coalesce(organizations.c.org_id, outcomes.c.org_id).label("org_id"),
                func.coalesce(outcomes.c.outcome, "none").label("outcome"),
                func.coalesce(stripe_sync.c.state, "").label("sync"),
                *(
                    func.coalesce(case((invoiced, stripe_sync.c[f"error_{name}"]), else_=outcomes.c[name]), "").label(
                        name
                    )
                    for name in ("code", "message", "remedy")
                ),
            )
            .select_from(joined)
            .where(func.coalesce(organizations.c.shard, outcomes.c.shard) == shard)
            .where(or_(outcomes.c.month == str(month), outcomes.c.month.is_(None)))
            .where(
                or_(
                    outcomes.c.outcome.is_(None),
                    outcomes.c.outcome == "held",
                    invoiced & (stripe_sync.c.state.is_distinct_from("finalized")),
                )
            )
            .order_by("org_id")
        )
        with self._engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def unequal_invoices(self, month: Month, shard: int) -> list[dict[str, Any]]:
        """The invoices of a shard whose lines do not sum to the subtotal; none, unless somebody wrote past flybill."""
        total = func.coalesce(func.sum(invoice_lines.c.amount_minor), 0)
        query = (
            select(invoices.c.invoice_id, invoices.c.org_id, invoices.c.subtotal_minor, total.label("lines_minor"))
            .outerjoin(invoice_lines, invoice_lines.c.invoice_id == invoices.c.invoice_id)
            .where(invoices.c.month == str(month), invoices.c.shard == shard)
            .group_by(invoices.c.invoice_id)
            .having(total != invoices.c.subtotal_minor)
            .order_by(invoices.c.invoice_id)
        )
        with self._engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def unpriced(self, month: Month, shard: int) -> list[dict[str, Any]]:
        """The usage of a shard that keeps its organizations from being billed: by org and meter, with its code."""
        problem = func.jsonb_array_elements(drafts.c.problems, type_=JSONB).table_valued("value", joins_implicitly=True)
        meter = problem.c.value.op("->>")("meter")
        query = (
            select(
                drafts.c.org_id,
                meter.label("meter"),
                problem.c.value.op("->>")("quantity").label("quantity"),
                problem.c.value.op("->>")("code").label("code"),
            )
            .where(drafts.c.month == str(month), drafts.c.shard == shard, meter.is_not(None))
            .order_by(drafts.c.org_id, meter)
        )
        with self._engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def below_zero(self, month: Month, shard: int) -> list[dict[str, Any]]:
        """The lines of a shard in which a level was below zero and counted as zero: by org, with the line's words."""
        query = (
            select(line_items.c.org_id, line_items.c.meter, line_items.c.service_month, line_items.c.description)
            .join(drafts, and_(drafts.c.month == line_items.c.month, drafts.c.org_id == line_items.c.org_id))
            .where(drafts.c.month == str(month), drafts.c.shard == shard)
            .where(line_items.c.working.contains([{"step": BELOW_ZERO}]))
            .order_by(line_items.c.org_id, line_items.c.line_no)
        )
        with self._engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def undecided(self, month: Month, shard: int) -> list[dict[str, Any]]:
        """The organizations of a shard, and strangers with usage, of whose month nothing was decided."""
        known = union(
            select(organizations.c.org_id).where(organizations.c.shard == shard),
            select(drafts.c.org_id).where(drafts.c.month == str(month), drafts.c.shard == shard),
        )
        decided = select(outcomes.c.org_id).where(outcomes.c.month == str(month), outcomes.c.shard == shard)
        # No `exists`: where Postgres has no statistics of the month yet it may compare each with each.
        query = except_(known, decided)
        with self._engine.connect() as connection:
            return [{"org_id": org_id} for org_id in sorted(connection.execute(query).scalars())]

    def unsynced_since(self, shard: int, before: datetime) -> list[dict[str, Any]]:
        """The invoices of a shard, of any month, finalized before that time and not yet in Stripe, the oldest first."""
        query = (
            select(
                invoices.c.number,
                invoices.c.org_id,
                invoices.c.finalized_at,
                func.coalesce(stripe_sync.c.state, "new").label("sync"),
                func.coalesce(stripe_sync.c.error_code, "").label("code"),
            )
            .outerjoin(stripe_sync, stripe_sync.c.invoice_id == invoices.c.invoice_id)
            .where(invoices.c.shard == shard, invoices.c.finalized_at < before)
            .where(stripe_sync.c.state.is_distinct_from("finalized"))
            .order_by(invoices.c.finalized_at, invoices.c.number)
        )
        with self._engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def accounted_usage(
        self, month: Month, org_ids: Collection[str] | None = None
    ) -> Mapping[str, tuple[Decimal, Decimal, Decimal]]:
        """Per meter the recorded quantity in the month's own lines, in settled later lines, and with a problem.

        Of `org_ids` where given, else of all.
        """
        with self._engine.connect() as connection:
            parts = [
                {meter: Decimal(quantity) for meter, quantity in connection.execute(query)}
                for query in (_own_usage(month, org_ids), _adjusted_usage(month, org_ids), _waiting(month, org_ids))
            ]
        own, adjusted, waiting = parts
        zero = Decimal(0)
        return {
            meter: (own.get(meter, zero), adjusted.get(meter, zero), waiting.get(meter, zero))
            for meter in own.keys() | adjusted.keys() | waiting.keys()
        }

    def priced_from(self, month: Month) -> dict[str, str]:
        """Org → the fingerprint of the usage that its lines of the month were last priced from, and stand as settled.

        Where none is settled, that of the month's own draft. An alias that waited has lines of nothing, and a text that
        is no fingerprint: its usage may belong to somebody by now.
        """
        waited = drafts.c.org_id.startswith(WAITING, autoescape=True)
        aliases = select(drafts.c.org_id).where(drafts.c.month == str(month), waited)
        basis = pricing_bases.c
        last = (
            select(basis.org_id, basis.usage_fingerprint)
            .ext(distinct_on(basis.org_id))
            .outerjoin(outcomes, and_(outcomes.c.month == basis.month, outcomes.c.org_id == basis.org_id))
            .where(basis.service_month == str(month))
            .where(or_(basis.month == str(month), outcomes.c.outcome != "held"))
            .order_by(basis.org_id, outcomes.c.decided_at.desc(), basis.month.desc())
        )
        with self._engine.connect() as connection:
            found = dict.fromkeys(connection.execute(aliases).scalars(), NO_FINGERPRINT)
            return found | {row.org_id: row.usage_fingerprint for row in connection.execute(last)}

    def beyond_billing(self, month: Month, org_ids: Collection[str], lookback_months: int) -> set[str]:
        """Those of `org_ids` for which the month, and every later one that could bill its usage, is settled."""
        months = [month]
        for _ in range(lookback_months):
            months.append(months[-1].next())
        query = (
            select(outcomes.c.org_id)
            .where(outcomes.c.month.in_([str(each) for each in months]), outcomes.c.org_id.in_(org_ids))
            .where(outcomes.c.outcome != "held")
            .group_by(outcomes.c.org_id)
            .having(func.count() == len(months))
        )
        with self._engine.connect() as connection:
            return set(connection.execute(query).scalars())


def _own_usage(month: Month, org_ids: Collection[str] | None) -> Select[Any]:
    line = line_items.c
    return (
        select(line.meter, func.sum(line.usage_quantity))
        .where(line.service_month == str(month), line.month == str(month), line.meter.is_not(None))
        .where(_among(line.org_id, org_ids))
        .group_by(line.meter)
    )


def _adjusted_usage(month: Month, org_ids: Collection[str] | None) -> Select[Any]:
    line = line_items.c
    return (
        select(line.meter, func.sum(line.usage_quantity))
        .join(outcomes, and_(outcomes.c.month == line.month, outcomes.c.org_id == line.org_id))
        .where(line.service_month == str(month), line.month > str(month), line.meter.is_not(None))
        .where(outcomes.c.outcome != "held", _among(line.org_id, org_ids))
        .group_by(line.meter)
    )


def _waiting(month: Month, org_ids: Collection[str] | None) -> Select[Any]:
    problem = func.jsonb_array_elements(drafts.c.problems, type_=JSONB).table_valued("value", joins_implicitly=True)
    quantity = cast(problem.c.value.op("->>")("quantity"), Numeric(38, 18))
    meter = problem.c.value.op("->>")("meter")
    return (
        select(meter, func.sum(quantity))
        .select_from(drafts)
        .where(drafts.c.month == str(month), meter.is_not(None), _among(drafts.c.org_id, org_ids))
        .group_by(meter)
    )


def _among(column: ColumnElement[str], org_ids: Collection[str] | None) -> ColumnElement[bool]:
    return true() if org_ids is None else column.in_(org_ids)
