"""What became of an organization's months that have ended, the newest first, in the words that its developer reads.

What a month is made of, and the one that is running: `owed.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from flybill_pipeline.billing.invoicing.outcomes import HELD
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.payments.month_facts import MonthFacts
from flybill_pipeline.billing.words.statement import Statement, statement
from flybill_pipeline.questions.organizations import organizations
from flybill_pipeline.questions.owed import owed
from flybill_pipeline.stores.invoicing.organizations import Organization
from flybill_pipeline.toolbox.tools import Toolbox

MOST_MONTHS = 24


@dataclass(frozen=True, slots=True)
class PastMonth:
    """A month and what is said of it: as it is on record when it is settled, else as it is priced now."""

    facts: MonthFacts
    statement: Statement

    @property
    def is_to_pay(self) -> bool:
        """Whether something of its invoice is still to be paid."""
        return self.facts.payment is not None and self.facts.payment.open_minor > 0


@dataclass(frozen=True, slots=True)
class History:
    """An organization's months that have ended, the newest first."""

    org: Organization
    months: Sequence[PastMonth]


def history(tools: Toolbox, org_id: str) -> History:
    """The organization's months that have ended, MOST_MONTHS of them at most. Raises UnknownOrganizationError."""
    (organization,) = organizations(tools, [org_id])
    running = Month.of(tools.now())
    known = [facts for facts in tools.statements.history(org_id, MOST_MONTHS + 1) if facts.month < running]
    invoiced = [facts.month for facts in known if facts.invoice_number is not None]
    payments = tools.payments.of_months(org_id, invoiced, tools.now()) if invoiced else {}
    notes = tools.credit_notes.of_months(org_id, invoiced) if invoiced else ()
    months = [
        _month(tools, org_id, replace(facts, payment=payments.get(facts.month)), _on(facts, notes)) for facts in known
    ]
    return History(organization, [*_just_ended(tools, org_id, known), *months][:MOST_MONTHS])


def _just_ended(tools: Toolbox, org_id: str, known: Sequence[MonthFacts]) -> Iterator[PastMonth]:
    """The month before this one, while nobody priced it: who is billed for it must not have to wait for that."""
    ended = Month.of(tools.now()).previous()
    if not any(facts.month >= ended for facts in known):
        answer = owed(tools, org_id, ended)
        if answer.lines:
            yield PastMonth(answer.facts, answer.statement)


def _on(facts: MonthFacts, notes: Sequence[CreditNote]) -> list[CreditNote]:
    return [note for note in notes if note.counts and note.month == str(facts.month)]


def _month(tools: Toolbox, org_id: str, facts: MonthFacts, notes: Sequence[CreditNote]) -> PastMonth:
    now = tools.now()
    if facts.outcome in (None, HELD):  # the draft on record may be older than the usage that is known by now
        answer = owed(tools, org_id, facts.month)
        return PastMonth(answer.facts, answer.statement)
    if facts.invoice_number is None:
        return PastMonth(facts, statement(facts, now, tools.closing_day))
    return PastMonth(facts, statement(facts, now, tools.closing_day, notes))
