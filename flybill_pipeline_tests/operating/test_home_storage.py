"""Dagster's own programs in a checkout, with no variable set: they work in the home that `flybill` works in."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from sqlalchemy import Engine, create_engine, event, text

from flybill_pipeline.local.keeper import joined
from flybill_pipeline.stores.postgres.database import IDLE_SECONDS
from flybill_pipeline_tests.conftest import PROJECT
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(tempfile.gettempdir()) / f"flybill-home-{uuid4().hex[:8]}"
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_dagsters_own_program_brings_up_what_it_needs_and_records_in_the_home(home: Path) -> None:
    home.mkdir(mode=0o700)
    command = [
        sys.executable,
        "-m",
        "dagster",
        "asset",
        "materialize",
        "-m",
        "flybill_pipeline.definitions",
        "--select",
        "stripe_payments",
    ]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "FLYBILL_HOME": str(home)}
    with joined(home, "postgres") as address:  # or it would be gone when the program ends
        done = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        dagster, flybill = (create_engine(address.format(name)) for name in ("dagster", "flybill"))
        with dagster.connect() as connection:
            assert connection.scalars(text("select status from runs")).all() == ["SUCCESS"]
        with flybill.connect() as connection:
            assert connection.scalar(text("select tried_at from flybill.payment_polls")) is not None
        dagster.dispose()
        flybill.dispose()
    assert not (home / "run" / "emulator.json").exists()  # what it brought up went with it


def test_a_table_or_column_that_is_there_is_asked_for_once(deploy: Deployments) -> None:
    asked: list[str] = []

    def note(*sent: Any) -> None:
        asked.append(sent[2])

    def look(instance: dg.DagsterInstance) -> list[str]:
        asked.clear()
        assert instance.schedule_storage is not None
        instance.schedule_storage.get_batch_ticks(["nobody's"], 1)
        instance.run_storage.get_backfills()
        instance.event_log_storage.get_asset_records([dg.AssetKey("raw_usage")])
        assert instance.event_log_storage.has_asset_key_col("last_materialization_timestamp")  # type: ignore[attr-defined]
        assert instance.event_log_storage.supports_asset_checks
        return [each for each in asked if "pg_catalog" in each]

    with deploy() as flybill, flybill.instance() as instance:
        event.listen(Engine, "before_cursor_execute", note)
        try:
            assert look(instance) != []
            assert look(instance) == []
        finally:
            event.remove(Engine, "before_cursor_execute", note)
    assert asked


def test_a_process_keeps_its_connections_whatever_is_recorded_and_however_often_it_is_asked(
    deploy: Deployments,
) -> None:
    with deploy() as flybill:
        _record(flybill)
        with _opened() as opened:
            for _ in range(3):  # as at each tick of a sensor
                _record(flybill)
        assert opened == []

        flybill.sql("select pg_terminate_backend(pid) from pg_stat_activity where datname like 'dagster%'")
        with _opened() as opened:
            sleep(IDLE_SECONDS)  # whether it still holds is asked of one that was idle
            _record(flybill)
        assert opened


def test_a_copy_of_a_process_has_connections_of_its_own(deploy: Deployments) -> None:
    with deploy() as flybill:
        _record(flybill)
        with _opened() as opened:
            child = os.fork()
            if not child:
                with suppress(BaseException):
                    _record(flybill)
                    os._exit(0 if opened else 1)
                os._exit(2)
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0
            _record(flybill)
        assert opened == []


def _record(flybill: Flybill) -> None:
    with flybill.instance() as instance:
        for name in ("a", "b", "c"):
            instance.add_dynamic_partitions("letters", [name])
            instance.report_runless_asset_event(dg.AssetObservation("letter", partition=name))
        assert set(instance.get_dynamic_partitions("letters")) == {"a", "b", "c"}


@contextmanager
def _opened() -> Iterator[list[Any]]:
    """The connections that this process opens meanwhile to Dagster's database."""
    found: list[Any] = []

    def note(connection: Any, _record: Any) -> None:
        if connection.info.dbname.startswith("dagster"):
            found.append(connection)

    event.listen(Engine, "connect", note)
    try:
        yield found
    finally:
        event.remove(Engine, "connect", note)


def test_the_last_tick_is_found_without_looking_at_all_of_them(deploy: Deployments) -> None:
    with deploy() as flybill:
        dagster = create_engine(flybill.environment["FLYBILL_DAGSTER_DATABASE_URL"])
        with dagster.begin() as connection:
            connection.execute(text("drop index if exists flybill_ticks_by_time"))  # a home of before has none
        with flybill.instance() as instance:
            assert instance.schedule_storage is not None
            with dagster.begin() as connection:
                connection.execute(text(MANY_TICKS))
                connection.execute(text("analyze job_ticks"))
                plan = connection.execute(text(f"explain (analyze, format json) {LAST_TICK}")).scalar_one()[0]["Plan"]
        dagster.dispose()
    (looked_at,) = plan["Plans"]
    assert looked_at["Index Name"] == "flybill_ticks_by_time"
    assert looked_at["Rows Removed by Filter"] < SENSORS


SENSORS = 14
MANY_TICKS = f"""insert into job_ticks (job_origin_id, selector_id, status, type, timestamp, tick_body)
    select 'o' || g % {SENSORS}, 's' || g % {SENSORS}, 'SKIPPED', 'SENSOR', now() - g * interval '5 s', repeat('x', 900)
    from generate_series(1, 20000) g"""
LAST_TICK = """select id, tick_body from job_ticks
    where selector_id = 's3' or selector_id is null and job_origin_id = 'o3' order by timestamp desc limit 1"""
"""As Dagster 1.13 asks."""
