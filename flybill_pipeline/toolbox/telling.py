"""Watches the budgets of what was priced, and sends what waits for customers: which is which step's port."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

from flybill_pipeline.billing.alerts.budgets import LOOKED_AT_DAYS, Warned
from flybill_pipeline.billing.invoicing.forecast import goes_on
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.by_day import spent_by_day
from flybill_pipeline.languages.chosen import language
from flybill_pipeline.steps.alerts.mail_customers import Mailed, mail_customers
from flybill_pipeline.steps.alerts.watch_budgets import Letters, LookedAt, Seen, watch_budgets
from flybill_pipeline.steps.alerts.watch_credits import watch_credits
from flybill_pipeline.steps.pricing.price_org import Usage, books_under, usage_of
from flybill_pipeline.stores.invoicing.organizations import Organization
from flybill_pipeline.stripe_gateway.invoice_page import statement_link
from flybill_pipeline.toolbox.tools import Toolbox


def watch(tools: Toolbox, part: ShardMonth, usage: Usage) -> Sequence[Warned]:
    """Compares what the shard, or some orgs of it, was just priced to with budgets and credits; returns what budgets
    told.
    """
    watch_credits(part, tools.used_credits, tools.items, tools.events)
    known = tools.known_up_to(part.month, tools.last_arrivals(part.month).values())
    look, letters = partial(_look, tools, part, usage), _letters(tools)
    return watch_budgets(part, tools.budgets, tools.items, look, letters, known)


def mail(tools: Toolbox) -> Mailed:
    """Sends the mails that wait for customers."""
    return mail_customers(tools.letters, tools.post_to, tools.now) if tools.post_to else Mailed(0, 0)


def _look(tools: Toolbox, part: ShardMonth, usage: Usage, asked: Sequence[LookedAt]) -> Mapping[str, Seen]:
    """What the last days of these organizations came to, and their month will, by the pricing of the invoice.

    Days before are read as one. Which they are depends on the organization, so it is asked for those that are alike.
    """
    first_days: dict[date, list[LookedAt]] = {}
    for each in asked:
        first_days.setdefault(each.usage_up_to.date() - timedelta(days=LOOKED_AT_DAYS - 1), []).append(each)
    return {
        org_id: seen
        for first, alike in first_days.items()
        for org_id, seen in _seen_since(max(first, part.month.first_day), tools, part, usage, alike)
    }


def _seen_since(
    first: date, tools: Toolbox, part: ShardMonth, usage: Usage, asked: Sequence[LookedAt]
) -> Iterator[tuple[str, Seen]]:
    of_orgs, books = {each.org_id: each for each in asked}, tools.books(part.month)
    orgs = tools.organizations.terms(org_ids=list(of_orgs))
    of_month = {org_id: terms.in_month(part.month) for org_id, terms in orgs.items()}
    under = {org_id: books_under(books(org.currency), org.contracts) for org_id, org in of_month.items()}
    for used in usage_of(replace(part, only=sorted(of_orgs)), usage, set(under.values()), first):
        if (in_force := under[used.org_id]) is not None:
            of_org = of_orgs[used.org_id]
            days = spent_by_day(part.month, in_force, used, of_org.scopes, first)
            grown = goes_on(in_force, used.totals, of_org.known, part.now) if of_org.known else None
            yield used.org_id, Seen(days, grown)


def _letters(tools: Toolbox) -> Letters | None:
    if not tools.settings.customer_mail:
        return None
    return Letters(partial(_reader, tools), partial(_link, tools), language, tools.settings.contact)


def _reader(tools: Toolbox, org_id: str) -> Organization:
    (organization,) = tools.organizations.all(org_ids=[org_id])
    return organization


def _link(tools: Toolbox, org_id: str, month: Month) -> str | None:
    """Where an organization reads what it owes for the month; None where the platform has no such place."""
    address = tools.settings.statement_url
    return address and statement_link(address, org_id, month)
