"""The days of the lake on every engine that is there: the same totals as ours to the last digit, or none."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import Engine

from flybill_pipeline.billing.money.decimals import exact
from flybill_pipeline.billing.usage.aliases import EVER, AliasPeriod
from flybill_pipeline.billing.usage.files import Manifest
from flybill_pipeline.billing.usage.tables import NotPulledError
from flybill_pipeline.stores.files.duck import Limits
from flybill_pipeline.stores.usage.engines import summing as summing_module
from flybill_pipeline.stores.usage.engines.summing import Summing, require_the_same, summing, why_not
from flybill_pipeline.stores.usage.lake.aliases import AliasRow
from flybill_pipeline.stores.usage.lake.lake import UsageLake
from flybill_pipeline.stores.usage.lake.ownership import LakeError
from flybill_pipeline.stores.usage.lake.summed_days import make_rollup
from flybill_pipeline_tests.stores.usage.usage_world import DAY, SOURCES, UsageWorld, edge, jsonl
from flybill_pipeline_tests.worlds.engines import engine_address

MORE = """
[[sources]]
name = "calls"
format = "csv"
files = "calls/*"
columns = { event_id = "id", org_id = "org", occurred_at = "at" }
[[sources.measures]]
meter = "calls"
quantity = "n"
[[sources.measures]]
meter = "bytes"
quantity = "b"

[[sources]]
name = "accounts"
format = "csv"
files = "accounts/*"
[sources.columns]
event_id = "id"
org_id = { column = "account", alias = true }
meter = { constant = "m" }
quantity = "q"
occurred_at = "at"
"""
HOSTILE = "o'x\"; drop table events; -- \\ \u00e9 \U0001f600 %s {0}"


@pytest.fixture(params=["clickhouse", "spark"])
def other(request: pytest.FixtureRequest) -> Iterator[Summing]:
    """An engine beside ours: at the address that is given for tests, or in this process."""
    with engine_address(request.param) as url:
        engine = summing(request.param, url)
        assert engine
        yield engine


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> UsageWorld:
    """Days with all that a day may have: repeats, conflicts, rows of which a part counts, aliases, corrections."""
    root = tmp_path / "my home; $(x) 100% #1"
    root.mkdir()
    world = UsageWorld(root, engine, SOURCES + MORE)
    world.put(
        "edge/a.jsonl",
        jsonl(
            *(edge(f"a{n}", gb=f"{n}.000000000000000001", at=f"2026-10-05T10:00:00.{n:06}Z") for n in range(50)),
            edge("a1", gb="1.000000000000000001", at="2026-10-05T10:00:00.000001Z"),
            edge("big", gb="999999999999999.999999999999999999"),
            edge("less", gb="-999999999999999.999999999999999999", region="us"),
            edge("small", gb="1e-18", at="2026-10-05T23:59:59.999999Z", region="us"),
            edge("odd", org=HOSTILE, gb="0.1", region=HOSTILE),
            edge("none", org="nil", gb=0, region=None),
            edge("moved", gb=1),
        ),
    )
    world.put("edge/b.jsonl", jsonl(edge("big", gb=7), edge("b", gb=3, at="2026-10-06T00:00:00Z")))
    world.put("calls/a.csv", "id,org,n,b,at\n1,acme,1,,2026-10-05T01:00:00Z\n1,acme,1,9,2026-10-05T01:00:00Z\n")
    world.put(
        "accounts/a.csv",
        "id,account,q,at\n1,x,1,2026-10-05T09:59:59Z\n2,x,2,2026-10-05T10:00:00Z\n3,y,4,2026-10-05T10:00:00Z\n",
    )
    ten = datetime(2026, 10, 5, 10, tzinfo=UTC)
    owners = (("acme", EVER, ten), ("bolt", ten, None))
    world.lake.aliases.save([AliasRow(2, AliasPeriod("accounts", "x", start, end, org)) for org, start, end in owners])
    world.run()
    world.put("edge/c.jsonl", jsonl(edge("moved", gb=1, at="2026-10-07T10:00:00Z"), edge("c", gb="2.5")))
    world.run(datetime(2026, 10, 21, tzinfo=UTC))
    return world


def told(world: UsageWorld) -> dict[str, tuple[list[Any], list[Any]]]:
    """Day → the columns of its file of totals, and its rows."""
    answer = {}
    for day, path in world.catalog.rollups(world.catalog.manifests()).items():
        found = duckdb.execute("select * from read_parquet(?) order by all", [str(world.lake.root / path)])
        answer[str(day)] = [(column[0], str(column[1])) for column in found.description], found.fetchall()
    return answer


def test_our_totals_are_the_events_that_count(world: UsageWorld) -> None:
    for days in ([day] for day in world.catalog.manifests()):
        totals = {(each.org_id, each.meter, each.dimensions): each for each in world.totals(days)}
        events = [event for org in {org for org, *_ in totals} for event in world.lake.events(org, days)]
        for key, total in totals.items():
            mine = [event for event in events if (event.org_id, event.meter, event.dimensions) == key]
            with exact():
                assert sum((event.quantity for event in mine), Decimal(0)) == total.quantity
            assert (len(mine), max(event.occurred_at for event in mine)) == (total.events, total.last_event_at)
        assert len(events) == sum(total.events for total in totals.values())


def test_each_engine_gives_our_totals_to_the_last_digit(other: Summing, world: UsageWorld) -> None:
    ours = told(world)
    of_day = {(org, meter): quantity for _, _, org, meter, _, _, quantity, *_ in ours[str(DAY)][1]}
    assert {"acme", "bolt", "alias:accounts/y", HOSTILE, "nil"} == {org for org, _ in of_day}
    assert str(of_day["acme", "bytes"]) == "9.000000000000000000"
    lake = UsageLake(world.lake.storage, world.catalog, shards=16, engine=lambda: other)
    for day, manifest in world.catalog.manifests().items():
        (world.lake.root / world.catalog.rollups([day])[day]).unlink()
        lake.make_rollup(manifest)
    assert told(world) == ours


def lake_of(root: Path, *quantities: str, rows: int | None = None) -> Manifest:
    """A day whose events have these quantities, though no file would be taken in with them."""
    root.mkdir()
    listed = ", ".join(f"('{quantity}'::decimal(38, 18))" for quantity in quantities)
    duckdb.execute(f"""copy (select 's' as source, 'e' as event_id, 'acme' as org_id, 'gb' as meter,
        '{{}}' as dimensions, q as quantity, timestamp '2026-10-05 10:00' as occurred_at,
        date '2026-10-05' as arrived_on, 1::bigint as arrival, 1::bigint as row
        from (values {listed}) v(q)) to '{root / "1-a.parquet"}' (format parquet)""")
    return Manifest(DAY, "v", ("1-a.parquet",), (), None, len(quantities) if rows is None else rows, 0, 0)


@pytest.mark.parametrize("each", ["99999999999999999999", "60000000000000000000", "-99999999999999999999"])
def test_a_sum_that_no_decimal_holds_is_refused(each: str, tmp_path: Path, other: Summing) -> None:
    manifest = lake_of(tmp_path / "lake", each, each)
    with pytest.raises(LakeError, match="2026-10-05 was not summed: "):
        make_rollup(tmp_path / "lake", manifest, 16, Limits(), other)
    assert not list((tmp_path / "lake").rglob("daily/*/*"))


def test_an_engine_that_sees_other_files_is_found(tmp_path: Path, other: Summing) -> None:
    manifest = lake_of(tmp_path / "lake", "1", "2", rows=3)
    with pytest.raises(LakeError, match="the engine counts 2 events where 3 count"):
        make_rollup(tmp_path / "lake", manifest, 16, Limits(), other)
    note = tmp_path / "my note.txt"
    note.write_text("one\n")
    assert re.match(r"(ClickHouse|Spark) \d", other.version(note))
    with pytest.raises(NotPulledError, match="the engine says: "):
        other.version(tmp_path / "gone.txt")


def test_a_note_that_says_otherwise_is_another_lake(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("one\n")
    require_the_same("one", tmp_path / "note.txt")
    with pytest.raises(NotPulledError, match=r"it sees another .*note\.txt than this machine"):
        require_the_same("two", tmp_path / "note.txt")


@pytest.mark.parametrize(
    ("engine", "url", "lake", "why"),
    [
        ("clickhouse", "clickhouse://h", "/srv/lake {a}", "it takes a folder with any of .* name another one"),
        ("spark", "local[2]", "/srv/lake", "Spark needs Java here: install it, or name a Spark Connect"),
        ("spark", "sc://h", "/srv/lake*", None),
        ("spark", "sc://h", "s3://bucket/lake", "the lake is a bucket: unset FLYBILL_USAGE_ENGINE"),
    ],
)
def test_what_cannot_sum_is_told_before_work_begins(
    engine: str, url: str, lake: str, why: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summing_module, "find_spec", lambda _: object())
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    told = why_not(engine, url, lake)
    assert told == why if why is None else re.search(why, told or "")


@pytest.mark.parametrize(("engine", "module"), [("clickhouse", "clickhouse_connect"), ("spark", "pyspark")])
def test_a_driver_that_is_missing_is_named(engine: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summing_module, "find_spec", lambda _: None)
    assert f"its driver is not installed ({module}): pip install" in (why_not(engine, None, "/lake") or "")
