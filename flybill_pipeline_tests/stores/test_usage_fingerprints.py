"""What tells that an organization's usage of a month has changed."""

from pathlib import Path

from sqlalchemy import Engine

from flybill_pipeline.billing.period import Month
from flybill_pipeline.stores.monthly_usage import MonthlyUsage
from flybill_pipeline_tests.stores.usage_world import UsageWorld, edge, jsonl

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
