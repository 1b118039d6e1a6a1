"""Brings what is finalized to Stripe: open invoices, then the credit notes that wait. What a call means: not here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.credit_note_sync import CreditWork
from flybill_pipeline.billing.sync.values import SyncScope
from flybill_pipeline.steps.payments import issue_credit_note as notes
from flybill_pipeline.steps.payments.issue_credit_note import CreditReport, issue_credit_notes
from flybill_pipeline.steps.sync import ports
from flybill_pipeline.steps.sync.options import RunOptions
from flybill_pipeline.steps.sync.sync_invoices import SyncReport, sync_invoices


class CreditLedger(notes.Ledger, Protocol):
    """The credit notes on record, with those that are not at Stripe yet."""

    def pending(self, month: Month, shard: int | None, org_ids: Collection[str] | None) -> Sequence[CreditWork]: ...


class Contents(ports.Contents, notes.Contents, Protocol):
    """Names for what its writes would hold."""


class Stripe(ports.Stripe, notes.Stripe, Protocol):
    """The calls about invoices and about credit notes."""

    @property
    def contents(self) -> Contents:
        """What its writes hold, by name."""


@dataclass(frozen=True, slots=True)
class BroughtReport:
    """What a run did. `credit_notes` is None when none was sent, because none waited or because invoices wait.

    `waits` says why a later run has to go on, None when nothing is left that a machine may retry.
    """

    invoices: SyncReport
    credit_notes: CreditReport | None = None
    waits: str | None = None


def bring_to_stripe(
    scope: SyncScope, *, ledger: ports.Ledger, credit_notes: CreditLedger, stripe: Stripe, options: RunOptions
) -> BroughtReport:
    """Syncs the open invoices of the scope, then sends the credit notes that were recorded while Stripe was silent."""
    invoices = sync_invoices(scope, ledger=ledger, stripe=stripe, options=options)
    if invoices.stopped or invoices.waiting:
        return BroughtReport(invoices, waits=invoices.stopped or _wait_for_stripe(invoices.waiting))
    pending = credit_notes.pending(*scope)
    if not pending:
        return BroughtReport(invoices)
    breaker, now = ledger.breaker.state(options.clock()), options.clock()
    if breaker is not None and breaker.next_probe_at > now:
        return BroughtReport(invoices, waits=f"credit notes were not sent: {breaker.sentence}")
    issued = issue_credit_notes(pending, ledger=credit_notes, stripe=stripe)
    return BroughtReport(invoices, issued, _notes_wait(issued, len(pending)) if issued.waiting else None)


def _wait_for_stripe(waiting: int) -> str:
    count = "1 invoice waits" if waiting == 1 else f"{waiting} invoices wait"
    return f"{count} for Stripe; nothing is lost, and nothing is sent twice when it answers again"


def _notes_wait(report: CreditReport, pending: int) -> str:
    why = report.failure.message if report.failure else "another command is sending it"
    return f"{report.waiting} of {pending} credit notes wait: {why}"
