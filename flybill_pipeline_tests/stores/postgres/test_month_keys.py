"""Dagster's history from the days when October 2026 was `2026-10-01`: all of it is there under `2026-10`."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.definitions import build_defs
from flybill_pipeline.defs.partitions import Partitions
from flybill_pipeline.settings import load_settings
from flybill_pipeline.stores.postgres.month_keys import MONTH_ASSETS, name_months

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
NAMED = Partitions(Month(2026, 9), 2)
BY_FIRST_DAY = dg.MonthlyPartitionsDefinition(start_date="2026-09-01", end_offset=1)
SHARDS_BY_FIRST_DAY = dg.MultiPartitionsDefinition({"month": BY_FIRST_DAY, "shard": NAMED.shards})
SUCCESS, FAILURE = dg.AssetPartitionStatus.MATERIALIZED, dg.AssetPartitionStatus.FAILED
OF_SHARD = dg.AssetCheckKey(dg.AssetKey("stripe_invoices"), "every_org_billed")
OF_MONTH = dg.AssetCheckKey(dg.AssetKey("billed_month"), "month_is_billed")


def assets(partitions: dict[str, "dg.PartitionsDefinition[Any]"]) -> list[dg.AssetsDefinition]:
    """One cut in each way, with a check; shard 01 fails, and a day is named as a month was."""

    def asset(name: str, check: str) -> dg.AssetsDefinition:
        cut = partitions[name]

        @dg.asset(name=name, partitions_def=cut, check_specs=[dg.AssetCheckSpec(check, asset=name, partitions_def=cut)])
        def made(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
            if context.partition_key.endswith("|01"):
                raise dg.Failure("Stripe is down", allow_retries=False)
            said = {"silent days": "2026-10-01"}
            return dg.MaterializeResult(metadata=said, check_results=[dg.AssetCheckResult(passed=True)])

        return made

    checks = ("days_agree", "every_org_billed", "month_is_billed")
    return [asset(name, check) for name, check in zip(partitions, checks, strict=True)]


OLD = assets({"daily_usage": NAMED.days, "stripe_invoices": SHARDS_BY_FIRST_DAY, "billed_month": BY_FIRST_DAY})
NEW = assets({"daily_usage": NAMED.days, "stripe_invoices": NAMED.month_shards, "billed_month": NAMED.months})


@contextmanager
def instance(folder: Path, storage: dict[str, Any]) -> Iterator[dg.DagsterInstance]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with dg.DagsterInstance.local_temp(
            str(folder), overrides={"storage": storage, "telemetry": {"enabled": False}}
        ) as opened:
            yield opened


def materialize(dagster: dg.DagsterInstance, asset: dg.AssetsDefinition, key: str, **tags: str) -> None:
    job = dg.Definitions(assets=[asset], executor=dg.in_process_executor).resolve_implicit_global_asset_job_def()
    job.execute_in_process(
        partition_key=key,
        instance=dagster,
        raise_on_error=False,
        run_config=QUIET,
        tags=tags,
        asset_selection=[asset.key],
    )


def backfill(dagster: dg.DagsterInstance, keys: list[str]) -> None:
    graph = dg.Definitions(assets=OLD).resolve_asset_graph()
    dagster.add_backfill(
        PartitionBackfill.from_asset_partitions(
            backfill_id="clicked",
            asset_graph=graph,
            partition_names=keys,
            asset_selection=[OF_MONTH.asset_key],
            backfill_timestamp=1_790_000_000.0,
            tags={},
            dynamic_partitions_store=dagster,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
    )


def test_a_history_with_months_by_their_first_day_is_brought_over(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days, shards, months = OLD
    with instance(tmp_path, {"postgres": {"postgres_url": database_url}}) as dagster:
        materialize(dagster, days, "2026-10-01")
        for shard in ("00", "01"):
            key = dg.MultiPartitionKey({"month": "2026-10-01", "shard": shard})
            materialize(dagster, shards, key, **{"dagster/run_key": f"close-{key}-with-2026-11"})
        materialize(dagster, months, "2026-10-01")
        backfill(dagster, ["2026-10-01"])

    monkeypatch.setenv("FLYBILL_DAGSTER_DATABASE_URL", database_url)
    home = {"custom": {"module": "flybill_pipeline.operating.home_storage", "class": "HomeStorage", "config": {}}}
    with instance(tmp_path, home) as dagster:
        assert statuses(dagster) == [
            {"2026-10-01": SUCCESS},
            {"2026-10|00": SUCCESS, "2026-10|01": FAILURE},
            {"2026-10": SUCCESS},
        ]
        recorded = [materialization(dagster, key) for key in ("daily_usage", "stripe_invoices", "billed_month")]
        assert [each.partition for each in recorded] == ["2026-10-01", "2026-10|00", "2026-10"]
        assert (recorded[1].tags or {})["dagster/partition/month"] == "2026-10"
        assert {each.metadata["silent days"].value for each in recorded} == {"2026-10-01"}  # no key: as it was said
        assert newest(dagster, OF_SHARD, "2026-10|00") == newest(dagster, OF_MONTH, "2026-10") == "SUCCEEDED"
        assert runs(dagster, "2026-10|01") == [("FAILURE", "close-2026-10|01-with-2026-11")]
        assert runs(dagster, "2026-10") == [("SUCCESS", None)]
        assert runs(dagster, "2026-10-01") == [("SUCCESS", None)]  # the day's
        clicked = dagster.get_backfill("clicked")
        assert clicked is not None and clicked.status == BulkActionStatus.REQUESTED
        asked = clicked.get_asset_backfill_data(dg.Definitions(assets=NEW).resolve_asset_graph()).target_subset
        assert [str(each.partition_key) for each in asked.iterate_asset_partitions()] == ["2026-10"]


def statuses(dagster: dg.DagsterInstance) -> list[dict[str, dg.AssetPartitionStatus]]:
    """What the pages of the assets show for each partition of which anything is known."""
    shown = []
    for asset in NEW:
        keys = asset.partitions_def.get_partition_keys() if asset.partitions_def else []
        found = dagster.get_status_by_partition(asset.key, keys, asset.partitions_def) or {}  # type: ignore[arg-type]
        shown.append({key: status for key, status in found.items() if status is not None})
    return shown


def materialization(dagster: dg.DagsterInstance, asset: str) -> dg.AssetMaterialization:
    found = dagster.get_latest_materialization_event(dg.AssetKey(asset))
    assert found is not None and found.asset_materialization is not None
    return found.asset_materialization


def newest(dagster: dg.DagsterInstance, check: dg.AssetCheckKey, key: str) -> str:
    of_key = PartitionKeyFilter(key=key)
    [found] = dagster.event_log_storage.get_latest_asset_check_execution_by_key([check], of_key).values()
    assert found.event is not None
    evaluation = found.event.dagster_event.asset_check_evaluation_data  # type: ignore[union-attr]
    assert evaluation.partition == key
    return found.status.value


def runs(dagster: dg.DagsterInstance, key: str) -> list[tuple[str, str | None]]:
    found = dagster.get_runs(dg.RunsFilter(tags={"dagster/partition": key}))
    assert all(run.tags["dagster/partition"] == key for run in found)
    return [(run.status.value, run.tags.get("dagster/run_key")) for run in found]


def test_what_has_one_partition_a_month_is_all_in_the_list(database_url: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = build_defs(load_settings({})).resolve_asset_graph()
    monthly = dg.MonthlyPartitionsDefinition
    assert {node.key.to_user_string() for node in graph.asset_nodes if isinstance(node.partitions_def, monthly)} >= set(
        MONTH_ASSETS
    )
    name_months(database_url)  # Dagster has no tables there yet
