"""The open tables in Dagster: what is shown of them, a check that sees what others wrote, an alert where it fails."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import dagster as dg
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from flybill_pipeline.definitions import build_defs
from flybill_pipeline.defs import dagster_problems
from flybill_pipeline.defs.checks.check import Check
from flybill_pipeline.defs.checks.usage import USAGE_CHECKS
from flybill_pipeline.defs.jobs import PUBLISH_LAKE
from flybill_pipeline.steps.usage.compile_usage import compile_day
from flybill_pipeline.steps.usage.read_landing import read_landing
from flybill_pipeline.steps.usage.record_usage import record_day
from flybill_pipeline.stores.files.objects import Objects
from flybill_pipeline.stores.usage.lake.ownership import LakeError
from flybill_pipeline.toolbox.publishing import publish
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.worlds.buckets import Buckets

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
EVENT = '{{"id": "{0}", "org": "acme", "meter": "m", "quantity": "0.1", "at": "2025-10-{1:02}T10:00:00Z"}}\n'


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """One that a schedule can open, too."""
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as made:
        yield made


def used(tools: Toolbox, name: str, *events: tuple[str, int]) -> None:
    """Lands these events, and compiles their days."""
    file = tools.landing.root / "usage" / f"{name}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(EVENT.format(*event) for event in events))
    read_landing(tools.landing, tools.lake, tools.catalog, tools.now())
    for day in tools.catalog.days_to_record():
        record_day(day, tools.lake, tools.catalog)
        compile_day(day, tools.lake, tools.catalog)


def ran(instance: dg.DagsterInstance, tools: Toolbox) -> dg.ExecuteInProcessResult:
    """The job as the schedule starts it."""
    job = build_defs(tools.settings, toolbox=tools).resolve_job_def(PUBLISH_LAKE)
    return job.execute_in_process(instance=instance, raise_on_error=False, run_config=QUIET)


def shown(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    [page] = result.asset_materializations_for_node("open_lake")
    return {name: value.value for name, value in page.metadata.items()}


def asked(tools: Toolbox, instance: dg.DagsterInstance, hour: int) -> list[str | None]:
    """The runs that the schedule asks for."""
    repository = build_defs(tools.settings, toolbox=tools).get_repository_def()
    at = datetime(2025, 11, 2, hour, 45, tzinfo=UTC)
    with dg.build_schedule_context(
        scheduled_execution_time=at, repository_def=repository, resources={"toolbox": tools}, instance=instance
    ) as context:
        tick = repository.get_schedule_def("publish_open_lake").evaluate_tick(context)
        return [request.run_key for request in tick.run_requests or ()]


def sent_again(tools: Toolbox) -> int:
    report = publish(tools)
    assert report is not None
    return report.sent_again


def test_it_is_published_and_its_check_is_green(instance: dg.DagsterInstance, tools: Toolbox) -> None:
    used(tools, "a", ("1", 5), ("2", 6))
    first = ran(instance, tools)
    assert shown(first) | {"files of daily that changed": 2, "tagged": "nothing new"} == shown(first)
    [check] = first.get_asset_check_evaluations()
    assert check.passed, check.metadata
    before = asked(tools, instance, 1)
    assert before == asked(tools, instance, 2) != [], "nothing is new, and the schedule has not asked yet"
    used(tools, "b", ("3", 6))
    assert before != asked(tools, instance, 2) != []
    off = replace(tools, settings=tools.settings.model_copy(update={"lake_catalog": "off"}))
    assert "off" in shown(ran(instance, off))["published"]
    assert asked(off, instance, 3) == []


def test_what_a_bucket_lost_is_sent_again_or_told(
    tools: Toolbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_bucket = tools.settings.model_copy(update={"lake_url": "s3://zone/lake"})
    with Buckets().running() as bucket:
        bucket.let_in(monkeypatch)
        here = replace(tools, settings=in_bucket)
        used(here, "a", ("1", 5), ("2", 6), ("2", 6))
        assert sent_again(here) == 0
        for path in (lost := [lying.path for lying in Objects("s3://zone/lake").all("events")]):
            bucket.remove(f"lake/{path}")
        elsewhere = replace(tools, settings=in_bucket.model_copy(update={"home": tmp_path / "two"}))
        with pytest.raises(LakeError, match="2 files that are needed are gone from s3://zone/lake"):
            sent_again(elsewhere)
        assert sent_again(here) == len(lost) == 2
        assert sent_again(elsewhere) == 0


def test_what_another_program_took_away_makes_the_check_red(tools: Toolbox) -> None:
    used(tools, "a", ("1", 5), ("2", 6))
    publish(tools)
    [check] = [cast(Check[None], check) for check in USAGE_CHECKS if check.name == "lake_is_open"]
    assert check.look is not None
    used(tools, "b", ("3", 6))  # what comes later is no difference
    assert check.look(tools, None).passed
    in_schema = tools.engine.url.update_query_dict({"options": "-csearch_path=flybill_lake"})
    catalog = SqlCatalog("flybill", uri=in_schema.render_as_string(hide_password=False))
    catalog.load_table("usage.events").delete("occurred_at < '2025-10-06T00:00:00'")
    catalog.close()
    finding = check.look(tools, None)
    [row] = finding.metadata["days that differ"].records
    assert not finding.passed
    assert row.data == {
        "day": "2025-10-05", "events by the ledger": 1, "rows of events less left_out": 0, "events by daily": 1
    }  # fmt: skip
    publish(tools)
    assert check.look(tools, None).passed


def test_people_are_told_that_publishing_fails_and_it_is_tried_every_hour(
    instance: dg.DagsterInstance, tools: Toolbox
) -> None:
    assert list(dagster_problems._not_published(instance)) == []
    used(tools, "a", ("1", 5))
    away = replace(tools, settings=tools.settings.model_copy(update={"lake_catalog": "http://127.0.0.1:9"}))
    assert not ran(instance, away).success
    [problem] = dagster_problems._not_published(instance)
    assert "not up to date" in problem.title
    assert asked(away, instance, 1) == asked(away, instance, 2) != []
    assert ran(instance, tools).success
    assert list(dagster_problems._not_published(instance)) == []
