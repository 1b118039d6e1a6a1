"""A day's totals are exact, carry the shard that Python computes, and follow the day's last recording."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from sqlalchemy import Engine

from flybill_pipeline.billing.invoicing.shards import shard_of
from flybill_pipeline.billing.money.decimals import exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.totals import EACH_DAY
from flybill_pipeline.steps.usage.compile_usage import compile_day
from flybill_pipeline.steps.usage.record_usage import record_day
from flybill_pipeline.stores.usage.months.monthly_usage import MonthlyUsage
from flybill_pipeline_tests.stores.usage.usage_world import DAY, UsageWorld, edge, jsonl


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> UsageWorld:
    return UsageWorld(tmp_path, engine)


def test_totals_are_exact_sums_by_org_meter_and_dimensions(world: UsageWorld) -> None:
    thousand = [edge(n, gb=0.1) for n in range(1000)]
    world.put("edge/a.jsonl", jsonl(*thousand, edge("c", gb=-0.3), edge("u", region="us", at="2026-10-06T05:00:00Z")))
    world.run()
    assert [(total.dimensions, total.quantity, total.events, total.month) for total in world.totals()] == [
        ('{"region":"eu"}', Decimal("99.7"), 1001, "2026-10"),
        ('{"region":"us"}', Decimal(1), 1, "2026-10"),
    ]
    assert [total.day for total in world.totals(days_from=EACH_DAY)] == [DAY, date(2026, 10, 6)]


def test_the_lake_and_python_agree_on_every_shard(world: UsageWorld) -> None:
    orgs = [f"org-{n}" for n in range(500)] + ["ünïcode", "with space", "'quoted'"]
    world.put("edge/a.jsonl", jsonl(*(edge(n, org=org) for n, org in enumerate(orgs))))
    world.run()
    path = world.lake.root / world.catalog.rollups([DAY])[DAY]
    with duckdb.cursor() as connection:
        found = dict(connection.execute(f"select org_id, shard from read_parquet('{path}')").fetchall())
    assert found == {org: shard_of(org, 16) for org in orgs}
    by_shard = [total.org_id for shard in range(16) for total in world.totals(shard=shard)]
    assert sorted(by_shard) == sorted(orgs)
    assert [total.org_id for total in world.totals(org_ids=["org-7", "org-3"])] == ["org-3", "org-7"]


def test_a_sum_that_no_decimal_holds_waits_and_stops_nobody(world: UsageWorld) -> None:
    def rows(org: str, count: int, quantity: str) -> str:
        return "".join(f"{org}{n},{org},m,{quantity},2026-10-05,,\n" for n in range(count))

    head, half = "id,org,meter,seconds,ts,size,region\n", rows("huge", 501, "999999999999999.9")
    world.put("machines/a.csv", head + half + half + rows("acme", 2, "3.5") + "o,huge,other,5,2026-10-05,,\n")
    world.run()
    with exact():
        assert world.quantities() == {"acme": "7", "huge": format(501 * Decimal("999999999999999.9") + 5, "f")}
    again = [f"again{row}" for row in half.splitlines(keepends=True)]
    world.put("machines/b.csv", head + "".join(again))
    world.run()
    assert world.quantities() == {"acme": "7", "huge": "5"}
    assert world.lake.by_meter([DAY]) == {"m": 7, "other": 5}
    manifest = world.catalog.manifest(DAY)
    assert manifest is not None
    assert (manifest.rows, manifest.duplicates, manifest.too_large) == (3, 501, 1002)
    assert {row.org_id for row in world.lake.excluded([DAY], "too_large")} == {"huge"}
    assert MonthlyUsage(world.lake).numbers(Month(2026, 10))["quarantined"] == 1002
    assert not record_day(DAY, world.lake, world.catalog).changed


def test_a_quantity_that_is_too_large_waits_in_quarantine_and_stops_nobody(world: UsageWorld) -> None:
    world.put("edge/a.jsonl", jsonl(edge(1), *(edge(f"h{n}", org="huge", gb="99999999999999999999") for n in range(3))))
    world.run()
    assert world.quantities() == {"acme": "1"}
    assert {row.reason for row in world.lake.quarantine()} == {"quantity_too_large"}
    assert "record it in a larger unit" in next(iter(world.lake.quarantine())).message


def test_a_day_that_lost_all_its_rows_has_no_totals(world: UsageWorld) -> None:
    world.put("edge/a.jsonl", jsonl(edge(1)))
    world.run()
    world.put("edge/a.jsonl", jsonl(edge(1, at="2026-10-07T00:00:00Z")))
    world.run()
    assert [total.day for total in world.totals(days_from=EACH_DAY)] == [date(2026, 10, 7)]
    assert list(world.lake.events("acme", [DAY])) == []


def test_a_day_that_was_never_recorded_is_no_error(world: UsageWorld) -> None:
    assert compile_day(DAY, world.lake, world.catalog).rows == 0
    assert world.totals([DAY]) == []
    assert world.lake.by_meter([DAY]) == {}
