"""What is kept of usage changes no answer: totals of days in one file, levels, measures; and it goes when it is due."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from flybill_pipeline.billing.invoicing.shards import shard_of
from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.billing.usage.totals import EACH_DAY
from flybill_pipeline.stores.usage.lake.lake import Total
from flybill_pipeline.stores.usage.months.gathering import gather
from flybill_pipeline.stores.usage.months.kept_files import KEPT, sweep_kept
from flybill_pipeline.stores.usage.months.monthly_usage import MonthlyUsage
from flybill_pipeline_tests.stores.usage.usage_world import UsageWorld, jsonl

OCTOBER = Month(2026, 10)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
MEASURES = {Aggregation.TIME_WEIGHTED: frozenset({"traffic_gb"})}
ORGS = ("acme", "bolt")


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> UsageWorld:
    return UsageWorld(tmp_path, engine)


def land(world: UsageWorld, *days: int, month: int = 10) -> None:
    events = [
        {"id": uuid4().hex, "org": org, "gb": f"{day}.5", "ts": f"2026-{month:02}-{day:02}T12:00:00Z", "region": "fra"}
        for day in days
        for org in ORGS
    ]
    world.put(f"edge/{uuid4().hex}.jsonl", jsonl(*events))
    world.run(NOW)


def gather_all(world: UsageWorld, before: date = date(2026, 10, 20), own_file_bytes: int = 0) -> None:
    for org in ORGS:
        gather(world.lake, OCTOBER, shard_of(org, world.lake.shards), before, own_file_bytes)


def asked(world: UsageWorld, org: str) -> tuple[Sequence[Total], list[str]]:
    """The totals of an org's days, and the folders of the files that they were read from."""
    shard, days = shard_of(org, world.lake.shards), OCTOBER.days()
    found = world.lake.monthly_totals(days, shard=shard, org_ids=[org], days_from=EACH_DAY)
    places = [Path(place).parent.name for place in world.lake.totals_of(days, shard, [org])]
    return list(found), sorted(places, key=lambda place: place[-2:])


def kept(world: UsageWorld) -> set[str]:
    return {str(file.relative_to(world.lake.root)) for file in world.lake.root.glob("measures/*=*/*.parquet")}


def test_gathered_days_have_the_totals_of_their_days_also_when_one_of_them_changes(world: UsageWorld) -> None:
    land(world, 1, 2, 5, 9, 10, 17, 18, 24)
    of_days = {org: asked(world, org)[0] for org in ORGS}
    gather_all(world)  # of the third span a day is too young, but for its first two
    together = ["from=2026-10-01", "from=2026-10-09", "from=2026-10-17", "day=2026-10-24"]
    for org in ORGS:
        assert asked(world, org) == (of_days[org], together)
    land(world, 2)
    totals, files = asked(world, "acme")
    assert [str(total.quantity) for total in totals[:2]] == ["1.500000000000000000", "5.000000000000000000"]
    assert files == ["day=2026-10-01", "day=2026-10-02", "day=2026-10-05", *together[1:]]
    gather_all(world)
    assert asked(world, "acme") == (totals, together)


@pytest.mark.parametrize("gathered", [False, True])
def test_days_before_the_one_that_is_asked_for_are_one_total_of_that_day(world: UsageWorld, gathered: bool) -> None:
    land(world, 1, 2, 5, 9, 10, 17)
    if gathered:
        gather_all(world)
    shard = shard_of("acme", world.lake.shards)
    for first, told in ((5, {5: "9.5", 9: "9.5", 10: "10.5", 17: "17.5"}), (12, {12: "29.5", 17: "17.5"})):
        days_from = date(2026, 10, first)
        totals = list(world.lake.monthly_totals(OCTOBER.days(), shard=shard, org_ids=["acme"], days_from=days_from))
        assert {total.day.day: plain(total.quantity) for total in totals if total.day} == told
        assert sum(total.events for total in totals) == 6


def test_a_month_that_is_over_is_one_file_and_its_parts_go(world: UsageWorld) -> None:
    land(world, 1, 2, 9, 10)
    of_days = {org: asked(world, org)[0] for org in ORGS}
    gather_all(world)
    parts = kept(world)
    gather_all(world, before=date(2026, 11, 1), own_file_bytes=10**6)
    assert len(kept(world) - parts) == 1  # small days are in one file, of all shards
    for org in ORGS:
        assert asked(world, org) == (of_days[org], ["from=2026-10-01"])
    assert sweep_kept(world.lake, lambda _: (), [], datetime.now(UTC) + KEPT + timedelta(hours=1)) == len(parts)
    assert {org: asked(world, org)[0] for org in ORGS} == of_days


def test_what_no_month_needs_goes_after_some_days_and_nothing_else(world: UsageWorld) -> None:
    def ask() -> None:
        gather_all(world)
        for month in (OCTOBER, OCTOBER.next()):
            assert list(MonthlyUsage(world.lake).of_month(month, None, ["acme"], measures=MEASURES))

    land(world, 20, month=9)
    land(world, 1, 2, 3)
    ask()
    billed, first = world.lake.versions(world.lake.catalog.rollups_before(date.max)), kept(world)
    land(world, 2)
    ask()
    second = kept(world) - first
    land(world, 2)
    ask()
    assert {path.split("/")[1] for path in second} == {"from=2026-10-01", "before=2026-11-01", "day=2026-10-02"}

    def sweep(later: timedelta) -> int:
        return sweep_kept(
            world.lake, MonthlyUsage(world.lake, lambda _: MEASURES).levels_of, [billed], datetime.now(UTC) + later
        )

    now, everything = kept(world) - first - second, kept(world)
    assert now
    for of_somebody in ("a.parquet", "copy/a.parquet", "day=2026-10-02/copy/a.parquet"):
        (world.lake.root / "measures" / of_somebody).parent.mkdir(exist_ok=True)
        (world.lake.root / "measures" / of_somebody).touch()
    assert sweep(KEPT - timedelta(hours=1)) == 0
    assert kept(world) == everything
    assert sweep(KEPT + timedelta(hours=1)) == len(second)
    assert kept(world) == first | now
    ask()  # what is billed, and what is there now, is asked for as before
    assert kept(world) == first | now
    assert (world.lake.root / "measures" / "copy" / "a.parquet").exists()
    for path in now - first:
        (world.lake.root / path).unlink()
    ask()  # and would be made again
    assert kept(world) == first | now
