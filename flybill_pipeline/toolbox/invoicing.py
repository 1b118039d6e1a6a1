"""The tools of invoicing: who is billed, drafts, invoices, and how this deployment decides. No Stripe."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from flybill_pipeline.billing.invoicing.outcomes import OutcomePolicy
from flybill_pipeline.billing.invoicing.terms import OrgTerms
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.steps.invoicing.watch_months import overdue_months
from flybill_pipeline.steps.pricing.open_accounts import Accounts
from flybill_pipeline.stores.invoicing.billed_months import BilledMonths
from flybill_pipeline.stores.invoicing.closed_shards import ClosedShards
from flybill_pipeline.stores.invoicing.drafts import Drafts
from flybill_pipeline.stores.invoicing.first_month import UsageBefore, first_month, usage_before
from flybill_pipeline.stores.invoicing.holds import Holds
from flybill_pipeline.stores.invoicing.invoices import Invoices
from flybill_pipeline.stores.invoicing.items import Items
from flybill_pipeline.stores.invoicing.month_figures import MonthFigures
from flybill_pipeline.stores.invoicing.open_months import OpenMonths
from flybill_pipeline.stores.invoicing.organizations import Organizations
from flybill_pipeline.stores.invoicing.recorded_lines import RecordedLines
from flybill_pipeline.toolbox.pricing import PricingTools

if TYPE_CHECKING:
    from flybill_pipeline.stores.usage.months.monthly_usage import MonthlyUsage


@dataclass(frozen=True)
class InvoicingTools(PricingTools):
    """From organizations to their finalized invoices."""

    @cached_property
    def organizations(self) -> Organizations:
        return Organizations(self.engine, self.shards)

    @cached_property
    def items(self) -> Items:
        return Items(self.engine, self.lookback_months)

    @cached_property
    def drafts(self) -> Drafts:
        return Drafts(self.engine)

    @cached_property
    def holds(self) -> Holds:
        return Holds(self.engine)

    @cached_property
    def invoices(self) -> Invoices:
        return Invoices(self.engine)

    @cached_property
    def closed_shards(self) -> ClosedShards:
        return ClosedShards(self.engine)

    @cached_property
    def recorded_lines(self) -> RecordedLines:
        return RecordedLines(self.engine)

    @cached_property
    def open_months(self) -> OpenMonths:
        return OpenMonths(self.engine)

    def first_month(self) -> Month | None:
        """The first month that has anything."""
        return first_month(self.engine)

    def usage_before(self, month: Month) -> UsageBefore | None:
        """The months before this one that have usage, of those that may be billed."""
        return usage_before(self.engine, month, Month.parse(self.settings.first_month))

    @cached_property
    def billed_months(self) -> BilledMonths:
        return BilledMonths(self.engine)

    @cached_property
    def month_figures(self) -> MonthFigures:
        return MonthFigures(self.engine)

    def accounts_of(self, usage: "MonthlyUsage", terms: Mapping[str, OrgTerms]) -> Accounts:
        """What bills of organizations with these terms hold beside usage; price books are read again for each month
        that is looked at.
        """
        return Accounts(
            usage,
            self.billed_months,
            self.items,
            cache(self.books),
            self.lookback_months,
            terms,
        )

    @property
    def lookback_months(self) -> int:
        """For so many months before the one that is closed late usage is still billed."""
        return self.settings.lookback_months

    @property
    def closing_day(self) -> int:
        """The day of the next month on which a month is closed."""
        return 1 + self.settings.close_grace_days

    def overdue_months(self) -> dict[Month, int]:
        """The months that are open though their closing day is over, with the number of organizations."""
        return overdue_months(self.open_months, Month.parse(self.settings.first_month), self.closing_day, self.now())

    @property
    def policy(self) -> OutcomePolicy:
        """The choices of the people who run this deployment; 0 in the settings switches a rule off."""
        return OutcomePolicy(
            waive_small_amounts=self.settings.waive_small_amounts,
            hold_above_multiple=self.settings.hold_above_multiple or None,
            largest_credit_minor=self.settings.largest_credit_minor or None,
        )
