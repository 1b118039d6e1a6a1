"""The operator's to-do list as an asset: a partition for each org-month that failed. Repairing is closing again."""

from collections.abc import Sequence

import dagster as dg

from flybill_pipeline.defs.assets import OWNERS
from flybill_pipeline.defs.checks.stripe import EVERY_ORG_BILLED, not_billed
from flybill_pipeline.defs.later_checks import record_check
from flybill_pipeline.defs.metadata.stripe import unrepaired_metadata
from flybill_pipeline.defs.partitions import FAILED_ORG_MONTHS, Partitions, month_shard_key, read_org_month
from flybill_pipeline.toolbox.closing import Unrepaired, repair
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
        """The to-do list: a key for each organization's month that waits for a person, who mends what the table of
        `every_org_billed` tells and then materializes the key.

        The month is priced, finalized and synced again for this organization alone, and its shard is checked again. A
        key that is done is taken off the list by itself.
        """
        org_months = {key: read_org_month(key) for key in context.partition_keys}
        left = {key: trouble for key, each in org_months.items() if (trouble := repair(toolbox, *each))}
        for part in sorted({(month, toolbox.shard_of(org_id)) for month, org_id in org_months.values()}):
            billed = EVERY_ORG_BILLED.evaluation(not_billed(toolbox, part), str(month_shard_key(*part)))
            record_check(context.instance, context.run, partitions, billed)
        if left:
            # A run that fails leaves all its keys failed, but for those of which it says that they are done.
            for key in org_months.keys() - left.keys():
                context.log_event(dg.AssetMaterialization(context.asset_key, partition=key))
            unrepaired = list(left.values())
            raise dg.Failure(_not_mended(unrepaired), unrepaired_metadata(unrepaired), allow_retries=False)
        return dg.MaterializeResult(metadata={"organizations done": ", ".join(sorted(org_months))})

    return [failed_org_months]


def _not_mended(unrepaired: Sequence[Unrepaired]) -> str:
    first, others = unrepaired[0], len(unrepaired) - 1
    and_others = f" {others} more are not either: see the table." if others else ""
    return f"{first.org_id} is not mended yet: {first.message} {first.remedy}{and_others}"
