"""The jobs: which assets run together. Schedules, sensors and the command line all start these, never a second path."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:  # Dagster does not export the type that its own define_asset_job returns
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

READ_LANDED_FILES = "read_landed_files"
INGEST_USAGE = "ingest_usage"
CLOSE_MONTH = "close_month"
PRICE_MONTH = "price_month"
VERIFY_MONTH = "verify_month"
RECONCILE_MONTH = "reconcile_month"
EXPORT_MONTH = "export_month"
REPAIR_ORG_MONTH = "repair_org_month"
READ_PAYMENTS = "read_payments"
SHOW_MONTH = "show_month"
PUBLISH_LAKE = "publish_lake"
CLOSING_ASSETS = ("monthly_line_items", "finalized_invoices", "stripe_invoices")
"""What closing a shard of a month materializes, in this order."""

FIRST_IN_LINE = {"dagster/priority": "1000"}
"""For what takes a moment and must not wait behind the shards of a close, or the days of a backlog: a few runs at once
are all that are started, and these may be an hour's. Earlier months are closed by priorities below that.
"""

Requests = Iterator[dg.RunRequest | dg.SkipReason]
"""What a schedule or a sensor asks for."""


def jobs() -> "list[UnresolvedAssetJobDefinition]":
    """One job for each kind of partition: assets of one job share their partitions."""
    return [*_of_usage(), *_of_months()]


def _of_usage() -> "list[UnresolvedAssetJobDefinition]":
    return [
        dg.define_asset_job(
            READ_LANDED_FILES, selection=["landed_files"], description="Reads what is new in the landing zone."
        ),
        dg.define_asset_job(
            INGEST_USAGE,
            selection=["raw_usage", "daily_usage"],
            description="Records one day's usage, each event once, and sums it.",
        ),
        dg.define_asset_job(
            PUBLISH_LAKE,
            selection=["open_lake"],
            description="Brings the lake's open tables up to date. No bill waits for it, and none is made of them.",
        ),
    ]


def _of_months() -> "list[UnresolvedAssetJobDefinition]":
    return [
        dg.define_asset_job(
            CLOSE_MONTH,
            selection=CLOSING_ASSETS,
            description="Prices, finalizes and syncs one shard of a month. What is done already is left as it is.",
        ),
        dg.define_asset_job(
            PRICE_MONTH, selection=["monthly_line_items"], description="Prices one shard of a month; decides nothing."
        ),
        dg.define_asset_job(
            VERIFY_MONTH,
            selection=["verified_invoices"],
            description="Prices every invoice of a month again from what it was made of. Changes nothing.",
        ),
        dg.define_asset_job(
            RECONCILE_MONTH,
            selection=["stripe_reconciliation", "billed_month"],
            description="Compares a month with Stripe's own list of invoices. Removes our own orphan drafts, no more. "
            "Then shows where the month stands.",
        ),
        dg.define_asset_job(
            EXPORT_MONTH,
            selection=["focus_exports"],
            description="Writes what each organization was billed in a month, for FinOps tools. Changes nothing else.",
        ),
        dg.define_asset_job(
            REPAIR_ORG_MONTH,
            selection=["failed_org_months"],
            description="Prices, finalizes and syncs one failed organization's month again.",
        ),
        dg.define_asset_job(
            READ_PAYMENTS,
            selection=["stripe_payments"],
            tags=FIRST_IN_LINE,
            description="Reads what became of the invoices: paid, failed, voided, disputed. Changes nothing at Stripe.",
        ),
        dg.define_asset_job(
            SHOW_MONTH, selection=["billed_month"], description="Shows in one page where a month stands. Only reads."
        ),
    ]
