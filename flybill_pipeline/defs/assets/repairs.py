"""The operator's to-do list as an asset: a partition for each org-month that failed. Repairing is closing again."""

import dagster as dg

from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.assets.billing import price_month_shard
from flybill_pipeline.defs.assets.stripe import sync_shard
from flybill_pipeline.defs.checks.stripe import EVERY_ORG_BILLED, not_billed
from flybill_pipeline.defs.later_checks import record_check
from flybill_pipeline.defs.metadata import evidence
from flybill_pipeline.defs.partitions import FAILED_ORG_MONTHS, Partitions, month_shard_key, read_org_month
from flybill_pipeline.steps.invoicing.finalize_invoices import finalize_shard
from flybill_pipeline.toolbox.tools import Toolbox

REPEAT = "Materialize its key again when Stripe answers; it stays on the list until then."
MOST_A_RUN = 25
"""Keys that one run of a backfill repairs: a run costs seconds, an organization milliseconds."""


def repair_assets(partitions: Partitions) -> list[dg.AssetsDefinition]:
    """`failed_org_months`."""

    @dg.asset(
        partitions_def=FAILED_ORG_MONTHS,
        group_name="repairs",
        kinds={"postgres", "stripe"},
        owners=["team:billing"],
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
        left = {key: trouble for key, each in org_months.items() if (trouble := _repair(toolbox, *each))}
        for month, shard in sorted({(month, toolbox.shard_of(org_id)) for month, org_id in org_months.values()}):
            key = str(month_shard_key(month, shard))
            billed = EVERY_ORG_BILLED.evaluation(not_billed(toolbox, (month, shard)), key)
            record_check(context.instance, context.run, partitions, billed)
        if left:
            # A run that fails leaves all its keys failed, but for those of which it says that they are done.
            for key in org_months.keys() - left.keys():
                context.log_event(dg.AssetMaterialization(context.asset_key, partition=key))
            troubles = list(left.values())
            raise dg.Failure(_not_mended(troubles), evidence(troubles, "what is left"), allow_retries=False)
        return dg.MaterializeResult(metadata={"organizations done": ", ".join(sorted(org_months))})

    return [failed_org_months]


def _repair(toolbox: Toolbox, month: Month, org_id: str) -> dict[str, str] | None:
    """Closes the org's month again; returns what still keeps it from being done, None when nothing does."""
    shard = toolbox.shard_of(org_id)
    price_month_shard(toolbox, month, shard, [org_id])
    part = ShardMonth(month, shard, toolbox.now(), [org_id])
    finalize_shard(part, toolbox.invoices, toolbox.holds, toolbox.policy)
    toolbox.sync_ledger.reopen(month, [org_id])
    found = {"month": str(month), "org_id": org_id}
    try:
        sync_shard(toolbox, month, shard, [org_id])
    except dg.Failure as waiting:
        return found | {"code": "waiting", "what happened": str(waiting.description), "what to do": REPEAT}
    failures = toolbox.statements.failures(month, [org_id])
    if not failures:
        return None
    first = failures[0]
    return found | {"code": first.code, "what happened": first.message, "what to do": first.remedy}


def _not_mended(left: list[dict[str, str]]) -> str:
    first = left[0]
    others = f" {len(left) - 1} more are not either: see the table." if len(left) > 1 else ""
    return f"{first['org_id']} is not mended yet: {first['what happened']} {first['what to do']}{others}"
