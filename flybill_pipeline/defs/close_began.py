"""When the close began that a run works on: what had landed by then counts. Tags of runs keep it, so a retry knows.

Not here: what a close waits for (`billing.usage.backlog`), and bringing a shard back (`sensors`).
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from flybill_pipeline.defs.partitions import is_org_month

BEGAN_TAG = "flybill/close_began"
WAITS_TAG = "flybill/waits_for_usage"
RETRY_TAG = "flybill/retry_of"
"""At a run that the retry sensor asked for: the id of the run that failed."""
SAME_REPAIR = timedelta(hours=1)
"""A repair that a person tries again within that time is the same one; after it, it begins anew."""


def counts_from(instance: dg.DagsterInstance, run: dg.DagsterRun, now: datetime) -> datetime:
    """When the close began that `run` works on: the moment that its command named, or that of the run that it repeats
    because it waited for usage; else now.

    So a second try of what had to wait asks for no more than the first: at a site where files land all the time, what
    had landed by then is read at last.
    """
    if BEGAN_TAG in run.tags:
        return close_began(run)
    first = _repeated(instance, run, now)
    return now if first is None or not waits_for_usage(first) else close_began(first)


def close_began(run: dg.DagsterRun) -> datetime:
    """What is noted at a run that a command started, or that waits for usage."""
    return datetime.fromisoformat(run.tags[BEGAN_TAG])


def wait_for_usage(instance: dg.DagsterInstance, run: dg.DagsterRun, began: datetime) -> None:
    """Notes that the run ends because usage of the close that began then is not read yet."""
    instance.add_run_tags(run.run_id, {BEGAN_TAG: began.isoformat(), WAITS_TAG: "1"})


def waits_for_usage(run: dg.DagsterRun) -> bool:
    """Whether the run ended because usage was not read yet."""
    return WAITS_TAG in run.tags


def _repeated(instance: dg.DagsterInstance, run: dg.DagsterRun, now: datetime) -> dg.DagsterRun | None:
    """The run that this one repeats: a retry names it, a repair by hand is that of a little while ago."""
    if RETRY_TAG in run.tags:
        return instance.get_run_by_id(run.tags[RETRY_TAG])
    key = run.tags.get("dagster/partition")
    if key is None or not is_org_month(key):
        return None  # the sensor repeats it; a person begins anew
    for record in instance.get_run_records(dg.RunsFilter(tags={"dagster/partition": key}), limit=2):
        ended = datetime.fromtimestamp(record.end_time or 0, UTC)
        if record.dagster_run.run_id != run.run_id and now - ended < SAME_REPAIR:
            return record.dagster_run
    return None
