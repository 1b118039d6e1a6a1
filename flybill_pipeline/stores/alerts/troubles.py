"""Organizations whose month waits for a person or for Stripe, grouped by why: what alerts and the to-do list are of."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, func, select, union
from sqlalchemy.dialects.postgresql import aggregate_order_by

from flybill_pipeline.billing.sync.values import AT_REST, FOR_A_PERSON
from flybill_pipeline.stores.invoicing.tables import invoices, outcomes
from flybill_pipeline.stores.sync.tables import stripe_sync


class Troubles:
    """Only reads. A group is a dictionary: month, code, message, remedy, org_ids, totals in minor units by currency."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def held(self) -> list[dict[str, Any]]:
        """The held organizations of every month, by reason."""
        held = outcomes.c
        return self._groups(
            select(
                held.month, held.code, held.message, held.remedy, held.org_id, held.currency, held.total_minor
            ).where(held.outcome == "held")
        )

    def blocked(self) -> list[dict[str, Any]]:
        """The invoices that Stripe does not take until a person has mended something, by error."""
        return self._groups(_unsynced().where(stripe_sync.c.state.in_(FOR_A_PERSON)))

    def waiting(self, before: datetime) -> list[dict[str, Any]]:
        """The invoices finalized before that time that a machine should have brought to Stripe by now, by error."""
        waits = func.coalesce(stripe_sync.c.state, "new").not_in(AT_REST)
        return self._groups(_unsynced().where(invoices.c.finalized_at < before, waits))

    def failed_org_months(self) -> set[tuple[str, str]]:
        """Every (month, org) that waits for a person."""
        return self._org_months(stripe_sync.c.state.in_(FOR_A_PERSON))

    def unfinished(self, months: Collection[str]) -> set[tuple[str, str]]:
        """Every (month, org) of these months that is held, or has an invoice that is not yet at Stripe."""
        return self._org_months(stripe_sync.c.state.is_distinct_from("finalized") & invoices.c.month.in_(months))

    def _org_months(self, unsynced: ColumnElement[bool]) -> set[tuple[str, str]]:
        held = select(outcomes.c.month, outcomes.c.org_id).where(outcomes.c.outcome == "held")
        invoiced = select(invoices.c.month, invoices.c.org_id).outerjoin(
            stripe_sync, stripe_sync.c.invoice_id == invoices.c.invoice_id
        )
        with self._engine.connect() as connection:
            return {(row.month, row.org_id) for row in connection.execute(union(held, invoiced.where(unsynced)))}

    def _groups(self, rows: Select[Any]) -> list[dict[str, Any]]:
        each = rows.subquery()
        query = (
            select(
                each.c.month,
                func.coalesce(each.c.code, "unknown").label("code"),
                func.min(func.coalesce(each.c.message, "")).label("message"),
                func.min(func.coalesce(each.c.remedy, "")).label("remedy"),
                each.c.currency,
                func.array_agg(aggregate_order_by(each.c.org_id, each.c.org_id)).label("org_ids"),
                func.sum(each.c.total_minor).label("minor"),
            )
            .group_by(each.c.month, each.c.code, each.c.currency)
            .order_by(each.c.month, each.c.code, each.c.currency)
        )
        groups: dict[tuple[str, str], dict[str, Any]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                trouble = {"month": row.month, "code": row.code, "message": row.message, "remedy": row.remedy}
                group = groups.setdefault((row.month, row.code), trouble | {"org_ids": [], "totals": {}})
                group["org_ids"] = sorted([*group["org_ids"], *row.org_ids])
                if row.currency is not None:
                    group["totals"][row.currency] = int(row.minor)
        return list(groups.values())


def _unsynced() -> Select[Any]:
    return select(
        invoices.c.month,
        func.coalesce(stripe_sync.c.error_code, stripe_sync.c.error_kind, "").label("code"),
        stripe_sync.c.error_message.label("message"),
        stripe_sync.c.error_remedy.label("remedy"),
        invoices.c.org_id,
        invoices.c.currency,
        invoices.c.subtotal_minor.label("total_minor"),
    ).outerjoin(stripe_sync, stripe_sync.c.invoice_id == invoices.c.invoice_id)
