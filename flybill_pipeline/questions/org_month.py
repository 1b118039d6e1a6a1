"""One organization and its month, where each answer begins: what is on record of it, what it comes to now.

Nothing is written, and Stripe is not asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from flybill_pipeline.billing.invoicing.account import Account
from flybill_pipeline.billing.invoicing.invoice import Draft
from flybill_pipeline.billing.invoicing.items.credits import Credit
from flybill_pipeline.billing.invoicing.outcomes import HELD
from flybill_pipeline.billing.invoicing.returned_credits import given_back
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import BilledOrg, OrgTerms
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.month_facts import MonthFacts
from flybill_pipeline.billing.pricing.by_day import minor_by_day
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth
from flybill_pipeline.billing.usage.totals import EACH_DAY, OrgUsage
from flybill_pipeline.questions.organizations import organization
from flybill_pipeline.steps.pricing.price_org import books_under, price_account, usage_of, with_carried
from flybill_pipeline.stores.invoicing.organizations import Organization
from flybill_pipeline.toolbox.tools import Toolbox

if TYPE_CHECKING:
    from flybill_pipeline.stores.usage.months.monthly_usage import MonthlyUsage


@dataclass(frozen=True, slots=True)
class DaysOfMonth:
    """What an organization used in a month, day by day, and the prices of it; None where there is none."""

    month: Month
    books: BooksOfMonth | None
    used: OrgUsage | None

    @property
    def by_day(self) -> list[tuple[date, int]]:
        """What its usage came to by the end of each day, in minor units."""
        if self.used is None or self.books is None:
            return []
        return minor_by_day(self.month, self.books, self.used)


@dataclass(frozen=True)
class Asked:
    """An organization that is asked about, with its terms, and the usage of this moment: read once for one answer."""

    tools: Toolbox
    organization: Organization
    terms: OrgTerms
    _days: dict[Month, DaysOfMonth] = field(default_factory=dict, compare=False, repr=False)

    @property
    def org_id(self) -> str:
        """The organization's id."""
        return self.organization.org_id

    def days_of(self, month: Month) -> DaysOfMonth:
        """A month's usage by day, read once."""
        if month not in self._days:
            self._days[month] = _days(self, month)
        return self._days[month]

    @cached_property
    def usage(self) -> "MonthlyUsage":
        """The usage of the running month, and of those before it."""
        return self.tools.usage_of_moment(Month.of(self.tools.now()))


def _days(asked: Asked, month: Month) -> DaysOfMonth:
    tools, org = asked.tools, asked.terms.in_month(month)
    books = books_under(tools.books(month)(org.currency), org.contracts)
    part = ShardMonth(month, tools.shard_of(asked.org_id), tools.now(), [asked.org_id])
    return DaysOfMonth(month, books, next(iter(usage_of(part, asked.usage, [books], EACH_DAY)), None))


def asked_about(tools: Toolbox, org_id: str) -> Asked:
    """The organization, to ask about. Raises UnknownOrganizationError."""
    return Asked(tools, *organization(tools, org_id))


@dataclass(frozen=True, slots=True)
class OrgMonth:
    """An organization that is asked about, its terms in the month, and what is on record of the month."""

    asked: Asked
    org: BilledOrg
    facts: MonthFacts

    @property
    def month(self) -> Month:
        """The month that is asked for."""
        return self.facts.month

    @property
    def is_settled(self) -> bool:
        """Whether it was decided what becomes of the month. A month that is held may still change."""
        return self.facts.outcome not in (None, HELD)


def org_month(asked: Asked, month: Month, facts: MonthFacts | None = None) -> OrgMonth:
    """The organization's month as it is on record; `facts` that were read already are not read again."""
    org = asked.terms.in_month(month)
    known = facts or asked.tools.statements.facts(asked.org_id, month) or MonthFacts(month, org.currency, 0, None)
    return OrgMonth(asked, org, known)


@dataclass(frozen=True, slots=True)
class PricedNow:
    """A month priced here and now, with what it was priced from; `days` has days only where they were wanted."""

    draft: Draft
    account: Account
    days: DaysOfMonth

    @property
    def books(self) -> BooksOfMonth | None:
        """Its prices."""
        return self.days.books

    @property
    def credits_left(self) -> list[Credit]:
        """The credits that can pay in the month and have something left after it."""
        uses, available = self.draft.credit_uses, given_back(self.draft.month, self.account.credits, self.draft.lines)
        after = [replace(each, left_minor=each.left_minor - uses.get(each.credit_id, 0)) for each in available]
        return [each for each in after if each.left_minor > 0 and each.pays_for(self.draft.month)]


def _carried(of: OrgMonth) -> Mapping[str, int]:
    """What is open from other months, by currency: nothing in months before the first that was closed at all."""
    tools, org_id = of.asked.tools, of.org.org_id
    carried = tools.drafts.carried(of.month, [org_id]).get(org_id, {})
    first = tools.open_months.first() if carried else None
    return {} if first is not None and of.month < first else carried


def priced_now(of: OrgMonth, *, by_day: bool = False) -> PricedNow:
    """The month priced here and now by the invoice's own code, from the usage that is known at this moment.

    `by_day`: the days are wanted, too.
    """
    org, month, asked, tools = of.org, of.month, of.asked, of.asked.tools
    part, books = ShardMonth(month, tools.shard_of(org.org_id), tools.now(), [org.org_id]), tools.books(month)
    # Before the usage that is priced with it: see billing's Basis.
    accounts = replace(tools.accounts_of(asked.usage, {org.org_id: asked.terms}), for_drafts=False)
    account = accounts.of(part, [org])[org.org_id]
    in_force = books_under(books(org.currency), org.contracts)
    used = next(iter(usage_of(part, asked.usage, [in_force], EACH_DAY if by_day else None)), None)
    draft = price_account(part, org, used, books, with_carried(account, _carried(of)), accounts)
    return PricedNow(draft, account, DaysOfMonth(month, in_force, used))
