"""The finished invoices at Stripe, and the proof that they stand there. What a call means, the sync step knows."""

from collections.abc import Callable

import dagster as dg

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.values import SyncScope
from flybill_pipeline.defs.checks.check import Finding
from flybill_pipeline.defs.checks.stripe import TOTALS_MATCH_STRIPE
from flybill_pipeline.defs.metadata import Metadata, evidence, month_pictures, reconciliation_metadata, totals_metadata
from flybill_pipeline.defs.partitions import Partitions, read_month, read_month_shard
from flybill_pipeline.defs.scope import Scope
from flybill_pipeline.steps.payments.issue_credit_note import issue_credit_notes
from flybill_pipeline.steps.sync.options import RunOptions
from flybill_pipeline.steps.sync.reconcile_invoices import reconcile
from flybill_pipeline.steps.sync.sweep_drafts import sweep_drafts
from flybill_pipeline.steps.sync.sync_invoices import SyncReport, sync_invoices
from flybill_pipeline.toolbox.tools import Toolbox

OWNERS = ["team:billing"]
DASHBOARD = {
    "invoices in Stripe": dg.MetadataValue.url("https://dashboard.stripe.com/invoices"),
    "invoices in Stripe's test mode": dg.MetadataValue.url("https://dashboard.stripe.com/test/invoices"),
}


def stripe_assets(partitions: Partitions) -> list[dg.AssetsDefinition]:
    """`stripe_invoices` and `stripe_reconciliation`."""
    return [_stripe_invoices(partitions), _stripe_reconciliation(partitions)]


def _stripe_invoices(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        partitions_def=partitions.month_shards,
        group_name="stripe",
        kinds={"stripe"},
        metadata=DASHBOARD,
        owners=OWNERS,
        deps=["finalized_invoices"],
        pool="stripe",
    )
    def stripe_invoices(
        context: dg.AssetExecutionContext, config: Scope, toolbox: dg.ResourceParam[Toolbox]
    ) -> dg.MaterializeResult[None]:
        """The shard's finalized invoices at Stripe, each exactly once. What is there already is not sent again.

        Fails when something is left that a machine may retry; what a person must mend is left to the check
        `every_org_billed` and to `failed_org_months`.
        """
        month, shard = read_month_shard(context.partition_key)
        return dg.MaterializeResult(metadata=sync_shard(toolbox, month, shard, config.org_ids, context.log.info))

    return stripe_invoices


def _stripe_reconciliation(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        partitions_def=partitions.months,
        group_name="stripe",
        kinds={"stripe", "pandas"},
        metadata=DASHBOARD,
        owners=OWNERS,
        deps=[dg.AssetDep("stripe_invoices", partition_mapping=dg.MultiToSingleDimensionPartitionMapping("month"))],
        check_specs=[TOTALS_MATCH_STRIPE.spec(partitions)],
    )
    def stripe_reconciliation(
        context: dg.AssetExecutionContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads it: with a check, only the bare class will do
        """The month's invoices here and in Stripe's own list, both ways.

        Changes nothing, but that drafts of ours are removed from Stripe of which the invoice is finalized already.
        """
        month = read_month(context.partition_key)
        _require_calls(toolbox, "Stripe's list was not read")
        found = reconcile(month, ours=toolbox.billed, theirs=toolbox.stripe_list)
        if found.failure is not None:
            raise dg.Failure(f"Stripe's list could not be read: {found.failure.message}", allow_retries=False)
        removed = sweep_drafts(found, toolbox.sync_ledger, toolbox.stripe)
        if removed:
            found = reconcile(month, ours=toolbox.billed, theirs=toolbox.stripe_list)
        metadata = {**reconciliation_metadata(found), **evidence(removed, "orphan drafts removed")}
        figures = toolbox.month_figures
        pictures = month_pictures(figures.by_meter(month), figures.outcomes(month))
        result = TOTALS_MATCH_STRIPE.result(Finding(found.proven, metadata))
        return dg.MaterializeResult(metadata=metadata | pictures, check_results=[result])

    return stripe_reconciliation


def sync_shard(
    toolbox: Toolbox, month: Month, shard: int, org_ids: list[str], tell: Callable[[str], None] = lambda _: None
) -> Metadata:
    """Syncs what is open and returns the metadata; raises dg.Failure when a later run has to go on."""
    scope = SyncScope(month, shard, org_ids or None)
    options = RunOptions(pace=toolbox.stripe.pace, tell=tell)
    report = sync_invoices(scope, ledger=toolbox.sync_ledger, stripe=toolbox.stripe, options=options)
    metadata = {**_sync_metadata(report), **totals_metadata(toolbox.statements.totals(month, shard))}
    if report.stopped or report.waiting:
        count = "1 invoice waits" if report.waiting == 1 else f"{report.waiting} invoices wait"
        reason = (
            report.stopped or f"{count} for Stripe; nothing is lost, and nothing is sent twice when it answers again"
        )
        raise dg.Failure(reason, metadata=metadata, allow_retries=False)
    return {**metadata, **_issue_pending(toolbox, month, shard, org_ids)}


def _issue_pending(toolbox: Toolbox, month: Month, shard: int, org_ids: list[str]) -> Metadata:
    """Sends the credit notes that were recorded while Stripe was silent; raises dg.Failure when some still wait."""
    works = toolbox.credit_notes.pending(month, shard, org_ids or None)
    if not works:
        return {}
    _require_calls(toolbox, "credit notes were not sent")
    report = issue_credit_notes(works, ledger=toolbox.credit_notes, stripe=toolbox.stripe)
    metadata: Metadata = {
        "credit notes issued": report.issued,
        "credit notes that wait for a person": report.blocked + report.mismatch,
    }
    if report.waiting:
        why = report.failure.message if report.failure else "another command is sending it"
        raise dg.Failure(f"{report.waiting} of {len(works)} credit notes wait: {why}", metadata, allow_retries=False)
    return metadata


def _require_calls(toolbox: Toolbox, otherwise: str) -> None:
    """Raises dg.Failure while calls to Stripe are stopped for everybody."""
    breaker = toolbox.sync_ledger.breaker.state()
    if breaker is not None and breaker.next_probe_at > toolbox.now():
        raise dg.Failure(f"{otherwise}: {breaker.sentence}", allow_retries=False)


def _sync_metadata(report: SyncReport) -> Metadata:
    failures = [
        {"org_id": f.org_id, "code": f.code, "what happened": f.message, "what to do": f.remedy}
        for f in report.failures
    ]
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
