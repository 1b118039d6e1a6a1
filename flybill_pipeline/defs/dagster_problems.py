"""What only Dagster knows to be wrong: failed checks, shards that were given up, runs that fail. Words for people."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import dagster as dg

from flybill_pipeline.billing.alerts.problems import Problem, named
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.checks import CHECKS
from flybill_pipeline.defs.failing_looks import failing_looks
from flybill_pipeline.defs.failing_schedules import failing_schedules
from flybill_pipeline.defs.jobs import INGEST_USAGE, PUBLISH_LAKE, READ_LANDED_FILES
from flybill_pipeline.defs.later_checks import MOST_RECORDS, last_results
from flybill_pipeline.defs.old_runs import FINISHED
from flybill_pipeline.defs.partitions import Partitions
from flybill_pipeline.defs.sensors import MOST_ATTEMPTS, Openings, given_up
from flybill_pipeline.toolbox.tools import Toolbox


def dagster_problems(
    instance: dg.DagsterInstance, toolbox: Toolbox, partitions: Partitions, openings: Openings, now: datetime
) -> list[Problem]:
    """Everything that Dagster's own storage shows to be wrong now. `openings` are the breaker's."""
    exhausted = given_up(instance, toolbox, partitions, openings, now)
    return [
        *_failed_checks(instance),
        *_given_up(exhausted),
        *_failing_runs(instance),
        *_not_published(instance),
        *failing_schedules(instance, now),
        *failing_looks(instance, now),
        *_not_shown(toolbox.first_month(), partitions.first_month),
    ]


def _failed_checks(instance: dg.DagsterInstance) -> Iterator[Problem]:
    for check in CHECKS:
        if check.no_alert_because is not None:
            continue
        failed = sorted(partition for partition, passed in last_results(instance, check.key).items() if not passed)
        if failed:
            yield Problem(
                key=f"check/{check.name}",
                title=f"check {check.name} is red",
                what=check.broken,
                who=named(failed, "partition"),
                cost="",
                remedy=check.remedy,
            )


def _given_up(keys: Sequence[str]) -> Iterator[Problem]:
    if keys:
        yield Problem(
            key="given_up",
            title=f"{named(keys, 'shard')} failed {MOST_ATTEMPTS} times and will not be tried again by itself",
            what="Each attempt failed; the last run of each shard says why.",
            who="the organizations of these shards that are not yet synced; what is done is done",
            cost="",
            remedy="Read the reason in the last failed run, mend it, materialize the shards: the count begins anew.",
        )


def _failing_runs(instance: dg.DagsterInstance) -> Iterator[Problem]:
    for job, what in (
        (READ_LANDED_FILES, "landed files could not be read"),
        (INGEST_USAGE, "days of usage could not be recorded"),
    ):
        last: dict[str, dg.DagsterRunStatus] = {}
        for run in instance.get_runs(dg.RunsFilter(job_name=job), limit=MOST_RECORDS):
            if run.is_finished:
                last.setdefault(run.tags.get("dagster/partition", job), run.status)
        failed = sorted(name for name, status in last.items() if status == dg.DagsterRunStatus.FAILURE)
        if failed:
            yield Problem(
                key=f"runs/{job}",
                title=what,
                what=f"The last run of {named(failed, 'partition')} failed; its log says why.",
                who="whoever used what is not counted yet; nothing is lost, it is counted when the run succeeds",
                cost="",
                remedy=f"Mend what the log of the last failed run of {job} names, and materialize the partition.",
            )


def _not_published(instance: dg.DagsterInstance) -> Iterator[Problem]:
    last = instance.get_run_records(dg.RunsFilter(job_name=PUBLISH_LAKE, statuses=FINISHED), limit=1)
    if last and last[0].dagster_run.status == dg.DagsterRunStatus.FAILURE:
        yield Problem(
            key=f"runs/{PUBLISH_LAKE}",
            title="the open tables of the lake are not up to date",
            what="Publishing them failed; the log of the last run says why. Bills are right: none is made of them.",
            who="whoever reads usage with another engine",
            cost="",
            remedy="Mend what the log names, and materialize `open_lake`; the schedule tries again every hour.",
            urgent=False,
        )


def _not_shown(first: Month | None, shown: Month) -> Iterator[Problem]:
    """Partitions are made once, when the definitions are loaded."""
    if first is not None and first < shown:
        yield Problem(
            key="months_not_shown",
            title=f"there is usage of {first}, and Dagster shows months from {shown} on",
            what="It arrived after Dagster had begun. It is recorded, and counted wherever its month is billed.",
            who="nobody: it is only not seen in the UI, and what fails of these months is not retried by itself",
            cost="",
            remedy="`flybill up` shows it by itself as soon as no run is under way. A code server that was started "
            "another way: start it again.",
            urgent=False,
        )
