"""When the close began that a run works on: what had landed by then counts. Tags of runs keep it, so a retry knows.

Not here: what a close waits for (`billing.usage.backlog`), and bringing a shard back (`sensors`).
"""

from datetime import datetime, timedelta

import dagster as dg

BEGAN_TAG = "flybill/close_began"
WAITS_TAG = "flybill/waits_for_usage"
FORGOTTEN_AFTER = timedelta(days=1)
"""A close that waited for so long and was not tried again is over: the next one begins anew."""


def counts_from(instance: dg.DagsterInstance, run: dg.DagsterRun, now: datetime) -> datetime:
    """The moment that the command named which started the run; else that of the run before it, if that one waited for
    usage; else now.

    So a second try of what had to wait asks for no more than the first: at a site where files land all the time, what
    had landed by then is read at last.
    """
    if BEGAN_TAG in run.tags:
        return close_began(run)
    for before in _runs_before(instance, run):
        if waits_for_usage(before) and now - close_began(before) < FORGOTTEN_AFTER:
            return close_began(before)
    return now


def close_began(run: dg.DagsterRun) -> datetime:
    """What is noted at a run that a command started, or that waits for usage."""
    return datetime.fromisoformat(run.tags[BEGAN_TAG])


def wait_for_usage(instance: dg.DagsterInstance, run: dg.DagsterRun, began: datetime) -> None:
    """Notes that the run ends because usage of the close that began then is not read yet."""
    instance.add_run_tags(run.run_id, {BEGAN_TAG: began.isoformat(), WAITS_TAG: "1"})


def waits_for_usage(run: dg.DagsterRun) -> bool:
    """Whether the run ended because usage was not read yet."""
    return WAITS_TAG in run.tags


def _runs_before(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[dg.DagsterRun]:
    """The run before this one of the same partition, if there was one."""
    partition = run.tags.get("dagster/partition")
    if partition is None:  # several of them, and which run was before, only each of them could say
        return []
    newest = instance.get_runs(dg.RunsFilter(tags={"dagster/partition": partition}), limit=2)
    return [each for each in newest if each.run_id != run.run_id][:1]
