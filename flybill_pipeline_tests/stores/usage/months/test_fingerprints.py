"""What tells that an organization's usage of a month has changed."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.stores.usage.months.monthly_usage import MonthlyUsage
from flybill_pipeline_tests.stores.usage.usage_world import UsageWorld, edge, jsonl

OCTOBER = Month(2026, 10)


def test_a_fingerprint_changes_with_the_usage_of_its_org_and_with_nothing_else(tmp_path: Path, engine: Engine) -> None:
    world = UsageWorld(tmp_path, engine)
    usage = MonthlyUsage(world.lake)
    nothing = usage.version(OCTOBER)
    assert usage.fingerprints(OCTOBER, None) == {}
    first = [edge(1, "acme"), edge(2, "bolt"), edge(3, "bolt", region="us")]
    world.put("edge/1.jsonl", jsonl(*first))
    world.run()
    before, version = usage.fingerprints(OCTOBER, None), usage.version(OCTOBER)
    assert set(before) == {"acme", "bolt"}
    world.put("edge/again.jsonl", jsonl(*first))
    world.run()
    assert usage.fingerprints(OCTOBER, None) == before
    # From one region to another: the sum stays, the price may not.
    world.put("edge/2.jsonl", jsonl(edge(4, "bolt", -1), edge(5, "bolt", 1, region="us")))
    world.run()
    after = usage.fingerprints(OCTOBER, None)
    assert after["acme"] == before["acme"]
    assert after["bolt"] != before["bolt"]
    assert len({nothing, version, usage.version(OCTOBER)}) == 3
    assert usage.fingerprints(OCTOBER, None, ["acme"]) == {"acme": before["acme"]}
    assert usage.fingerprints(OCTOBER.next(), None) == {}
    by_shard = [usage.fingerprints(OCTOBER, shard) for shard in range(16)]
    assert {org: mark for shard in by_shard for org, mark in shard.items()} == after


def test_usage_on_another_day_is_other_usage(tmp_path: Path, engine: Engine) -> None:
    world = UsageWorld(tmp_path, engine)
    world.put("edge/1.jsonl", jsonl(edge(1, "acme", at="2026-10-05T00:00:00Z")))
    world.run()
    before = MonthlyUsage(world.lake).fingerprints(OCTOBER, None)
    world.put("edge/1.jsonl", jsonl(edge(1, "acme", at="2026-10-06T00:00:00Z")))
    world.run()
    after = MonthlyUsage(world.lake).fingerprints(OCTOBER, None)
    assert set(after) == {"acme"}
    assert after != before


def by(world: UsageWorld, aggregation: str) -> MonthlyUsage:
    """Usage for price books that measure traffic by `aggregation`."""
    measures = {Aggregation(aggregation): frozenset({"traffic_gb"})}
    return MonthlyUsage(world.lake, lambda _: measures if aggregation != "sum" else {})


@pytest.mark.parametrize(
    ("aggregation", "changes"),
    [("sum", False), ("max", True), ("latest", True), ("unique_count", True), ("time_weighted", True)],
)
def test_other_events_of_the_same_sum_are_other_usage_where_more_than_the_sum_is_billed(
    tmp_path: Path, engine: Engine, aggregation: str, changes: bool
) -> None:
    world = UsageWorld(tmp_path, engine)
    world.put("edge/1.jsonl", jsonl(edge(1, gb=4, at="2026-10-05T01:00:00Z"), edge(2, gb=5), edge(3, "bolt")))
    world.run()
    before, version = by(world, aggregation).fingerprints(OCTOBER, None), by(world, aggregation).version(OCTOBER)
    world.put("edge/1.jsonl", jsonl(edge(1, gb=6, at="2026-10-05T01:00:00Z"), edge(2, gb=3), edge(3, "bolt")))
    world.run()
    after = by(world, aggregation).fingerprints(OCTOBER, None)
    assert by(world, aggregation).version(OCTOBER) != version
    assert (after["acme"] != before["acme"]) is changes
    assert after["bolt"] == before["bolt"]


def test_a_month_depends_on_the_level_that_it_began_with_and_on_nothing_else_before_it(
    tmp_path: Path, engine: Engine
) -> None:
    world = UsageWorld(tmp_path, engine)
    september = "2026-09-05T00:00:00Z"
    world.put("edge/1.jsonl", jsonl(edge(1, at=september), edge(2, "bolt", at=september), edge(3, "cirrus")))
    world.run()
    levels, sums = by(world, "time_weighted"), by(world, "sum")
    before, summed = levels.fingerprints(OCTOBER, None), sums.fingerprints(OCTOBER, None)
    versions = levels.version(OCTOBER), sums.version(OCTOBER)
    assert set(before) == {"acme", "bolt", "cirrus"}
    assert set(summed) == {"cirrus"}
    # Late: of acme's level another part; of bolt's as much comes as goes.
    world.put(
        "edge/2.jsonl", jsonl(edge(4, at=september), edge(5, "bolt", 7, september), edge(6, "bolt", -7, september))
    )
    world.run()
    after = levels.fingerprints(OCTOBER, None)
    assert {org for org in after if after[org] != before[org]} == {"acme"}
    assert levels.version(OCTOBER) != versions[0]
    assert (sums.fingerprints(OCTOBER, None), sums.version(OCTOBER)) == (summed, versions[1])
    by_shard = [levels.fingerprints(OCTOBER, shard) for shard in range(16)]
    assert {org: mark for shard in by_shard for org, mark in shard.items()} == after


def test_who_has_usage_is_known_and_of_whom_time_alone_adds_to_the_bill(tmp_path: Path, engine: Engine) -> None:
    world = UsageWorld(tmp_path, engine)
    assert by(world, "time_weighted").orgs(OCTOBER, None) == {}
    september = "2026-09-05T00:00:00Z"
    gone = edge(3, "cirrus", at=september), edge(4, "cirrus", -1, at="2026-09-06T00:00:00Z")
    world.put("edge/1.jsonl", jsonl(edge(1), edge(2, "bolt", at=september), *gone))
    world.run()
    assert by(world, "sum").orgs(OCTOBER, None) == {"acme": False}
    assert by(world, "time_weighted").orgs(OCTOBER, None) == {"acme": True, "bolt": True}
    by_shard = [by(world, "time_weighted").orgs(OCTOBER, shard) for shard in range(16)]
    assert {org: grows for shard in by_shard for org, grows in shard.items()} == {"acme": True, "bolt": True}
