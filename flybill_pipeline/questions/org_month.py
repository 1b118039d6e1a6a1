"""One organization's month, where `owed` and `explained` begin: what is on record of it, what it comes to now.

Nothing is written, and Stripe is not asked.
"""

from dataclasses import dataclass

from flybill_pipeline.billing.invoicing.invoice import Draft
from flybill_pipeline.billing.invoicing.outcomes import HELD
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import BilledOrg, OrgTerms
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.month_facts import MonthFacts
from flybill_pipeline.questions.organizations import organizations
from flybill_pipeline.steps.pricing.price_org import books_under, price_org, usage_of, with_carried
from flybill_pipeline.stores.invoicing.organizations import Organization
from flybill_pipeline.toolbox.tools import Toolbox


@dataclass(frozen=True, slots=True)
class OrgMonth:
    """An organization with its terms, in the month and ever, and what is on record of the month."""

    organization: Organization
    org: BilledOrg
    terms: OrgTerms
    facts: MonthFacts

    @property
    def month(self) -> Month:
        """The month that is asked for."""
        return self.facts.month

    @property
    def is_settled(self) -> bool:
        """Whether it was decided what becomes of the month. A month that is held may still change."""
        return self.facts.outcome not in (None, HELD)


def org_month(tools: Toolbox, org_id: str, month: Month) -> OrgMonth:
    """The organization's month as it is on record. Raises UnknownOrganizationError."""
    (organization,) = organizations(tools, [org_id])
    terms, facts = tools.organizations.terms(org_ids=[org_id])[org_id], tools.statements.facts(org_id, month)
    org = terms.in_month(month)
    return OrgMonth(organization, org, terms, facts or MonthFacts(month, org.currency, 0, None))


def draft_now(tools: Toolbox, asked: OrgMonth) -> Draft:
    """The month priced here and now by the invoice's own code, from the usage that is known at this moment."""
    org, month = asked.org, asked.month
    part, books = ShardMonth(month, tools.shard_of(org.org_id), tools.now(), [org.org_id]), tools.books(month)
    # Before the usage that is priced with it: see billing's Basis.
    account = tools.accounts_of(tools.usage).of(part, [org])[org.org_id]
    used = usage_of(part, tools.usage, [books_under(books(org.currency), org.contracts)])
    carried = tools.drafts.carried(month, [org.org_id]).get(org.org_id, {})
    return price_org(part, org, next(iter(used), None), books, with_carried(account, carried))
