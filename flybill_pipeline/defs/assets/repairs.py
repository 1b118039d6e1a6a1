"""The operator's to-do list as an asset: a partition for each org-month that failed. Repairing is closing again."""

from collections.abc import Sequence
from datetime import datetime

import dagster as dg

from flybill_pipeline.defs.assets import OWNERS
from flybill_pipeline.defs.checks.stripe import EVERY_ORG_BILLED, not_billed
from flybill_pipeline.defs.close_began import counts_from, wait_for_usage
from flybill_pipeline.defs.later_checks import record_check
from flybill_pipeline.defs.metadata.stripe import unrepaired_metadata
from flybill_pipeline.defs.partitions import FAILED_ORG_MONTHS, Partitions, month_shard_key, read_org_month
from flybill_pipeline.toolbox.closing import NOT_READ, Unrepaired, repair
from flybill_pipeline.toolbox.tools import Toolbox

MOST_A_RUN = 25
"""Keys that one run of a backfill repairs: a run costs seconds, an organization milliseconds."""


def repair_assets(partitions: Partitions) -> list[dg.AssetsDefinition]:
    """`failed_org_months`."""

    @dg.asset(
        partitions_def=FAILED_ORG_MONTHS,
        group_name="repairs",
        kinds={"postgres", "stripe"},
        owners=OWNERS,
        pool="stripe",
        # For the lineage only: a backfill refuses keys for which it finds none upstream, and any one will do.
        deps=[dg.AssetDep("stripe_invoices", partition_mapping=dg.LastPartitionMapping())],
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=MOST_A_RUN),
    )
    def failed_org_months(
        context: dg.AssetExecutionContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> dg.MaterializeResult[None]:
        """The to-do list: a key for each organization's month that waits for a person.

        The tab Events says for each key what happened and what to do, as `month_is_billed` does for a whole month. Mend
        it, then materialize the key.

        The month is priced, finalized and synced again for this organization alone, and its shard is checked again. A
        key that is done is taken off the list by itself.
        """
        org_months = {key: read_org_month(key) for key in context.partition_keys}
        began = counts_from(context.instance, context.run, toolbox.now())
        left = {key: trouble for key, each in org_months.items() if (trouble := repair(toolbox, *each, began))}
        for part in sorted({(month, toolbox.shard_of(org_id)) for month, org_id in org_months.values()}):
            billed = EVERY_ORG_BILLED.evaluation(not_billed(toolbox, part), str(month_shard_key(*part)))
            record_check(context.instance, context.run, partitions.month_shards, billed)
        if left:
            # A run that fails leaves all its keys failed, but for those of which it says that they are done.
            for key in org_months.keys() - left.keys():
                context.log_event(dg.AssetMaterialization(context.asset_key, partition=key))
            raise _failure(context, list(left.values()), began)
        return dg.MaterializeResult(metadata={"organizations done": ", ".join(sorted(org_months))})

    return [failed_org_months]


def _failure(context: dg.AssetExecutionContext, unrepaired: Sequence[Unrepaired], began: datetime) -> dg.Failure:
    if any(each.code == NOT_READ for each in unrepaired):
        wait_for_usage(context.instance, context.run, began)
    return dg.Failure(_not_mended(unrepaired), unrepaired_metadata(unrepaired), allow_retries=False)


def _not_mended(unrepaired: Sequence[Unrepaired]) -> str:
    first, others = unrepaired[0], len(unrepaired) - 1
    and_others = f" {others} more are not either: see the table." if others else ""
    return f"{first.org_id} is not mended yet: {first.message} {first.remedy}{and_others}"
