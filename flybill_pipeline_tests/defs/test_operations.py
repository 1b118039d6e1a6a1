"""The operator's to-do list and the alerts, on a month that was closed for real and in which organizations failed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.definitions import build_defs
from flybill_pipeline.defs.partitions import FAILED_ORG_MONTHS
from flybill_pipeline.settings import load_settings
from flybill_pipeline.steps.alerts.tell_problems import REST
from flybill_pipeline.toolbox.wiring import build_toolbox
from flybill_pipeline_tests.stories.troubled_months import FIRST, USD
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import Emulators
from flybill_pipeline_tests.worlds.impatient import SILENT
from flybill_pipeline_tests.worlds.mailbox import Hook, webhook

JUST_CLOSED = Month.parse(FIRST).end + timedelta(days=3)
LISTED = str(FAILED_ORG_MONTHS.name)


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook() as made:
        yield made


@pytest.fixture
def flybill(deploy: Deployments, emulators: Emulators, hook: Hook) -> Iterator[Flybill]:
    """Two organizations; one is held, as it used a meter that has no price."""
    with emulators.lent() as emulator, deploy(emulator, shards=1) as made:
        made.environment["FLYBILL_ALERT_WEBHOOK_URL"] = hook.url
        made.prices("usd.toml", USD)
        made.import_orgs([{"org_id": org, "name": org, "currency": "usd"} for org in ("acme", "bolt")])
        made.land(
            "usage.jsonl",
            [
                event(1, "acme", 100, f"{FIRST}-05T00:00:00Z"),
                event(2, "bolt", 200, f"{FIRST}-05T00:00:00Z"),
                event(3, "bolt", 7, f"{FIRST}-05T00:00:00Z", "rockets"),
            ],
        )
        assert made("close", FIRST).status == 1
        yield made


@contextmanager
def sensor(flybill: Flybill, name: str) -> Iterator[tuple[Any, dg.DagsterInstance]]:
    """A way to let the sensor look once, as the daemon would, and the instance it looks at."""
    with flybill.dagster() as instance:
        settings = load_settings()
        passed, cursors = [timedelta(0)], list[str | None]([None])
        # When the month has just been closed: a year later, many months would be told of that nobody closed.
        tools = replace(build_toolbox(settings), now=lambda: JUST_CLOSED + passed[0])
        repository = build_defs(settings).get_repository_def()

        def tick(after: timedelta = timedelta(0)) -> Any:
            passed[0] += after
            with dg.build_sensor_context(
                instance=instance, repository_def=repository, resources={"toolbox": tools}, cursor=cursors[-1]
            ) as context:
                data = repository.get_sensor_def(name).evaluate_tick(context)
            cursors.append(data.cursor or cursors[-1])
            for request in data.dynamic_partitions_requests or ():
                _follow(instance, request)
            return data

        yield tick, instance
        tools.close()


def _follow(
    instance: dg.DagsterInstance, request: dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest
) -> None:
    if isinstance(request, dg.AddDynamicPartitionsRequest):
        instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
    else:
        for key in request.partition_keys:
            instance.delete_dynamic_partition(request.partitions_def_name, key)


ROCKETS = """
[meters.rockets]
aggregation = "sum"
unit = "rocket"
[[prices]]
meter = "rockets"
model = "per_unit"
unit_amount = 5
"""


def test_the_to_do_list_is_what_the_ledger_says(flybill: Flybill) -> None:
    with sensor(flybill, "failed_org_months") as (tick, instance):
        (written,) = tick().asset_events
        assert instance.get_dynamic_partitions(LISTED) == [f"{FIRST}/bolt"]
        assert written.partition == f"{FIRST}/bolt"
        words = {name: str(value.value) for name, value in written.metadata.items()}
        assert (words["org_id"], words["month"], words["code"]) == ("bolt", FIRST, "unpriced_meter")
        assert "rockets" in words["what happened"]
        assert words["what to do"] in written.description
        assert "all of them listed" in tick().skip_message
        flybill.sql("update flybill.outcomes set remedy = 'Ask Ann.' where org_id = 'bolt'")
        (again,) = tick().asset_events
        assert again.metadata["what to do"].value == "Ask Ann."
        assert "all of them listed" in tick().skip_message

        billed, month = ("stripe_invoices", "every_org_billed"), ("billed_month", "month_is_billed")
        assert flybill.checks()[billed] == {f"{FIRST}|00": False}
        assert flybill.checks()[month][FIRST] is False
        assert flybill("repair", FIRST, "--org", "bolt").status == 1
        flybill.prices("usd.toml", USD + ROCKETS)
        assert flybill("repair", FIRST, "--org", "bolt").status == 0
        assert flybill.checks()[billed] == {f"{FIRST}|00": True}
        assert flybill.checks()[month][FIRST] is True
        check = dg.AssetCheckKey(dg.AssetKey(billed[0]), billed[1])
        (shown,) = instance.event_log_storage.get_asset_check_partition_info([check])
        assert shown.is_current  # or the check's page would not show it
        # While somebody's run of the key is under way, the key stays.
        run = instance.create_run_for_job(
            build_defs(load_settings()).resolve_job_def("repair_org_month"),
            tags={"dagster/partition": f"{FIRST}/bolt"},
            status=dg.DagsterRunStatus.STARTING,
        )
        tick()
        assert instance.get_dynamic_partitions(LISTED) == [f"{FIRST}/bolt"]
        instance.report_run_canceled(run)
        instance.add_dynamic_partitions(LISTED, ["typed by hand"])
        tick()
        assert instance.get_dynamic_partitions(LISTED) == []


def test_a_repair_that_met_a_silent_stripe_stays_on_the_list(flybill: Flybill) -> None:
    with sensor(flybill, "failed_org_months") as (tick, instance):
        tick()
        flybill.prices("usd.toml", USD + ROCKETS)
        silent = flybill("repair", FIRST, "--org", "bolt", STRIPE_API_BASE=SILENT)
        assert silent.status == 1
        assert "stays on the list" in silent.err
        tick()
        assert instance.get_dynamic_partitions(LISTED) == [f"{FIRST}/bolt"]
        assert flybill("repair", FIRST, "--org", "bolt").status == 0
        tick()
        assert instance.get_dynamic_partitions(LISTED) == []


def test_a_run_of_many_keys_repairs_those_that_were_mended_and_names_the_others(flybill: Flybill) -> None:
    flybill.import_orgs([{"org_id": "comet", "name": "comet", "currency": "usd"}])
    flybill.land("comet.jsonl", [event("c1", "comet", 3, f"{FIRST}-06T00:00:00Z", "missiles")])
    assert flybill("close", FIRST).status == 1
    flybill.prices("usd.toml", USD + ROCKETS)
    keys = [f"{FIRST}/bolt", f"{FIRST}/comet"]
    with sensor(flybill, "failed_org_months") as (tick, instance):
        tick()
        assert instance.get_dynamic_partitions(LISTED) == keys
        ran = (
            build_defs(load_settings())
            .resolve_job_def("repair_org_month")
            .execute_in_process(
                instance=instance,
                raise_on_error=False,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                tags={
                    "dagster/asset_partition_range_start": keys[0],
                    "dagster/asset_partition_range_end": keys[1],
                },
            )
        )
        assert not ran.success
        (failure,) = [each for each in ran.all_events if each.is_step_failure]
        assert "comet is not mended yet: The usd price book" in failure.step_failure_data.error_display_string
        found = instance.get_status_by_partition(dg.AssetKey("failed_org_months"), keys, FAILED_ORG_MONTHS) or {}
        assert [found[key] for key in keys] == [
            dg.AssetPartitionStatus.MATERIALIZED,
            dg.AssetPartitionStatus.FAILED,
        ]
        tick()
        assert instance.get_dynamic_partitions(LISTED) == keys[1:]
    assert flybill("status", FIRST, "--json").json()["sync"] == {"finalized": 2}


def test_who_waits_and_why_is_told_once_and_that_it_is_over(flybill: Flybill, hook: Hook) -> None:
    with sensor(flybill, "alerts") as (tick, _):
        assert "1 messages sent" in tick().skip_message
        assert "0 messages sent" in tick().skip_message
        (told,) = hook.texts
        assert f"{FIRST}: 1 organization held" in told
        assert "1 organization (bolt)" in told
        assert "rockets" in told
        flybill.prices("usd.toml", USD + ROCKETS)
        assert flybill("repair", FIRST, "--org", "bolt").status == 0
        tick(after=REST)
        assert hook.texts[1].startswith(f"*flybill: resolved: {FIRST}: 1 organization held")


def test_thousands_of_files_are_asked_for_at_once_and_none_of_them_twice(flybill: Flybill) -> None:
    landing = flybill.home / "home" / "landing" / "usage"
    for number in range(1100):
        (landing / f"many-{number:04d}.jsonl").write_text("{}\n")
    with sensor(flybill, "landed_files_arrived") as (tick, _):
        (asked,) = tick().run_requests
        assert [request.run_key for request in tick().run_requests] == [asked.run_key]
        (landing / "one-more.jsonl").write_text("{}\n")
        (more,) = tick().run_requests
        assert more.run_key != asked.run_key
    with flybill.dagster():
        tools = build_toolbox(load_settings())
        assert len(tools.unread_files()) == 1101
        tools.catalog.arrivals(tools.landing.files(), datetime.now(UTC))
        tools.close()
    flybill.sql("update flybill.landed_files set state = 'taken'")
    with sensor(flybill, "landed_files_arrived") as (tick, _):
        assert tick().skip_message == "nothing new has landed"
        (landing / "many-0007.jsonl").write_text('{"other": 1}\n')
        assert len(tick().run_requests) == 1


def test_what_a_command_ran_stands_on_the_page_of_its_job(flybill: Flybill) -> None:
    # This tag is what the page asks for, and the origin what the timeline does: see them at a run of a schedule's.
    page = dg.RunsFilter(job_name="close_month", tags={".dagster/repository": "__repository__@flybill_pipeline"})
    with flybill.dagster() as instance:
        (run,) = instance.get_runs(page)
        assert run.remote_job_origin is not None
        assert run.remote_job_origin.repository_origin.get_selector().location_name == "flybill_pipeline"
