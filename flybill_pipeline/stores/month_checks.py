"""The questions that asset checks ask of the billing tables: each returns the rows that are wrong. Changes nothing."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, Numeric, cast, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from flybill_pipeline.billing.period import Month
from flybill_pipeline.stores.tables import (
    drafts,
    invoice_lines,
    invoices,
    line_items,
    organizations,
    outcomes,
    stripe_sync,
)


class MonthChecks:
    """Evidence about a month, for checks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def not_billed(self, month: Month, shard: int) -> list[dict[str, Any]]:
        """The orgs of a shard whose month is not done: without outcome, held, or invoiced but not in Stripe."""
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
                func.coalesce(outcomes.c.code, stripe_sync.c.error_code, "").label("code"),
                func.coalesce(outcomes.c.message, stripe_sync.c.error_message, "").label("message"),
            )
            .select_from(joined)
            .where(func.coalesce(organizations.c.shard, outcomes.c.shard) == shard)
            .where(or_(outcomes.c.month == str(month), outcomes.c.month.is_(None)))
            .where(
                or_(
                    outcomes.c.outcome.is_(None),
                    outcomes.c.outcome == "held",
                    (outcomes.c.outcome == "invoiced") & (stripe_sync.c.state.is_distinct_from("finalized")),
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

    def accounted_usage(self, month: Month) -> Mapping[str, tuple[Decimal, Decimal]]:
        """Per meter the quantity that stands in the month's lines, and the one that waits with a problem."""
        priced = (
            select(line_items.c.meter, func.sum(line_items.c.usage_quantity))
            .where(line_items.c.service_month == str(month), line_items.c.month == str(month))
            .where(line_items.c.kind == "usage")
            .group_by(line_items.c.meter)
        )
        problem = func.jsonb_array_elements(drafts.c.problems, type_=JSONB).table_valued("value", joins_implicitly=True)
        quantity = cast(problem.c.value.op("->>")("quantity"), Numeric(38, 18))
        meter = problem.c.value.op("->>")("meter")
        waiting = (
            select(meter, func.sum(quantity))
            .select_from(drafts)
            .where(drafts.c.month == str(month), meter.is_not(None))
            .group_by(meter)
        )
        with self._engine.connect() as connection:
            lines = {name: Decimal(amount) for name, amount in connection.execute(priced)}
            held = {name: Decimal(amount) for name, amount in connection.execute(waiting)}
        return {name: (lines.get(name, Decimal(0)), held.get(name, Decimal(0))) for name in lines.keys() | held.keys()}
