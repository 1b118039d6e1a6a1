"""The page of a month: what it shows, and that it is made again when, and only when, something of it changed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from flybill_pipeline.billing.invoicing.outcomes import HoldReason
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.breaker import OpenBreaker
from flybill_pipeline.billing.usage.tables import LastLook, TakenTable
from flybill_pipeline.definitions import build_defs
from flybill_pipeline.defs.assets.month import month_assets
from flybill_pipeline.defs.metadata.month import month_metadata
from flybill_pipeline.defs.month_sensor import month_sensor
from flybill_pipeline.defs.partitions import Partitions, month_key
from flybill_pipeline.questions.month_billed import month_billed
from flybill_pipeline.stores.invoicing.first_month import UsageBefore
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.stores.billing_world import MONTH, BillingWorld

PARTITIONS = Partitions(MONTH.previous().previous(), 1)
UNPRICED = (HoldReason("unpriced_meter", "Rockets have no price.", "Add one."),)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def shown(
    instance: dg.DagsterInstance, tools: Toolbox, month: Month = MONTH
) -> tuple[dict[str, Any], dg.AssetCheckEvaluation]:
    """The page of the month and its check, made now."""
    ran = dg.materialize(
        month_assets(PARTITIONS),
        partition_key=month_key(month),
        instance=instance,
        resources={"toolbox": tools},
        run_config=QUIET,
    )
    pages, checks = ran.asset_materializations_for_node("billed_month"), ran.get_asset_check_evaluations()
    [page] = [each for each in pages if each.partition == month_key(month)]
    [check] = [each for each in checks if each.partition == month_key(month)]
    return {n: v if isinstance(v, dg.TableMetadataValue) else v.value for n, v in page.metadata.items()}, check


def asked(instance: dg.DagsterInstance, tools: Toolbox) -> list[str]:
    """The months whose page the sensor asks for now."""
    [sensor] = [month_sensor(PARTITIONS, dg.DefaultSensorStatus.STOPPED, 60)]
    repository = build_defs(tools.settings, toolbox=tools).get_repository_def()
    with dg.build_sensor_context(instance=instance, repository_def=repository, resources={"toolbox": tools}) as context:
        return [str(request.partition_key) for request in sensor.evaluate_tick(context).run_requests or ()]


def test_the_page_says_who_waits_for_what_and_its_check_is_red(
    instance: dg.DagsterInstance, tools: Toolbox, world: BillingWorld
) -> None:
    world.draft({"acme": 500, "bolt": 7}, problems=UNPRICED)
    world.finalize()
    page, check = shown(instance, replace(tools, settings=tools.settings.model_copy(update={"ui_url": "https://ui/"})))
    assert page["in one sentence"].startswith("2 of 2 organizations wait: 2 are held (unpriced_meter).")
    assert not check.passed
    assert check.description == page["in one sentence"]
    assert (page["organizations"], page["organizations that wait"]) == (2, 2)
    assert page["who waits, and what to do"].records[0].data == {  # more does not fit: it would push the sentence out
        "org_id": "acme",
        "what happened": "Rockets have no price.",
        "what to do": "Add one.",
    }
    rest = page["who waits: what the customer reads"].records[0].data
    assert (rest["org_id"], rest["code"]) == ("acme", "finalize: unpriced_meter")
    assert "next attempt" not in rest  # nor more here, where nobody is tried again by himself
    assert page["the to-do list"] == "https://ui/assets/failed_org_months?view=events"
    assert page["usd: revenue by meter"].records[0].data["value"] == "$5.07"


def test_the_page_leads_to_the_to_do_list_wherever_it_is_opened(
    instance: dg.DagsterInstance, tools: Toolbox, world: BillingWorld
) -> None:
    world.draft({"acme": 500}, problems=UNPRICED)
    world.finalize()
    page, check = shown(instance, tools)
    assert page["the to-do list"] == check.metadata["the to-do list"].value == "/assets/failed_org_months?view=events"


def test_the_page_says_which_usage_no_month_bills(tools: Toolbox, world: BillingWorld) -> None:
    world.draft({"acme": 500})
    billed = month_billed(tools, MONTH)
    assert "usage that no month bills" not in month_metadata(billed)
    before = replace(billed.overview, first=MONTH, usage_before=UsageBefore(Month(2024, 12), MONTH.previous()))
    page = month_metadata(replace(billed, overview=before))
    assert page["usage that no month bills"] == (
        "2024-12 to 2025-09: before 2025-10, the first month that was closed here"
    )


def test_the_page_says_up_to_where_usage_of_an_engine_is_counted(tools: Toolbox, world: BillingWorld) -> None:
    world.draft({"acme": 500})
    billed = month_billed(tools, MONTH)
    at = datetime(2025, 11, 1, 4, 30, tzinfo=UTC)
    tables = [
        TakenTable("warehouse", LastLook(at, at), "1234", 30, 900, True),
        TakenTable("new", None, None, 0, 0, True),
    ]
    page = month_metadata(replace(billed, overview=replace(billed.overview, tables=tables)))
    taken, never = page["usage that stays in an engine"].records
    behind = "what came since does not count yet"
    assert taken.data == {
        "source": "warehouse",
        "its table": f"looked at 2025-11-01 04:30 UTC: {behind}",
        "counted up to": "1234",
        "rows": 900,
    }
    assert never.data["its table"] == f"never looked at: {behind}"


def test_who_waits_for_a_person_stands_before_those_who_are_tried_again_by_themselves(
    tools: Toolbox, world: BillingWorld
) -> None:
    world.draft({"acme": 500}, problems=UNPRICED)
    world.finalize()
    billed = month_billed(tools, MONTH)
    [held] = billed.overview.bills.failures
    again = replace(
        held, org_id="aaa", stage="sync", code="no_answer", next_attempt_at=datetime(2025, 11, 4, tzinfo=UTC)
    )
    bills = replace(billed.overview.bills, failures=[again, held])
    page = month_metadata(replace(billed, overview=replace(billed.overview, bills=bills)))
    assert [row.data["org_id"] for row in page["who waits, and what to do"].records] == ["acme", "aaa"]
    rest = page["who waits: what the customer reads"].records
    assert [row.data["next attempt"] for row in rest] == ["after it is mended", "2025-11-04 00:00:00 UTC"]


def test_the_page_says_what_stops_the_calls_of_everybody_and_what_to_do(tools: Toolbox, world: BillingWorld) -> None:
    world.draft({"acme": 500})
    world.finalize()
    billed = month_billed(tools, MONTH)
    since, until = datetime(2025, 11, 4, 6, 0, tzinfo=UTC), datetime(2025, 11, 4, 6, 15, tzinfo=UTC)
    refused = OpenBreaker("refused", "bad_key", "The key is invalid.", "Set another one.", None, since, until, 0)
    sync = replace(billed.overview.sync, breaker=refused)
    page = month_metadata(replace(billed, overview=replace(billed.overview, sync=sync)))
    told = "The key is invalid. No calls are made since 2025-11-04 06:00:00 UTC. → Set another one."
    assert page["why nothing goes to Stripe"] == told


def test_a_month_that_waits_is_what_is_seen_first_whichever_page_was_made(
    instance: dg.DagsterInstance, tools: Toolbox, world: BillingWorld
) -> None:
    world.draft({"acme": 500}, problems=UNPRICED)
    world.finalize()
    shown(instance, tools)
    _, check = shown(instance, tools, MONTH.next())
    assert check.passed
    last = instance.get_latest_materialization_event(dg.AssetKey("billed_month"))
    assert last is not None and last.asset_materialization is not None
    assert last.asset_materialization.partition == month_key(MONTH)
    assert str(last.asset_materialization.metadata["in one sentence"].value).startswith("1 of 2 organizations wait")
    key = check.asset_check_key
    newest = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert newest.evaluation is not None and not newest.evaluation.passed
    assert newest.evaluation.partition == month_key(MONTH)
    infos = instance.event_log_storage.get_asset_check_partition_info([key])
    assert {info.partition_key: info.is_current for info in infos} == dict.fromkeys(
        [month_key(MONTH), month_key(MONTH.next())], True
    )
    assert asked(instance, tools) == []


def test_with_the_first_page_of_a_month_that_ended_the_running_one_has_a_page_too(
    instance: dg.DagsterInstance, tools: Toolbox, world: BillingWorld
) -> None:
    """Else Dagster shows the month as undone in its lineage, where everybody is done."""
    world.draft({"acme": 500})
    world.finalize()
    for _ in range(2):
        shown(instance, replace(tools, now=lambda: datetime(2025, 11, 4, tzinfo=UTC)))
    made = instance.fetch_materializations(dg.AssetKey("billed_month"), limit=9).records
    assert [each.partition_key for each in made] == [month_key(each) for each in (MONTH, MONTH, MONTH.next())]


def test_where_several_months_wait_each_page_and_check_names_the_others(
    instance: dg.DagsterInstance, tools: Toolbox, world: BillingWorld
) -> None:
    for month in (MONTH.previous(), MONTH):
        world.draft({"acme": 500}, month, problems=UNPRICED)
        world.finalize(month)
    first, _ = shown(instance, tools, MONTH.previous())
    assert "other months that wait" not in first
    page, check = shown(instance, tools)
    told = f"{MONTH.previous()}: each has its page under Partitions"
    assert page["other months that wait"] == check.metadata["other months that wait"].value == told


def test_it_is_made_again_when_something_of_the_month_changed(
    instance: dg.DagsterInstance, tools: Toolbox, world: BillingWorld
) -> None:
    assert asked(instance, tools) == []  # nothing is known of any month
    world.draft({"acme": 500})
    world.draft({"acme": 500}, MONTH.next())
    assert asked(instance, tools) == [month_key(MONTH), month_key(MONTH.next())]
    shown(instance, tools, MONTH.next())
    assert asked(instance, tools) == [month_key(MONTH)]
    world.finalize()
    world.draft({"acme": 700}, MONTH.next())
    assert asked(instance, tools) == [month_key(MONTH), month_key(MONTH.next())]
    shown(instance, tools)
    assert asked(instance, tools) == [month_key(MONTH.next())]
