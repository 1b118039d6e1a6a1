"""What of Dagster's history is forgotten: runs that a later one stands for. What flybill itself records stays for good.

A run of the open month is made every hour, and only its last figures are of use. Runs that close, repair, verify or
compare a month are never forgotten, nor is what a partition shows: its newest run, materialization and check results.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

from flybill_pipeline.defs.checks import CHECKS
from flybill_pipeline.defs.described import schedule
from flybill_pipeline.defs.jobs import (
    INGEST_USAGE,
    PRICE_MONTH,
    PUBLISH_LAKE,
    READ_LANDED_FILES,
    READ_PAYMENTS,
    SHOW_MONTH,
    Requests,
)

FORGET_OLD_RUNS = "forget_old_runs"
REPEATED: dict[str, Sequence[str]] = {
    READ_LANDED_FILES: ("landed_files",),
    INGEST_USAGE: ("raw_usage", "daily_usage"),
    PRICE_MONTH: ("monthly_line_items",),
    PUBLISH_LAKE: ("open_lake",),
    READ_PAYMENTS: ("stripe_payments",),
    SHOW_MONTH: ("billed_month",),
    FORGET_OLD_RUNS: (),
}
"""Jobs that run again and again for the same partition, and what they materialize."""
KEPT = timedelta(days=3)
MOST_OF_A_JOB = 5_000
"""Runs of a job that are looked at in one night, the oldest first."""
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def forgetting() -> dg.JobDefinition:
    """The job `forget_old_runs`."""

    @dg.op
    def superseded_runs(context: dg.OpExecutionContext) -> None:
        runs = list(superseded(context.instance, datetime.now(UTC)))
        for run_id in runs:
            _forget(context.instance, run_id)
        context.log.info(f"{len(runs)} runs were forgotten")

    @dg.job(
        name=FORGET_OLD_RUNS,
        description="Forgets runs older than three days that a later run of the same job and partition stands for.",
    )
    def forget_old_runs() -> None:
        superseded_runs()

    return forget_old_runs


def forgetting_schedule(status: dg.DefaultScheduleStatus = dg.DefaultScheduleStatus.STOPPED) -> dg.ScheduleDefinition:
    """`keep_history_small`."""

    @schedule(cron_schedule="30 3 * * *", job_name=FORGET_OLD_RUNS, default_status=status)
    def keep_history_small(context: dg.ScheduleEvaluationContext) -> Requests:
        """Every night runs are forgotten that a later one stands for, with their events and logs."""
        yield dg.RunRequest(run_key=f"forget-{context.scheduled_execution_time.date()}")

    return keep_history_small


def superseded(instance: dg.DagsterInstance, now: datetime) -> Iterator[str]:
    """The ids of the runs that may be forgotten. The last two of a partition are not looked at: it is soon enough."""
    for job, assets in REPEATED.items():
        old = dg.RunsFilter(job_name=job, statuses=FINISHED, created_before=now - KEPT)
        by_partition = defaultdict[str | None, list[str]](list)
        for record in instance.get_run_records(old, limit=MOST_OF_A_JOB, ascending=True):
            by_partition[record.dagster_run.tags.get("dagster/partition")].append(record.dagster_run.run_id)
        for partition, runs in by_partition.items():
            kept = set(_shown(instance, job, assets, partition)) if len(runs) > 1 else set(runs)
            yield from (run_id for run_id in runs if run_id not in kept)


def _shown(instance: dg.DagsterInstance, job: str, assets: Sequence[str], partition: str | None) -> Iterator[str]:
    """The runs that the pages of the partition show: the last, and those of the newest result of each kind."""
    tags = {} if partition is None else {"dagster/partition": partition}
    for record in instance.get_run_records(dg.RunsFilter(job_name=job, tags=tags), limit=1):
        yield record.dagster_run.run_id
    for asset in assets:
        wanted = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=None if partition is None else [partition])
        for newest in instance.fetch_materializations(wanted, limit=1).records:
            yield newest.run_id
    checks = [check.key for check in CHECKS if check.asset in assets]
    newest_of = instance.event_log_storage.get_latest_asset_check_execution_by_key
    for execution in newest_of(checks, PartitionKeyFilter(key=partition)).values():
        yield execution.run_id


def _forget(instance: dg.DagsterInstance, run_id: str) -> None:
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):  # `delete_run` leaves the results of its checks
        with storage.index_connection() as connection:
            of_run = AssetCheckExecutionsTable.c.run_id == run_id
            connection.execute(AssetCheckExecutionsTable.delete().where(of_run))
    instance.delete_run(run_id)
