"""Runs of processes that were killed are ended, and no others: a process whose connection was cut is alive."""

import time
from collections.abc import Iterator

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from flybill_pipeline.operating import dead_runs
from flybill_pipeline.operating.dead_runs import PROCESS_TAG, dead_runs_ended
from flybill_pipeline.stores.postgres.presence import present

CUT = """
select pg_terminate_backend(pid, 5000) from pg_stat_activity
where pid <> pg_backend_pid() and datname = current_database()
"""


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setattr(dead_runs, "LOOK_EVERY_SECONDS", 0.05)
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def status_of_its_run(instance: dg.DagsterInstance, engine: Engine, process: str) -> dg.DagsterRunStatus:
    """What becomes of a run of that process within some looks, after all connections were cut."""
    with present(engine, "this") as presence, dead_runs_ended(instance, engine, presence):
        with engine.connect() as connection:
            connection.execute(text(CUT))
        run = dg.DagsterRun("close_month", status=dg.DagsterRunStatus.STARTED, tags={PROCESS_TAG: process})
        instance.add_run(run)
        time.sleep(0.5)
        seen = instance.get_run_by_id(run.run_id)
    assert seen is not None
    return seen.status


def test_a_process_whose_connection_was_cut_is_alive(instance: dg.DagsterInstance, engine: Engine) -> None:
    assert status_of_its_run(instance, engine, "this") is dg.DagsterRunStatus.STARTED


def test_the_run_of_a_process_that_is_gone_is_ended(instance: dg.DagsterInstance, engine: Engine) -> None:
    assert status_of_its_run(instance, engine, "another") is dg.DagsterRunStatus.FAILURE
