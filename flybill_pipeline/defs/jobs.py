"""The jobs: which assets run together. Schedules, sensors and the command line all start these, never a second path."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from flybill_pipeline.defs.partitions import FAILED_ORG_MONTHS, Partitions

READ_LANDED_FILES = "read_landed_files"
INGEST_USAGE = "ingest_usage"
CLOSE_MONTH = "close_month"
RECONCILE_MONTH = "reconcile_month"
REPAIR_ORG_MONTH = "repair_org_month"


def jobs(partitions: Partitions) -> list[UnresolvedAssetJobDefinition]:
    """One job for each kind of partition: assets of one job share their partitions."""
    return [
        dg.define_asset_job(
            READ_LANDED_FILES, selection=["landed_files"], description="Reads what is new in the landing zone."
        ),
        dg.define_asset_job(
            INGEST_USAGE,
            selection=["raw_usage", "daily_usage"],
            partitions_def=partitions.days,
            description="Records one day's usage, each event once, and sums it.",
        ),
        dg.define_asset_job(
            CLOSE_MONTH,
            selection=["monthly_line_items", "finalized_invoices", "stripe_invoices"],
            partitions_def=partitions.month_shards,
            description="Prices, finalizes and syncs one shard of a month. What is done already is left as it is.",
        ),
        dg.define_asset_job(
            RECONCILE_MONTH,
            selection=["stripe_reconciliation"],
            partitions_def=partitions.months,
            description="Compares a month with Stripe's own list of invoices. Changes nothing.",
        ),
        dg.define_asset_job(
            REPAIR_ORG_MONTH,
            selection=["failed_org_months"],
            partitions_def=FAILED_ORG_MONTHS,
            description="Prices, finalizes and syncs one failed organization's month again.",
        ),
    ]
