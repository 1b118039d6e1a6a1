"""The operator's to-do list as an asset: a partition for each org-month that failed. Repairing is closing again."""

import dagster as dg

from flybill_pipeline.defs.assets.billing import price_month_shard
from flybill_pipeline.defs.assets.stripe import sync_shard
from flybill_pipeline.defs.metadata import evidence
from flybill_pipeline.defs.partitions import FAILED_ORG_MONTHS, read_org_month
from flybill_pipeline.defs.resources import Toolbox
from flybill_pipeline.steps.finalize_invoices import finalize_shard


def repair_assets() -> list[dg.AssetsDefinition]:
    """`failed_org_months`."""

    @dg.asset(
        partitions_def=FAILED_ORG_MONTHS,
        group_name="repairs",
        kinds={"postgres", "stripe"},
        owners=["team:billing"],
        pool="stripe",
        # For the lineage only: a backfill refuses keys for which it finds none upstream, and any one will do.
        deps=[dg.AssetDep("stripe_invoices", partition_mapping=dg.LastPartitionMapping())],
    )
    def failed_org_months(
        context: dg.AssetExecutionContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> dg.MaterializeResult[None]:
        """One organization's month, run again after a person mended what had failed: priced, finalized and synced."""
        month, org_id = read_org_month(context.partition_key)
        shard = toolbox.shard_of(org_id)
        price_month_shard(toolbox, month, shard, [org_id])
        finalize_shard(month, shard, toolbox.invoices, toolbox.holds, toolbox.now(), [org_id], toolbox.policy)
        toolbox.sync_ledger.reopen(month, [org_id])
        sync_shard(toolbox, month, shard, [org_id])
        failures = toolbox.statements.failures(month, [org_id])
        if failures:
            found = failures[0]
            raise dg.Failure(
                f"{org_id} is not mended yet: {found.message} {found.remedy}",
                metadata=evidence([{"org_id": org_id, "code": found.code, "remedy": found.remedy}], "what is left"),
                allow_retries=False,
            )
        return dg.MaterializeResult()

    return [failed_org_months]
