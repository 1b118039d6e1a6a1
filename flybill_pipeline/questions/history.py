"""What became of an organization's months that have ended, the newest first, in the words that its developer reads.

What a month is made of, and the one that is running: `owed.py`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from flybill_pipeline.billing.invoicing.outcomes import HELD, INVOICED
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.payments.month_facts import MonthFacts
from flybill_pipeline.billing.words.statement import Statement, statement
from flybill_pipeline.questions.org_month import Asked
from flybill_pipeline.questions.owed import owed_by

MOST_MONTHS = 24


@dataclass(frozen=True, slots=True)
class PastMonth:
    """A month and what is said of it: as it is on record when it is settled, else as it is priced now."""

    facts: MonthFacts
    statement: Statement

    @property
    def to_pay_minor(self) -> int:
        """What of its invoice is still to be paid; before tax while it is not at our payment provider."""
        facts = self.facts
        if facts.payment is not None:
            return facts.payment.open_minor
        return facts.total_minor if facts.outcome == INVOICED else 0

    @property
    def is_unsettled(self) -> bool:
        """Whether something of it is still to be paid, or its invoice is still to be made."""
        waits = self.facts.outcome == HELD or (self.facts.outcome is None and self.facts.total_minor != 0)
        return waits or self.to_pay_minor > 0


@dataclass(frozen=True, slots=True)
class History:
    """An organization's months that have ended, the newest first; what is on record of the one that is `running`."""

    months: Sequence[PastMonth]
    running: MonthFacts | None = None

    @property
    def unsettled(self) -> list[PastMonth]:
        """The months that who is billed must still hear of, the newest first."""
        return [each for each in self.months if each.is_unsettled]

    @property
    def to_pay(self) -> Mapping[str, int]:
        """Currency → what is still to be paid of all invoices, in minor units; none where nothing is."""
        found: Counter[str] = Counter()
        for each in self.months:
            if each.facts.currency and each.to_pay_minor > 0:
                found[each.facts.currency] += each.to_pay_minor
        return found

    @property
    def invoices_to_pay(self) -> int:
        """How many invoices that is."""
        return sum(each.to_pay_minor > 0 for each in self.months)


def history(asked: Asked) -> History:
    """The organization's months that have ended, MOST_MONTHS of them at most."""
    tools, org_id = asked.tools, asked.org_id
    running = Month.of(tools.now())
    on_record = tools.statements.history(org_id, MOST_MONTHS + 1)
    known = [facts for facts in on_record if facts.month < running]
    invoiced = [facts.month for facts in known if facts.invoice_number is not None]
    payments = tools.payments.of_months(org_id, invoiced, tools.now()) if invoiced else {}
    notes = tools.credit_notes.of_months(org_id, invoiced) if invoiced else ()
    months = [_month(asked, replace(facts, payment=payments.get(facts.month)), _on(facts, notes)) for facts in known]
    now = next((facts for facts in on_record if facts.month == running), None)
    return History([*_just_ended(asked, known), *months][:MOST_MONTHS], now)


def _just_ended(asked: Asked, known: Sequence[MonthFacts]) -> Iterator[PastMonth]:
    """The month before this one, while nobody priced it: who is billed for it must not have to wait for that."""
    ended = Month.of(asked.tools.now()).previous()
    if not any(facts.month >= ended for facts in known):
        answer = owed_by(asked, ended)
        if answer.lines:
            yield PastMonth(answer.facts, answer.statement)


def _on(facts: MonthFacts, notes: Sequence[CreditNote]) -> list[CreditNote]:
    return [note for note in notes if note.counts and note.month == str(facts.month)]


def _month(asked: Asked, facts: MonthFacts, notes: Sequence[CreditNote]) -> PastMonth:
    now, closing_day = asked.tools.now(), asked.tools.closing_day
    if facts.outcome in (None, HELD):  # the draft on record may be older than the usage that is known by now
        answer = owed_by(asked, facts.month, facts)
        return PastMonth(answer.facts, answer.statement)
    if facts.invoice_number is None:
        return PastMonth(facts, statement(facts, now, closing_day))
    return PastMonth(facts, statement(facts, now, closing_day, notes))
