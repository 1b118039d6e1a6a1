"""What runs by the calendar. A schedule only asks for runs; missing one or running it twice does no harm."""

from collections.abc import Iterator

import dagster as dg

from flybill_pipeline.billing.period import Month
from flybill_pipeline.defs.jobs import CLOSE_MONTH, RECONCILE_MONTH
from flybill_pipeline.defs.partitions import Partitions, month_shard_key


def schedules(partitions: Partitions) -> list[dg.ScheduleDefinition]:
    """The monthly close on the 3rd, and the nightly reconciliation of the month that it closed."""
    shards = range(len(partitions.shards.get_partition_keys()))

    @dg.schedule(cron_schedule="0 6 3 * *", job_name=CLOSE_MONTH, execution_timezone="UTC")
    def close_last_month(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        """On the 3rd at 06:00 UTC: two days of grace for late usage, then last month is closed, shard by shard."""
        month = Month.of(context.scheduled_execution_time).previous()
        for shard in shards:
            key = month_shard_key(month, shard)
            yield dg.RunRequest(run_key=f"close-{key}", partition_key=key)

    @dg.schedule(cron_schedule="0 8 * * *", job_name=RECONCILE_MONTH, execution_timezone="UTC")
    def reconcile_last_month(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        """Every morning from the 3rd on: last month is compared with Stripe's own list."""
        today = context.scheduled_execution_time
        if today.day < 3:
            return dg.SkipReason("last month is closed on the 3rd; there is nothing to compare before")
        month = Month.of(today).previous()
        return dg.RunRequest(run_key=f"reconcile-{month}-{today.date()}", partition_key=month.first_day.isoformat())

    return [close_last_month, reconcile_last_month]
