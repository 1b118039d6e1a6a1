"""What is shown of invoices and payments at Stripe."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from flybill_pipeline.billing.sync.verdicts import Verdict
from flybill_pipeline.defs.metadata.tables import Metadata, evidence, money, trouble
from flybill_pipeline.steps.payments.bring_to_stripe import BroughtReport
from flybill_pipeline.steps.payments.read_payments import PaymentsReport
from flybill_pipeline.steps.sync.judge_month import differences
from flybill_pipeline.steps.sync.reconcile_invoices import Reconciliation
from flybill_pipeline.steps.sync.sync_invoices import SyncReport
from flybill_pipeline.stores.payments.statements import FailedOrgMonth
from flybill_pipeline.toolbox.closing import Unrepaired


def brought_metadata(report: BroughtReport, totals: Mapping[str, Mapping[str, int]]) -> Metadata:
    """What a run brought to Stripe, what waits, and per currency what was invoiced and what of it stands there."""
    invoiced = {currency: total["invoiced_minor"] for currency, total in totals.items()}
    synced = {currency: total["synced_minor"] for currency, total in totals.items()}
    notes: Metadata = {}
    if report.credit_notes is not None:
        notes = {
            "credit notes issued": report.credit_notes.issued,
            "credit notes that wait for a person": report.credit_notes.blocked + report.credit_notes.mismatch,
        }
    return {
        **_invoices_brought(report.invoices),
        **money(invoiced, "invoiced"),
        **money(synced, "finalized in Stripe"),
        **notes,
    }


def _invoices_brought(report: SyncReport) -> Metadata:
    failures = [trouble(each.message, each.remedy, org_id=each.org_id, code=each.code) for each in report.failures]
    per_invoice = {"calls per invoice": round(report.calls / report.finalized, 2)} if report.finalized else {}
    return {
        "dagster/partition_row_count": report.finalized + report.already,
        "finalized by this run": report.finalized,
        "finalized before": report.already,
        "waiting for a retry": report.waiting,
        "waiting for a person": report.blocked + report.mismatch,
        "calls": report.calls,
        **per_invoice,
        "calls refused by the rate limit": report.rate_limited,
        "answers that never came": report.ambiguous,
        "looks at what Stripe has": report.recoveries,
        **evidence(failures, "failures"),
    }


def unrepaired_metadata(unrepaired: Sequence[Unrepaired]) -> Metadata:
    """The organizations whose month is still not done, each with what keeps it."""
    rows = [
        trouble(each.message, each.remedy, month=each.month, org_id=each.org_id, code=each.code) for each in unrepaired
    ]
    return evidence(rows, "what is left")


def failure_metadata(failure: FailedOrgMonth) -> Metadata:
    """Why one organization's month is not done, what to do, and what its customer reads until then."""
    words = trouble(failure.message, failure.remedy, org_id=failure.org_id)
    # As a row of a table: what to do must be seen without scrolling to the right.
    return {**words, "code": failure.code, "stage": failure.stage, "the customer reads": failure.customer_message}


def payments_metadata(report: PaymentsReport) -> Metadata:
    """What was read, what of it was new, and the money of invoices that were newly seen as paid."""
    source = "the objects themselves: Stripe's events do not reach back far enough" if report.fell_back else "events"
    return {
        "dagster/row_count": report.kept.new,
        "read from": "nothing, another run is reading" if report.busy else source,
        "events read": report.read,
        "new observations": report.kept.new,
        "about invoices that are not ours": report.kept.not_ours,
        "could not be read": ", ".join(report.unreadable) or "none",
        "cursor": report.read_up_to.isoformat() if report.read_up_to else "never read",
        **money(report.kept.arrived, "newly paid"),
    }


def reconciliation_metadata(reconciliation: Reconciliation, verdict: Verdict) -> Metadata:
    """Both sides' totals, and every row of the outer join that differs, in words."""
    ours = {currency: total["ours"] for currency, total in reconciliation.totals.items()}
    theirs = {currency: total["theirs"] for currency, total in reconciliation.totals.items()}
    rows = [asdict(each) for each in differences(reconciliation.differences)]
    return {
        "verdict": verdict.message or "nothing to compare",
        "invoices that match": reconciliation.matched,
        "invoices that differ": len(rows),
        "pages of Stripe's list": reconciliation.pages,
        **money(ours, "here"),
        **money(theirs, "in Stripe"),
        **evidence(rows, "differences"),
        **evidence([asdict(each) for each in verdict.written_off], "marked as uncollectible"),
    }
