"""What of Dagster's history is forgotten: what a later run stands for, never what a partition shows."""

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from flybill_pipeline.definitions import build_defs
from flybill_pipeline.defs.jobs import CLOSE_MONTH, PRICE_MONTH
from flybill_pipeline.defs.old_runs import KEPT, REPEATED, _forget, superseded
from flybill_pipeline.settings import load_settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
SHARDS = dg.StaticPartitionsDefinition(["a", "b"])
LATER = datetime.now(UTC) + KEPT + timedelta(hours=1)


class World:
    """Two jobs on one asset with a check, on an instance that keeps its logs in files."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.failing = False

        @dg.asset(
            partitions_def=SHARDS,
            check_specs=[dg.AssetCheckSpec("every_meter_priced", asset="monthly_line_items", partitions_def=SHARDS)],
        )
        def monthly_line_items() -> dg.MaterializeResult:  # type: ignore[type-arg]
            if self.failing:
                raise dg.Failure("no price book", allow_retries=False)
            return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])

        jobs = [dg.define_asset_job(name, selection=["monthly_line_items"]) for name in (PRICE_MONTH, CLOSE_MONTH)]
        self.definitions = dg.Definitions(assets=[monthly_line_items], jobs=jobs, executor=dg.in_process_executor)

    def run(self, job: str = PRICE_MONTH, partition: str = "a", *, failing: bool = False) -> str:
        self.failing = failing
        done = self.definitions.resolve_job_def(job).execute_in_process(
            partition_key=partition, instance=self.instance, raise_on_error=False, run_config=QUIET
        )
        return done.run_id


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
            yield World(instance)


def test_what_a_partition_shows_is_kept_and_what_came_before_it_is_forgotten(world: World, tmp_path: Path) -> None:
    first, again, newest = (world.run() for _ in range(3))
    failed, other = world.run(failing=True), world.run(partition="b")
    assert list(superseded(world.instance, datetime.now(UTC))) == []
    forgotten = list(superseded(world.instance, LATER))
    assert forgotten == [first, again]
    for run_id in forgotten:
        assert list(tmp_path.rglob(f"*{run_id}*"))
        _forget(world.instance, run_id)
        assert not world.instance.all_logs(run_id)
        assert not list(tmp_path.rglob(f"*{run_id}*/*"))
    assert {run.run_id for run in world.instance.get_runs()} == {newest, failed, other}
    [materialized] = world.instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey("monthly_line_items"), asset_partitions=["a"]), limit=9
    ).records
    assert materialized.run_id == newest
    check = dg.AssetCheckKey(dg.AssetKey("monthly_line_items"), "every_meter_priced")
    history = world.instance.event_log_storage.get_asset_check_execution_history(check, limit=9)
    assert {execution.run_id for execution in history} == {newest, failed, other}
    assert list(superseded(world.instance, LATER)) == []


def test_a_close_is_never_forgotten_and_takes_the_place_of_what_was_priced_before(world: World) -> None:
    priced, again = world.run(), world.run()
    for _ in range(3):
        world.run(CLOSE_MONTH)
    assert list(superseded(world.instance, LATER)) == [priced]
    assert again  # the job's own last run


def test_what_these_jobs_materialize_is_what_the_jobs_say() -> None:
    definitions = build_defs(load_settings({}))
    for job, assets in REPEATED.items():
        selected = definitions.resolve_job_def(job).asset_layer.selected_asset_keys
        assert {key.to_user_string() for key in selected} == set(assets), job
