"""Whether work is asked for again: its run key names it, and the newest run tells what came of it. Asks for nothing.

To Dagster a key of a sensor is used up by the run that it led to, however that one ended. A key of a schedule holds
within one tick, and the next tick starts a run for the same key.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.tags import RUN_KEY_TAG

AFTER_SUCCESS = timedelta(hours=1)
"""Then what is still to be done is asked for again: another run, which found nothing to do, had its key."""
AFTER_FAILURE = timedelta(minutes=5)
"""The same where the newest run failed or was terminated: what kept it from its work may be over."""
NOT_DONE = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def again(instance: dg.DagsterInstance, job: str, named: str, partition: str | None = None) -> str:
    """The key of a sensor's request for what is `named` and not done: another one a while after each run that ended."""
    last = _newest(instance, job, partition)
    if last is None or not last.dagster_run.is_finished:
        return named
    waits = AFTER_FAILURE if last.dagster_run.status in NOT_DONE else AFTER_SUCCESS
    waited = datetime.now(UTC) - datetime.fromtimestamp(last.end_time or 0, UTC)
    return f"{named}:{last.dagster_run.run_id}" if waited > waits else named


def is_done(instance: dg.DagsterInstance, job: str, named: str, partition: str | None = None) -> bool:
    """Whether the newest run was asked for by this key of a schedule, and has not failed: it may be under way."""
    last = _newest(instance, job, partition)
    if last is None or last.dagster_run.tags.get(RUN_KEY_TAG) != named:
        return False
    return last.dagster_run.status not in NOT_DONE


def _newest(instance: dg.DagsterInstance, job: str, partition: str | None) -> dg.RunRecord | None:
    tags = {} if partition is None else {"dagster/partition": partition}
    return next(iter(instance.get_run_records(dg.RunsFilter(job_name=job, tags=tags), limit=1)), None)
