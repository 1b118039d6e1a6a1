"""States what an org owes for a month: from the invoice where there is one, else priced now by the invoice's own code.

Reads only; Stripe is not asked, so it answers while Stripe is down.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from flybill_pipeline.billing.invoicing.invoice import Draft
from flybill_pipeline.billing.invoicing.outcomes import HELD
from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.payments.standing import Payment
from flybill_pipeline.billing.payments.statement import MonthFacts, Statement, statement
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.working import working_data
from flybill_pipeline.steps.pricing.price_usage import Accounts, Books, Drafts, Organization, Usage, price_org, usage_of


class Statements(Protocol):
    """What is on record of a month."""

    def facts(self, org_id: str, month: Month) -> MonthFacts | None: ...
    def settled_lines(self, org_id: str, month: Month) -> Sequence[Mapping[str, Any]]: ...


class CreditNotes(Protocol):
    """What was credited of finalized invoices."""

    def of(self, org_id: str, month: Month) -> Sequence[CreditNote]: ...


class Payments(Protocol):
    """What is on record of payments."""

    def of_org(self, org_id: str, month: Month, now: datetime) -> Payment | None: ...


@dataclass(frozen=True, slots=True)
class Owed:
    """What an org owes for a month, and why. `lines` have the members of `owes --json`; amounts in minor units.

    `credit_notes` are those that count: one that Stripe refused never came to be.
    """

    org_id: str
    facts: MonthFacts
    said: Statement
    lines: Sequence[Mapping[str, Any]]
    credit_notes: Sequence[CreditNote] = ()


def state_what_is_owed(
    org: Organization,
    shard: int,
    month: Month,
    statements: Statements,
    usage: Usage,
    books: Books,
    drafts: Drafts,
    now: datetime,
    accounts: Accounts,
    credit_notes: CreditNotes,
    payments: Payments,
    closing_day: int,
) -> Owed:
    """The statement of one org's month as of `now`; months are closed on `closing_day` of the next one.

    A month that is settled is read as it was settled; any other is priced here and now, so it is as fresh as the
    daily usage, however long ago drafts were last written.
    """
    facts = statements.facts(org.org_id, month) or MonthFacts(month, org.currency, 0, None)
    if facts.outcome not in (None, HELD):
        facts = replace(facts, payment=payments.of_org(org.org_id, month, now))
        lines = list(statements.settled_lines(org.org_id, month))
        notes = [note for note in credit_notes.of(org.org_id, month) if note.counts]
        return Owed(org.org_id, facts, statement(facts, now, notes, closing_day), lines, notes)
    draft = draft_now(org, shard, month, usage, books, drafts, now, accounts)
    fresh = replace(facts, total_minor=draft.total_minor, usage_up_to=draft.usage_up_to, currency=org.currency)
    said = statement(fresh, now, closing_day=closing_day)
    return Owed(org.org_id, fresh, said, [_line(line) for line in draft.lines])


def draft_now(
    org: Organization,
    shard: int,
    month: Month,
    usage: Usage,
    books: Books,
    drafts: Drafts,
    now: datetime,
    accounts: Accounts,
) -> Draft:
    """The org's month priced here and now; nothing is written."""
    account = accounts.of(month, shard, [org], [org.org_id])[org.org_id]
    used = next(iter(usage_of([org.org_id], month, shard, usage, [books(org.currency)], now)), None)
    carried = drafts.carried(month, [org.org_id]).get(org.org_id, {})
    return price_org(month, shard, org, used, books, carried, account)


def _line(line: LineItem) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "meter": line.meter,
        "dimensions": dict(line.dimensions),
        "service_month": str(line.service_month),
        "quantity": plain(line.quantity),
        "unit": line.unit,
        "amount_minor": line.amount_minor,
        "description": line.description,
        "working": working_data(line.working),
    }
