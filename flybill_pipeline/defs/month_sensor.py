"""What keeps the page of each month fresh: asks for it again when something of the month changed. Writes nothing."""

from collections.abc import Iterator
from datetime import datetime

import dagster as dg

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.described import sensor
from flybill_pipeline.defs.jobs import SHOW_MONTH
from flybill_pipeline.defs.partitions import Partitions, month_key
from flybill_pipeline.toolbox.tools import Toolbox

BILLED_MONTH = dg.AssetKey("billed_month")
SHOWN_MONTHS = 3
"""So many months that have ended are looked at, besides the running one and those that are not closed."""
SELDOM = 5
"""Once for so many looks of the other sensors: while a month is closed, each look finds it changed."""


def month_sensor(partitions: Partitions, status: dg.DefaultSensorStatus, every: int) -> dg.SensorDefinition:
    """`billed_months`."""

    @sensor(job_name=SHOW_MONTH, minimum_interval_seconds=SELDOM * every, default_status=status)
    def billed_months(
        context: dg.SensorEvaluationContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        """Makes the page of a month again when outcomes, sync, payments, credits or drafts are not what it shows.

        The marks of what a page shows is its data version. A page that could not be made is asked for once an hour.
        """
        now = toolbox.now()
        stale = [(month, mark) for month, mark in _marks(toolbox, partitions, now) if _shown(context, month) != mark]
        if not stale:
            yield dg.SkipReason("the page of every month shows what is so")
        for month, mark in stale:
            yield dg.RunRequest(run_key=f"{month}-{mark}-{now:%Y-%m-%dT%H}", partition_key=month_key(month))

    return billed_months


def _marks(toolbox: Toolbox, partitions: Partitions, now: datetime) -> Iterator[tuple[Month, str]]:
    """The months that may change, and what there is of each now; a month without anything has no page."""
    running = Month.of(now)
    months, month = {running, *toolbox.open_months.before(running)}, running
    for _ in range(SHOWN_MONTHS):
        month = month.previous()
        months.add(month)
    for each in sorted(months):
        if each >= partitions.first_month and (mark := toolbox.month_marks.of(each)):
            yield each, mark


def _shown(context: dg.SensorEvaluationContext, month: Month) -> str | None:
    """The mark of what the month's page shows; None where there is no page."""
    wanted = dg.AssetRecordsFilter(BILLED_MONTH, asset_partitions=[month_key(month)])
    for record in context.instance.fetch_materializations(wanted, limit=1).records:
        materialization = record.asset_materialization
        return None if materialization is None else (materialization.tags or {}).get("dagster/data_version")
    return None
