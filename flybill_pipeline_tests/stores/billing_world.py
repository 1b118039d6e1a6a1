"""Organizations, drafts and settled months in a real database, through the stores themselves. No assertions here."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from sqlalchemy import Engine, text

from flybill_pipeline.billing.invoicing.invoice import Draft
from flybill_pipeline.billing.invoicing.outcomes import HoldReason
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import EVER
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem, line_id
from flybill_pipeline.steps.invoicing.finalize_invoices import FinalizeReport, finalize_shard
from flybill_pipeline.stores.invoicing.billed_months import BilledMonths
from flybill_pipeline.stores.invoicing.drafts import Drafts
from flybill_pipeline.stores.invoicing.holds import Holds
from flybill_pipeline.stores.invoicing.invoices import Invoices
from flybill_pipeline.stores.invoicing.organizations import Organizations
from flybill_pipeline_tests.worlds.landed import ALL_READ
from flybill_pipeline_tests.worlds.organizations import org_row

MONTH = Month.parse("2025-10")
SHARD = 0


class BillingWorld:
    """One shard of a deployment. The clock goes on by a second with every draft."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.organizations = Organizations(engine, shards=1)
        self.drafts = Drafts(engine)
        self.invoices = Invoices(engine)
        self._seconds = count()

    def orgs(self, *names: str) -> None:
        """Imports organizations, billed in dollars."""
        self.organizations.save([org_row(name, name=name.title()) for name in names], EVER)

    def now(self) -> datetime:
        return datetime(2026, 6, 3, tzinfo=UTC) + timedelta(seconds=next(self._seconds))

    def draft(self, amounts: Mapping[str, int], month: Month = MONTH, problems: tuple[HoldReason, ...] = ()) -> None:
        """Replaces the drafts of the shard: one line of usage each, and what is carried over."""
        carried = {org: sum(open_.values()) for org, open_ in self.drafts.carried(month, list(amounts)).items()}
        settled = BilledMonths(self.engine).settled_months(SHARD, list(amounts))
        new = [
            Draft(
                month=month,
                org_id=org,
                shard=SHARD,
                currency="usd",
                lines=tuple(_lines(org, month, amount, carried.get(org, 0))),
                carried_minor=carried.get(org, 0),
                problems=problems,
                usage_up_to=None,
                settled_months=settled.get(org, 0),
            )
            for org, amount in amounts.items()
        ]
        self.drafts.replace(ShardMonth(month, SHARD, self.now()), new)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """What a statement gives; what it changes stays."""
        with self.engine.begin() as connection:
            result = connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

    def finalize(self, month: Month = MONTH) -> FinalizeReport:
        return finalize_shard(ShardMonth(month, SHARD, self.now()), self.invoices, Holds(self.engine), ALL_READ)


def _lines(org: str, month: Month, amount: int, carried: int) -> list[LineItem]:
    found = [_line("usage", org, month, amount)] if amount else []
    return found + ([_line("carried_forward", org, month, carried)] if carried else [])


def _line(kind: str, org: str, month: Month, amount: int) -> LineItem:
    return LineItem(
        kind=kind,
        line_id=line_id(kind, month, org),
        meter="seconds" if kind == "usage" else None,
        dimensions={},
        service_month=month,
        quantity=Decimal(amount),
        unit="second",
        amount=Decimal(amount) / 100,
        amount_minor=amount,
        currency="usd",
        description=f"{kind} of {org}",
        usage=Decimal(amount),
    )
