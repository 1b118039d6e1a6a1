"""What became of an organization's months, the newest first, in the words that its developer reads of each of them.

What a month is made of: `owed.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flybill_pipeline.billing.payments.statement import MonthFacts, Statement, statement
from flybill_pipeline.questions.organizations import organizations
from flybill_pipeline.stores.invoicing.organizations import Organization
from flybill_pipeline.toolbox.tools import Toolbox

MOST_MONTHS = 24


@dataclass(frozen=True, slots=True)
class PastMonth:
    """A month that was priced or settled, as it is on record, and what is said of it."""

    facts: MonthFacts
    statement: Statement


@dataclass(frozen=True, slots=True)
class History:
    """An organization's months, the newest first."""

    org: Organization
    months: Sequence[PastMonth]


def history(tools: Toolbox, org_id: str) -> History:
    """The organization's months, but those older than the newest MOST_MONTHS. Raises UnknownOrganizationError."""
    (organization,) = organizations(tools, [org_id])
    return History(
        organization, [_month(tools, org_id, facts) for facts in tools.statements.history(org_id, MOST_MONTHS)]
    )


def _month(tools: Toolbox, org_id: str, facts: MonthFacts) -> PastMonth:
    now = tools.now()
    if facts.invoice_number is None:
        return PastMonth(facts, statement(facts, now, tools.closing_day))
    paid = replace(facts, payment=tools.payments.of_org(org_id, facts.month, now))
    notes = [note for note in tools.credit_notes.of(org_id, facts.month) if note.counts]
    return PastMonth(paid, statement(paid, now, tools.closing_day, notes))
