"""From daily usage to finalized invoices, by shard and month. What a price or an outcome is, billing knows."""

import dagster as dg

from flybill_pipeline.defs.metadata import finalize_metadata, pricing_metadata
from flybill_pipeline.defs.partitions import Partitions, read_month_shard
from flybill_pipeline.defs.resources import Toolbox
from flybill_pipeline.defs.scope import Scope
from flybill_pipeline.steps.finalize_invoices import MonthStillOpenError, finalize_shard
from flybill_pipeline.steps.price_usage import price_shard

OWNERS = ["team:billing"]


def billing_assets(partitions: Partitions) -> list[dg.AssetsDefinition]:
    """`monthly_line_items` and `finalized_invoices`."""

    @dg.asset(
        partitions_def=partitions.month_shards,
        group_name="billing",
        kinds={"python", "postgres"},
        owners=OWNERS,
        deps=[dg.AssetDep("daily_usage", partition_mapping=dg.MultiToSingleDimensionPartitionMapping("month"))],
    )
    def monthly_line_items(
        context: dg.AssetExecutionContext, config: Scope, toolbox: dg.ResourceParam[Toolbox]
    ) -> dg.MaterializeResult[None]:
        """What every organization of the shard owes for the month so far: priced lines with their working."""
        month, shard = read_month_shard(context.partition_key)
        orgs = toolbox.organizations.all(shard, config.org_ids)
        report = price_shard(
            month,
            shard,
            orgs,
            toolbox.usage,
            toolbox.books(month),
            toolbox.drafts,
            toolbox.now(),
            config.org_ids,
            toolbox.accounts,
        )
        return dg.MaterializeResult(metadata=pricing_metadata(report))

    @dg.asset(
        partitions_def=partitions.month_shards,
        group_name="billing",
        kinds={"postgres"},
        owners=OWNERS,
        deps=[monthly_line_items],
    )
    def finalized_invoices(
        context: dg.AssetExecutionContext, config: Scope, toolbox: dg.ResourceParam[Toolbox]
    ) -> dg.MaterializeResult[None]:
        """One outcome for every organization of the shard; for those that owe, an invoice that never changes."""
        month, shard = read_month_shard(context.partition_key)
        try:
            report = finalize_shard(
                month, shard, toolbox.invoices, toolbox.holds, toolbox.now(), config.org_ids, toolbox.policy
            )
        except MonthStillOpenError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        return dg.MaterializeResult(metadata=finalize_metadata(report))

    return [monthly_line_items, finalized_invoices]
