"""What Dagster loads: it loads anywhere, it is what the list below says, and its instance boots on Postgres."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.workspace.load import location_origins_from_yaml_paths
from dagster._core.workspace.load_target import get_origins_from_toml

from flybill_pipeline.definitions import build_defs
from flybill_pipeline.defs.asset_facts import ASSETS
from flybill_pipeline.operating.job_runs import CODE_LOCATION
from flybill_pipeline.settings import load_settings
from flybill_pipeline_tests.conftest import PROJECT
from flybill_pipeline_tests.worlds.databases import fresh_databases

EVERYTHING = """
asset billed_month [month]
asset daily_usage [day]
asset failed_org_months [failed_org_months]
asset finalized_invoices [month, shard]
asset focus_exports [month]
asset landed_files
asset monthly_line_items [month, shard]
asset open_lake
asset raw_usage [day]
asset stripe_invoices [month, shard] pool=stripe
asset stripe_payments
asset stripe_reconciliation [month]
asset verified_invoices [month]
check billed_month:month_is_billed
check finalized_invoices:every_org_has_an_outcome
check finalized_invoices:lines_sum_to_invoice blocking
check landed_files:no_source_is_silent
check landed_files:quarantine_is_small
check monthly_line_items:every_meter_priced
check monthly_line_items:no_level_is_below_zero
check monthly_line_items:revenue_is_usual
check open_lake:lake_is_open
check raw_usage:no_conflicting_ids
check raw_usage:volume_is_usual
check stripe_invoices:every_org_billed
check stripe_invoices:no_invoice_waits_long
check stripe_invoices:retries_left
check stripe_reconciliation:months_are_closed
check stripe_reconciliation:nothing_lost
check stripe_reconciliation:totals_match_stripe
check verified_invoices:priced_again_they_are_the_same
job close_month: finalized_invoices monthly_line_items stripe_invoices
job export_month: focus_exports
job forget_old_runs:
job ingest_usage: daily_usage raw_usage
job price_month: monthly_line_items
job publish_lake: open_lake
job read_landed_files: landed_files
job read_payments: stripe_payments
job reconcile_month: billed_month stripe_reconciliation
job repair_org_month: failed_org_months
job show_month: billed_month
job verify_month: verified_invoices
schedule close_last_month 0 6 3 * *
schedule export_last_months 0 9 * * *
schedule keep_history_small 30 3 * * *
schedule price_open_month 15 * * * *
schedule publish_open_lake 45 * * * *
schedule reconcile_last_months 0 8 * * *
schedule verify_last_months 0 5 * * 1
sensor alerts
sensor billed_months
sensor days_to_record
sensor failed_org_months
sensor landed_files_arrived
sensor outgoing
sensor retry_failed_partitions
sensor stripe_events
"""


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    return build_defs(load_settings({})).get_repository_def()


def cut(partitions: dg.PartitionsDefinition[str] | None) -> str:
    """How an asset is cut, in a few words."""
    match partitions:
        case None:
            return ""
        case dg.MultiPartitionsDefinition():
            return f" [{', '.join(sorted(partition.name for partition in partitions.partitions_defs))}]"
        case dg.DynamicPartitionsDefinition():
            return f" [{partitions.name}]"
        case dg.MonthlyPartitionsDefinition():
            return " [month]"
        case dg.DailyPartitionsDefinition():
            return " [day]"
    return f" [{type(partitions).__name__}]"


def listed(repository: dg.RepositoryDefinition) -> list[str]:
    graph = repository.asset_graph
    found = []
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        pool = " pool=stripe" if "stripe" in (node.pools or ()) and key.to_user_string() == "stripe_invoices" else ""
        found.append(f"asset {key.to_user_string()}{cut(node.partitions_def)}{pool}")
    for check in graph.asset_check_keys:
        blocking = " blocking" if graph.get(check).blocking else ""
        found.append(f"check {check.asset_key.to_user_string()}:{check.name}{blocking}")
    for job in repository.get_all_jobs():
        if not job.name.startswith("__"):
            assets = sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys)
            found.append(f"job {job.name}: {' '.join(assets)}".rstrip())
    found += [f"schedule {schedule.name} {schedule.cron_schedule}" for schedule in repository.schedule_defs]
    found += [f"sensor {sensor.name}" for sensor in repository.sensor_defs]
    return sorted(found)


def test_these_are_all_definitions_there_are(repository: dg.RepositoryDefinition) -> None:
    assert listed(repository) == EVERYTHING.split("\n")[1:-1]


def test_every_asset_tells_an_operator_what_it_is(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.description, key
        assert node.kinds, key
        assert node.owners == ["team:billing"], key
        assert node.group_name in {"usage", "billing", "stripe", "repairs", "month"}, key


def test_every_job_schedule_and_sensor_tells_what_it_does(repository: dg.RepositoryDefinition) -> None:
    told = {job.name: job.description for job in repository.get_all_jobs() if not job.name.startswith("__")}
    told |= {schedule.name: schedule.description for schedule in repository.schedule_defs}
    told |= {sensor.name: sensor.description for sensor in repository.sensor_defs}
    assert [name for name, description in told.items() if not (description or "").endswith(".")] == []


def test_an_asset_says_what_it_writes_and_what_a_row_of_its_table_is(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    assert {key.to_user_string() for key in graph.materializable_asset_keys} == set(ASSETS)
    lines = graph.get(dg.AssetKey("monthly_line_items"))
    assert lines.tags["flybill/writes"] == "ledger"
    assert lines.metadata["dagster/table_name"] == "flybill.line_items"
    [amount] = [c for c in lines.metadata["dagster/column_schema"].columns if c.name == "amount_minor"]
    assert (amount.type, amount.constraints.nullable) == ("BIGINT", False)
    assert graph.get(dg.AssetKey("landed_files")).freshness_policy is not None
    schemas = {key: graph.get(key).metadata.get("dagster/column_schema") for key in graph.materializable_asset_keys}
    columns = [(key, each) for key, schema in schemas.items() if schema for each in schema.columns]
    assert [(key.to_user_string(), each.name) for key, each in columns if not each.description] == []


@pytest.mark.parametrize(
    ("tree", "file"),
    [
        ("https://github.example/you/flybill/tree/main", "https://github.example/you/flybill/tree/main/{}#L"),
        ("https://git.example/you/flybill/-/tree/v1.2", "https://git.example/you/flybill/-/tree/v1.2/{}#L"),
    ],
)
def test_links_to_code_lead_to_the_code_host_where_it_is_known(tree: str, file: str) -> None:
    graph = build_defs(load_settings({"FLYBILL_CODE_URL": tree})).get_repository_def().asset_graph
    [link] = graph.get(dg.AssetKey("billed_month")).metadata["dagster/code_references"].code_references
    assert link.url.startswith(file.format("flybill_pipeline/defs/assets/month.py"))


def test_what_speaks_to_stripe_takes_turns(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    pools = {key.to_user_string(): graph.get(key).pools for key in graph.materializable_asset_keys}
    assert {name for name, found in pools.items() if "stripe" in (found or ())} == {
        "stripe_invoices",
        "failed_org_months",
    }


def test_whoever_starts_dagster_in_the_projects_root_finds_our_code_where_our_commands_put_their_runs() -> None:
    toml = PROJECT / "pyproject.toml"
    (dev,) = get_origins_from_toml(str(toml))
    (workspace,) = location_origins_from_yaml_paths([str(PROJECT / "workspace.yaml")])
    found = {(origin.location_name, origin.loadable_target_origin.module_name) for origin in (dev, workspace)}
    assert found == {(CODE_LOCATION, build_defs.__module__)}
    assert tomllib.loads(toml.read_text())["tool"]["dg"]["project"]["code_location_name"] == CODE_LOCATION


def test_they_load_in_a_fresh_interpreter_without_any_environment(tmp_path: Path) -> None:
    program = (
        "import json, sys\n"
        "from flybill_pipeline.definitions import defs\n"
        "repository = defs().get_repository_def()\n"
        "print(json.dumps(sorted(key.to_user_string() for key in repository.asset_graph.materializable_asset_keys)))\n"
        "assert not {'stripe', 'pandas', 'duckdb', 'pyiceberg'} & set(sys.modules)  # every run would pay for them\n"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == 13
    assert list(tmp_path.iterdir()) == []


def test_the_instance_boots_on_postgres_and_keeps_what_dagster_yaml_says(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    with fresh_databases(postgres_url, "dagster") as (url,):
        monkeypatch.setenv("FLYBILL_DAGSTER_DATABASE_URL", url)
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            assert instance.run_storage.__class__.__module__.startswith("dagster_postgres")

            @dg.asset
            def anything() -> None: ...

            assert dg.materialize([anything], instance=instance).success
            assert instance.get_latest_materialization_event(dg.AssetKey("anything")) is not None
            assert instance.telemetry_enabled is False
            concurrency = instance.get_concurrency_config().pool_config
            assert concurrency.default_pool_limit == 1
            assert instance.run_retries_enabled
            assert instance.get_settings("run_retries")["retry_on_asset_or_op_failure"] is False
