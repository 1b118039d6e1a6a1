"""What a schedule starts and what fails each time is told to people, until it works or is not tried any more."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from flybill_pipeline.definitions import build_defs
from flybill_pipeline.defs.failing_schedules import REPEATED, Repeated, failing_schedules
from flybill_pipeline.defs.jobs import CLOSE_MONTH, PRICE_MONTH, PUBLISH_LAKE, SHOW_MONTH
from flybill_pipeline.settings import load_settings

TOLD_OTHERWISE = {CLOSE_MONTH, PUBLISH_LAKE}
FAILURE, SUCCESS, CANCELED = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def told(instance: dg.DagsterInstance, after: timedelta = timedelta(0)) -> list[str]:
    return [f"{each.key}: {each.what}" for each in failing_schedules(instance, datetime.now(UTC) + after)]


@pytest.mark.parametrize("each", REPEATED, ids=lambda each: each.job)
def test_what_fails_each_time_is_told_until_it_works(instance: dg.DagsterInstance, each: Repeated) -> None:
    instance.wipe()

    def run(status: dg.DagsterRunStatus, partition: str = "2026-10") -> None:
        create_run_for_test(instance, job_name=each.job, status=status, tags={"dagster/partition": partition})

    run(SUCCESS, "2026-09")
    assert told(instance) == []
    for failed in range(each.failures):
        assert told(instance) == [], failed
        run(FAILURE)
    run(dg.DagsterRunStatus.STARTED)  # says nothing yet
    assert told(instance) == [
        f"runs/{each.job}: The last run of 1 partition (2026-10) failed; its log says why. It is tried again."
    ]
    assert told(instance, each.within * 2) == []
    run(SUCCESS)
    assert told(instance) == []
    run(CANCELED)  # a person knows of it
    assert told(instance) == []


def test_every_shard_is_looked_at_however_many_there_are(instance: dg.DagsterInstance) -> None:
    instance.wipe()
    for shard in [*range(70)] * 2:
        tags = {"dagster/partition": f"2026-10|{shard:03}"}
        create_run_for_test(instance, job_name=PRICE_MONTH, status=FAILURE, tags=tags)
    (line,) = told(instance)
    assert "70 partitions" in line


def test_whatever_a_schedule_starts_is_told_of_somewhere() -> None:
    repository = build_defs(load_settings({})).get_repository_def()
    started = {each.job_name for each in repository.schedule_defs}
    assert (started - TOLD_OTHERWISE) | {SHOW_MONTH} == {each.job for each in REPEATED}
