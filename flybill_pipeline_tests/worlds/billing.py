"""Billing without files: usage is handed in, months are closed on a real database one by one. No assertions."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache

from sqlalchemy import Engine, select

from flybill_pipeline.billing.invoicing.outcomes import DEFAULT_POLICY, OutcomePolicy
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import EVER
from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth, books_of_month
from flybill_pipeline.billing.pricing.prices import PriceBook, PriceBooks
from flybill_pipeline.billing.usage.totals import EACH_DAY, OrgUsage, UsageTotal
from flybill_pipeline.steps.invoicing.finalize_invoices import FinalizeReport, finalize_shard
from flybill_pipeline.steps.pricing.open_accounts import Accounts
from flybill_pipeline.steps.pricing.price_usage import PricedFrom, PricingReport, price_shard
from flybill_pipeline.stores.invoicing.billed_months import BilledMonths
from flybill_pipeline.stores.invoicing.drafts import Drafts
from flybill_pipeline.stores.invoicing.holds import Holds
from flybill_pipeline.stores.invoicing.invoices import Invoices
from flybill_pipeline.stores.invoicing.items import Items
from flybill_pipeline.stores.invoicing.org_terms import TermsRow
from flybill_pipeline.stores.invoicing.organizations import Organizations, OrgRow
from flybill_pipeline.stores.invoicing.tables import line_items
from flybill_pipeline.stores.payments.statements import Statements
from flybill_pipeline.stores.sync.month_checks import MonthChecks
from flybill_pipeline_tests.worlds.landed import ALL_READ


class Arrived:
    """Usage as it arrived so far; stands in for the lake."""

    def __init__(self) -> None:
        self.totals: dict[Month, list[UsageTotal]] = defaultdict(list)
        self.asked: list[tuple[Month, tuple[str, ...]]] = []

    def add(
        self,
        month: Month,
        org: str,
        quantity: str | int | Decimal,
        meter: str = "seconds",
        *,
        day: date | None = None,
        **dimensions: str,
    ) -> None:
        self.totals[month].append(UsageTotal(org, meter, dimensions, Decimal(quantity), day, 1))

    def of_month(
        self,
        month: Month,
        shard: int | None,
        org_ids: Collection[str] = (),
        *,
        days_from: date | None = None,
        **_detail: object,
    ) -> Iterator[OrgUsage]:
        self.asked.append((month, tuple(sorted(org_ids))))
        for org in sorted({total.org_id for total in self.totals[month]}):
            if not org_ids or org in org_ids:
                totals = tuple(total for total in self.totals[month] if total.org_id == org)
                if days_from is None:  # as the lake does: nobody knows the days of what was not asked for by day
                    totals = tuple(total._replace(day=None) for total in totals)
                yield OrgUsage(org, totals, month.start)

    def version(self, month: Month) -> str:
        return hashlib.sha256(repr(self.totals[month]).encode()).hexdigest()

    def fingerprints(self, month: Month, shard: int | None, org_ids: Collection[str] = ()) -> Mapping[str, str]:
        return {used.org_id: repr(used.totals) for used in self.of_month(month, shard, org_ids, days_from=EACH_DAY)}

    def orgs(self, month: Month, shard: int | None) -> Mapping[str, bool]:
        return dict.fromkeys((total.org_id for total in self.totals[month]), False)

    def by_meter(self, month: Month) -> dict[str, Decimal]:
        sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
        with exact():
            for total in self.totals[month]:
                sums[total.meter] += total.quantity
        return sums


@dataclass
class BillingWorld:
    """One shard, some organizations, price books that may be exchanged, and months that are closed."""

    engine: Engine
    books: tuple[PriceBook, ...]
    usage: Arrived = field(default_factory=Arrived)
    lookback_months: int = 3
    policy: OutcomePolicy = DEFAULT_POLICY
    closed_at: datetime = EVER

    def __post_init__(self) -> None:
        self.drafts, self.invoices = Drafts(self.engine), Invoices(self.engine)
        self.checks, self.statements = MonthChecks(self.engine), Statements(self.engine)
        self.holds = Holds(self.engine)
        self.organizations, self.items = Organizations(self.engine, 1), Items(self.engine, self.lookback_months)

    def org(self, org_id: str, currency: str = "usd", contract: str | None = None, since: Month | None = None) -> str:
        """Imports the organization; a contract, or another currency, holds since ever or from the month `since` on."""
        start = EVER if since is None else since.start
        terms = TermsRow(
            currency, contract, contract_from=start if contract else None, currency_from=start if since else None
        )
        self.organizations.save([OrgRow("test", {"org_id": org_id, "name": org_id}, terms)], EVER)
        return org_id

    def in_force(self, month: Month) -> Callable[[str], BooksOfMonth | None]:
        books = PriceBooks(self.books)
        return cache(lambda currency: books_of_month(books, currency, month))

    @property
    def accounts(self) -> Accounts:
        return Accounts(
            self.usage,
            BilledMonths(self.engine),
            self.items,
            self.in_force,
            self.lookback_months,
            self.organizations.terms(),
        )

    def price(self, month: Month, only: Collection[str] = (), now: datetime | None = None) -> PricingReport:
        orgs = [terms.in_month(month) for terms in self.organizations.terms(org_ids=only).values()]
        source = PricedFrom(self.usage, self.in_force(month), self.accounts)
        part = ShardMonth(month, 0, now or month.end + timedelta(days=2), only)
        return price_shard(part, orgs, source, self.drafts)

    def finalize(self, month: Month, only: Collection[str] = ()) -> FinalizeReport:
        """Two days after the month, and later than what was closed before."""
        self.closed_at = max(month.end + timedelta(days=2), self.closed_at + timedelta(seconds=1))
        part = ShardMonth(month, 0, self.closed_at, only)
        return finalize_shard(part, self.invoices, self.holds, ALL_READ, self.policy)

    def close(self, month: Month, only: Collection[str] = ()) -> FinalizeReport:
        self.price(month, only)
        return self.finalize(month, only)

    def lines(self, month: Month, org: str) -> list[tuple[str, str, int, Decimal]]:
        """Kind, service month, amount and recorded usage of each line, in order."""
        line = line_items.c
        query = (
            select(line.kind, line.service_month, line.amount_minor, line.usage_quantity)
            .where(line.month == str(month), line.org_id == org)
            .order_by(line.line_no)
        )
        with self.engine.connect() as connection:
            return [(row[0], row[1], row[2], row[3].normalize() + 0) for row in connection.execute(query)]
