"""From daily usage to finalized invoices, by shard and month. What a price or an outcome is, billing knows."""

import dagster as dg

from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.defs.assets import OWNERS
from flybill_pipeline.defs.checks.billing import PRICED_AGAIN
from flybill_pipeline.defs.checks.check import Finding
from flybill_pipeline.defs.close_began import counts_from
from flybill_pipeline.defs.metadata.billing import finalize_metadata, pricing_metadata, verification_metadata
from flybill_pipeline.defs.partitions import Partitions, read_month, read_month_shard
from flybill_pipeline.defs.refusals import refusals, require_all_decided
from flybill_pipeline.defs.scope import Scope
from flybill_pipeline.questions.verified import verified
from flybill_pipeline.toolbox.closing import finalize, price
from flybill_pipeline.toolbox.tools import Toolbox


def billing_assets(partitions: Partitions) -> list[dg.AssetsDefinition]:
    """`monthly_line_items`, `finalized_invoices` and `verified_invoices`."""

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
        report = price(toolbox, ShardMonth(month, shard, toolbox.now(), config.org_ids))
        return dg.MaterializeResult(metadata=pricing_metadata(report, toolbox.month_figures.movers(month, shard)))

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
        now = toolbox.now()
        part = ShardMonth(month, shard, now, config.org_ids, counts_from(context.instance, context.run, now))
        with refusals(context, part):
            report = finalize(toolbox, part)
        require_all_decided(report, month)
        return dg.MaterializeResult(metadata=finalize_metadata(report))

    return [monthly_line_items, finalized_invoices, _verified_invoices(partitions)]


def _verified_invoices(partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        partitions_def=partitions.months,
        group_name="billing",
        kinds={"python"},
        owners=OWNERS,
        deps=[dg.AssetDep("finalized_invoices", partition_mapping=dg.MultiToSingleDimensionPartitionMapping("month"))],
        check_specs=[PRICED_AGAIN.spec(partitions)],
    )
    def verified_invoices(
        context: dg.AssetExecutionContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads it: with a check, only the bare class will do
        """The month's invoices, priced again from the usage and the price books that they were made of."""
        month = verified(toolbox, read_month(context.partition_key))
        metadata = verification_metadata(month)
        result = PRICED_AGAIN.result(Finding(month.all_the_same, metadata))
        return dg.MaterializeResult(metadata=metadata, check_results=[result])

    return verified_invoices
