"""The finished invoices at Stripe, and the proof that they stand there. What a call means, the sync step knows."""

import dagster as dg

from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.defs.assets import OWNERS
from flybill_pipeline.defs.checks.check import Finding
from flybill_pipeline.defs.checks.stripe import TOTALS_MATCH_STRIPE
from flybill_pipeline.defs.metadata.stripe import brought_metadata, reconciliation_metadata
from flybill_pipeline.defs.metadata.tables import evidence
from flybill_pipeline.defs.partitions import Partitions, read_month, read_month_shard
from flybill_pipeline.defs.scope import Scope
from flybill_pipeline.toolbox.closing import bring, prove
from flybill_pipeline.toolbox.tools import Toolbox

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
        report = bring(toolbox, ShardMonth(month, shard, toolbox.now(), config.org_ids), context.log.info)
        metadata = brought_metadata(report, toolbox.statements.totals(month, shard))
        if report.waits is not None:
            raise dg.Failure(report.waits, metadata, allow_retries=False)
        return dg.MaterializeResult(metadata=metadata)

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

        Changes nothing, except that it removes drafts of ours from Stripe whose invoice is finalized already.
        """
        month = read_month(context.partition_key)
        proof, verdict = prove(toolbox, month)
        metadata = evidence(proof.removed, "orphan drafts removed")
        if proof.reconciliation is None:
            raise dg.Failure(proof.unread, metadata, allow_retries=False)
        metadata |= reconciliation_metadata(proof.reconciliation, verdict)
        elsewhere = verdict.message if verdict.state == "other_account" else None
        result = TOTALS_MATCH_STRIPE.result(Finding(proof.reconciliation.proven, metadata, says=elsewhere))
        return dg.MaterializeResult(metadata=metadata, check_results=[result])

    return stripe_reconciliation
