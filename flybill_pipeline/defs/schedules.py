"""What runs by the calendar. A schedule only asks for runs; missing one or running it twice does no harm."""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime

import dagster as dg

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.described import schedule
from flybill_pipeline.defs.jobs import (
    CLOSE_MONTH,
    EXPORT_MONTH,
    PRICE_MONTH,
    PUBLISH_LAKE,
    RECONCILE_MONTH,
    VERIFY_MONTH,
    Requests,
)
from flybill_pipeline.defs.partitions import Partitions, month_key, month_shard_key
from flybill_pipeline.defs.run_keys import is_done
from flybill_pipeline.toolbox.publishing import mark, publishes
from flybill_pipeline.toolbox.tools import Toolbox

LOOKED_AT_MONTHS = 3
"""So many closed months are compared with Stripe every night, and priced again every week."""


def schedules(
    partitions: Partitions, grace_days: int, status: dg.DefaultScheduleStatus = dg.DefaultScheduleStatus.STOPPED
) -> list[dg.ScheduleDefinition]:
    """The monthly close, the open month and the lake every hour, the nightly proofs, the weekly verification."""
    return [
        _close_schedule(partitions, grace_days, status),
        _open_month_schedule(partitions, status),
        *_proofs(partitions, grace_days, status),
        _export_schedule(partitions, grace_days, status),
        _publish_schedule(status),
    ]


def _close_schedule(partitions: Partitions, grace_days: int, status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    @schedule(cron_schedule=f"0 6 {1 + grace_days} * *", job_name=CLOSE_MONTH, default_status=status)
    def close_last_month(context: dg.ScheduleEvaluationContext, toolbox: dg.ResourceParam[Toolbox]) -> Requests:
        """At 06:00 UTC, some days of grace for late usage after its end, last month is closed, shard by shard.

        Earlier months that are still open are closed before it: of ticks that were missed, Dagster makes up only for
        the last.
        """
        last = Month.of(context.scheduled_execution_time).previous()
        earlier = [month for month in toolbox.open_months.before(last) if month >= partitions.first_month]
        for number, month in enumerate(earlier):
            for key in _shards(partitions, month):
                first_in_line = {"dagster/priority": str(len(earlier) - number)}
                # Once at each tick: that it was asked for before and is open still, is what is wrong.
                yield dg.RunRequest(run_key=f"close-{key}-with-{last}", partition_key=key, tags=first_in_line)
        for key in _shards(partitions, last) if last >= partitions.first_month else ():
            yield dg.RunRequest(run_key=f"close-{key}", partition_key=key)

    return close_last_month


def _open_month_schedule(partitions: Partitions, status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    @schedule(cron_schedule="15 * * * *", job_name=PRICE_MONTH, default_status=status)
    def price_open_month(context: dg.ScheduleEvaluationContext, toolbox: dg.ResourceParam[Toolbox]) -> Requests:
        """Every hour the drafts of the running month, if usage, prices, terms, items or budgets changed, an earlier
        month was decided, or the last time failed; else once a day.
        """
        now = context.scheduled_execution_time
        month, items = Month.of(now), toolbox.budgets.newest()
        inputs = _inputs(toolbox, month, now)
        for shard, key in enumerate(_shards(partitions, month)):
            named = f"open-{key}-{inputs}-{items.get(shard, 0)}"
            if not is_done(context.instance, PRICE_MONTH, named, str(key)):
                yield dg.RunRequest(run_key=named, partition_key=key)

    return price_open_month


def _inputs(toolbox: Toolbox, month: Month, now: datetime) -> str:
    """Names the day and what drafts are priced from: a run key with it asks for nothing that was done already."""
    days = {str(day): version for day, version in toolbox.pricing_inputs.compiled(month).items()}
    undecided = {str(earlier): orgs for earlier, orgs in toolbox.open_months.before(month).items()}
    named = [str(now.date()), days, toolbox.fingerprints(month), undecided, toolbox.organizations.newest_terms()]
    return hashlib.sha256(json.dumps(named, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _closed(toolbox: Toolbox, partitions: Partitions, grace_days: int, now: datetime) -> Iterator[Month]:
    """The last closed months, the newest first. Within the days of grace last month is, if a person closed it."""
    month = Month.of(now).previous()
    if now.day <= grace_days and not _is_decided(toolbox, month):
        month = month.previous()
    for _ in range(LOOKED_AT_MONTHS):
        if month >= partitions.first_month:
            yield month
        month = month.previous()


def _is_decided(toolbox: Toolbox, month: Month) -> bool:
    """Whether every organization has an outcome of the month, and there is one at all."""
    first = toolbox.open_months.first()
    return first is not None and first <= month and month not in toolbox.open_months.before(month.next())


def _export_schedule(
    partitions: Partitions, grace_days: int, status: dg.DefaultScheduleStatus
) -> dg.ScheduleDefinition:
    @schedule(cron_schedule="0 9 * * *", job_name=EXPORT_MONTH, default_status=status)
    def export_last_months(context: dg.ScheduleEvaluationContext, toolbox: dg.ResourceParam[Toolbox]) -> Requests:
        """Every morning the last three closed months, if more of them was settled since the last time, or that
        failed.
        """
        for month in _closed(toolbox, partitions, grace_days, context.scheduled_execution_time):
            count, key = toolbox.recorded_lines.count(month), month_key(month)
            if count and not is_done(context.instance, EXPORT_MONTH, f"export-{month}-{count}", key):
                yield dg.RunRequest(run_key=f"export-{month}-{count}", partition_key=key)

    return export_last_months


def _publish_schedule(status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    @schedule(cron_schedule="45 * * * *", job_name=PUBLISH_LAKE, default_status=status)
    def publish_open_lake(context: dg.ScheduleEvaluationContext, toolbox: dg.ResourceParam[Toolbox]) -> Requests:
        """Every hour the lake's open tables, if there is something new or the last time failed; else once a day."""
        if not publishes(toolbox):
            yield dg.SkipReason("FLYBILL_LAKE_CATALOG is off")
            return
        named = f"publish-{context.scheduled_execution_time:%Y-%m-%d}-{mark(toolbox)}"
        if is_done(context.instance, PUBLISH_LAKE, named):
            yield dg.SkipReason("nothing is new in the lake")
        else:
            yield dg.RunRequest(run_key=named)

    return publish_open_lake


def _proofs(
    partitions: Partitions, grace_days: int, status: dg.DefaultScheduleStatus
) -> Iterator[dg.ScheduleDefinition]:
    @schedule(cron_schedule="0 8 * * *", job_name=RECONCILE_MONTH, default_status=status)
    def reconcile_last_months(context: dg.ScheduleEvaluationContext, toolbox: dg.ResourceParam[Toolbox]) -> Requests:
        """Every morning the last three closed months are compared with Stripe's own list."""
        now = context.scheduled_execution_time
        for month in _closed(toolbox, partitions, grace_days, now):
            yield dg.RunRequest(run_key=f"reconcile-{month}-{now.date()}", partition_key=month_key(month))

    @schedule(cron_schedule="0 5 * * 1", job_name=VERIFY_MONTH, default_status=status)
    def verify_last_months(context: dg.ScheduleEvaluationContext, toolbox: dg.ResourceParam[Toolbox]) -> Requests:
        """Every Monday each invoice of the last three closed months is priced again from what it was made of."""
        now = context.scheduled_execution_time
        for month in _closed(toolbox, partitions, grace_days, now):
            yield dg.RunRequest(run_key=f"verify-{month}-{now.date()}", partition_key=month_key(month))

    yield reconcile_last_months
    yield verify_last_months


def _shards(partitions: Partitions, month: Month) -> list[dg.MultiPartitionKey]:
    return [month_shard_key(month, int(shard)) for shard in partitions.shards.get_partition_keys()]
