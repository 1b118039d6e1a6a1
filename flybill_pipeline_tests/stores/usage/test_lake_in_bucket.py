"""A lake in a bucket is read and written by any machine, each with a copy that may be old, broken or gone."""

import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from pyiceberg.table import StaticTable
from sqlalchemy import Engine, text

from flybill_pipeline.billing.invoicing.shards import shard_of
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.steps.usage.publish_lake import publish_lake
from flybill_pipeline.stores.files.folders import ObjectsError
from flybill_pipeline.stores.files.objects import Objects
from flybill_pipeline.stores.usage.lake.lake import UsageLake
from flybill_pipeline.stores.usage.lake.ownership import LakeError, noted, require_own_lake
from flybill_pipeline.stores.usage.lake.pinned_catalog import PinnedCatalog
from flybill_pipeline.stores.usage.lake.storage import NOTE, InBucket, InFolder, storage_at
from flybill_pipeline.stores.usage.months.gathering import gather
from flybill_pipeline.stores.usage.months.kept_files import KEPT as KEPT_FOR
from flybill_pipeline.stores.usage.months.kept_files import sweep_kept
from flybill_pipeline.stores.usage.months.measured_usage import MeasuredUsage
from flybill_pipeline.stores.usage.published.ledger import PublishedLedger
from flybill_pipeline.stores.usage.published.open_tables import OpenTables
from flybill_pipeline_tests.stores.usage.published.test_published import Priced
from flybill_pipeline_tests.stores.usage.usage_world import DAY, NOW, SOURCES, UsageWorld, edge, jsonl
from flybill_pipeline_tests.worlds.buckets import Buckets, broken, refusing
from flybill_pipeline_tests.worlds.databases import Databases

LAKE = "s3://zone/the lake"
DAY_AFTER = DAY + timedelta(days=1)
RESTATING = SOURCES.replace('name = "edge"', 'name = "edge"\non_conflict = "last"')


@pytest.fixture
def world(tmp_path: Path, engine: Engine, bucket: Buckets) -> UsageWorld:
    """A machine whose lake lies in a bucket, with a day of usage."""
    made = UsageWorld(tmp_path, engine, lake=LAKE)
    made.put("edge/a.jsonl", jsonl(edge(1, gb=5), edge(1, gb=5), edge(2, gb="x")))
    made.run()
    return made


def another(world: UsageWorld, home: Path) -> UsageLake:
    """The lake as another machine sees it, which reads what bills are made of."""
    return UsageLake(storage_at(LAKE, home), world.catalog, shards=16, checks_contents=True)


def sums(lake: UsageLake) -> dict[str, str]:
    return {total.org_id: format(total.quantity.normalize(), "f") for total in lake.monthly_totals([DAY])}


def test_another_machine_reads_and_goes_on_with_it(world: UsageWorld, tmp_path: Path, engine: Engine) -> None:
    (tmp_path / "two").mkdir()
    two = UsageWorld(tmp_path / "two", engine, lake=LAKE)
    assert two.quantities() == world.quantities() == {"acme": "5"}
    assert [event.event_id for event in two.lake.events("acme", [DAY])] == ["1"]
    assert [row.kind for row in two.lake.excluded([DAY])] == ["duplicate"]
    assert len(list(two.lake.quarantine())) == 1
    two.put("edge/b.jsonl", jsonl(edge(3, gb=2)))
    two.run()
    assert two.quantities() == world.quantities() == {"acme": "7"}


def test_a_copy_that_is_gone_or_broken_is_made_good_from_the_bucket(world: UsageWorld, tmp_path: Path) -> None:
    lake = another(world, tmp_path / "two")
    assert sums(lake) == {"acme": "5"}
    [totals] = list(lake.root.glob("daily/*/*"))
    whole = totals.read_bytes()
    for broken_off in (b"", whole[:-1], whole[:-1] + b"!", b"!" * len(whole)):
        totals.write_bytes(broken_off)
        assert sums(another(world, tmp_path / "two")) == {"acme": "5"}
        assert totals.read_bytes() == whole
    shutil.rmtree(lake.root)
    assert sums(another(world, tmp_path / "two")) == {"acme": "5"}


def paths(kind: str) -> list[str]:
    return [lying.path for lying in Objects("s3://zone").all(f"the lake/{kind}")]


def test_what_was_altered_or_taken_away_in_the_bucket_is_not_billed(
    world: UsageWorld, bucket: Buckets, tmp_path: Path
) -> None:
    [totals] = paths("daily")
    whole = bucket.get(totals)
    bucket.put(totals, b"!" * len(whole))
    with pytest.raises(LakeError, match=r"s3://zone/the lake/daily/.*was altered since it was written"):
        sums(another(world, tmp_path / "two"))
    bucket.remove(totals)
    with pytest.raises(LakeError, match=r"s3://zone/the lake/daily/.*is gone"):
        sums(another(world, tmp_path / "three"))
    bucket.put(totals, whole)
    assert sums(another(world, tmp_path / "two")) == {"acme": "5"}


def test_what_the_bucket_lost_is_sent_again_by_a_machine_that_has_it(
    world: UsageWorld, bucket: Buckets, tmp_path: Path, engine: Engine
) -> None:
    files = sorted(PinnedCatalog(engine, world.lake.versions([DAY])).needs())
    assert {file.partition("/")[0] for file in files} == {"events", "excluded", "daily"}
    for kind in ("events", "daily"):
        bucket.remove(paths(kind)[0])
    bucket.put(paths("excluded")[0], b"half")
    with pytest.raises(LakeError, match=r"^3 files that are needed are gone from s3://zone/the lake, .*sends it when"):
        another(world, tmp_path / "two").guard.mend(files)
    assert (world.lake.guard.mend(files), world.lake.guard.mend(files)) == (3, 0)
    assert sums(another(world, tmp_path / "two")) == {"acme": "5"}
    bucket.remove(paths("daily")[0])
    next(world.lake.root.glob("daily/*/*")).write_bytes(b"another")
    with pytest.raises(LakeError, match=r"^1 files that are needed"):
        world.lake.guard.mend(files)


def test_a_copy_forgets_what_another_machine_swept(world: UsageWorld, tmp_path: Path, engine: Engine) -> None:
    (tmp_path / "two").mkdir()
    two = UsageWorld(tmp_path / "two", engine, lake=LAKE)
    assert kept_of_it(world) == kept_of_it(two)
    first = {path.name for path in two.lake.root.glob("measures/*/*")}
    world.put("edge/b.jsonl", jsonl(edge(3, gb=2)))
    world.run()
    assert kept_of_it(world) == kept_of_it(two) == ["5", "7", "7"]
    later = datetime.now(UTC) + KEPT_FOR + timedelta(hours=1)
    for machine in (world, two):
        sweep_kept(machine.lake, lambda _: {"traffic_gb"}, [], later)
        left = {path.name for path in machine.lake.root.glob("measures/*/*")}
        assert not left & first
        assert kept_of_it(machine) == ["5", "7", "7"]


def test_usage_that_is_restated_or_late_is_measured_again_on_each_machine(
    tmp_path: Path, bucket: Buckets, engine: Engine
) -> None:
    for home in ("one", "two"):
        (tmp_path / home).mkdir()
    one, two = (UsageWorld(tmp_path / home, engine, RESTATING, lake=LAKE) for home in ("one", "two"))
    one.put("edge/a.jsonl", jsonl(edge(1, gb=5), edge(2, gb=3)))
    one.run()
    assert kept_of_it(one) == kept_of_it(two) == ["5", "8", "8"]
    for machine, file, row, found in (
        (two, "b", edge(1, gb=2), ["3", "5", "5"]),
        (one, "c", edge(3, gb=1, at=f"{DAY_AFTER}T10:00:00Z"), ["3", "6", "6"]),
        (two, "d", edge(2, gb=9, at=f"{DAY_AFTER}T11:00:00Z"), ["2", "12", "12"]),
    ):
        machine.put(f"edge/{file}.jsonl", jsonl(row))
        machine.run()
        assert kept_of_it(one) == kept_of_it(two) == found


def test_files_from_before_checksums_were_kept_are_read_and_recorded(
    world: UsageWorld, tmp_path: Path, engine: Engine
) -> None:
    """As of a home that was brought to the bucket by another program."""
    count = "select count(*) from flybill.lake_files"
    with engine.begin() as connection:
        written = connection.execute(text(count)).scalar_one()
        connection.execute(text("delete from flybill.lake_files"))
    lake = another(world, tmp_path / "two")
    assert kept_of_it(world) == ["5", "5", "5"]
    assert (sums(lake), [event.event_id for event in lake.events("acme", [DAY])]) == ({"acme": "5"}, ["1"])
    assert len(list(lake.quarantine())) == 1
    with engine.connect() as connection:
        assert connection.execute(text(f"{count} where path not like 'measures%'")).scalar_one() == written


@pytest.mark.parametrize("fault", [broken, refusing])
def test_while_the_bucket_fails_nothing_is_recorded_and_nothing_is_lost(
    world: UsageWorld, bucket: Buckets, fault: object, engine: Engine
) -> None:
    known = "select path from flybill.lake_files order by path"
    with engine.connect() as connection:
        before = connection.execute(text(known)).all()
    world.put("edge/b.jsonl", jsonl(edge(3, gb=2)))
    bucket.fault = fault  # type: ignore[assignment]
    with pytest.raises(LakeError, match=r"s3://zone/the lake: the bucket .*Nothing is billed while") as told:
        world.run()
    assert "HUSH" not in str(told.value)
    with engine.connect() as connection:
        assert connection.execute(text(known)).all() == before
    bucket.fault = None
    world.run()
    assert world.quantities() == {"acme": "7"}


def test_what_the_copy_has_no_place_for_is_said(world: UsageWorld, tmp_path: Path) -> None:
    (storage_at(LAKE, tmp_path / "two").root / "daily").write_text("a file")
    with pytest.raises(LakeError, match=r"two/lake-copy/.*/daily/day=2026-10-05 cannot be written to: Not a directory"):
        sums(another(world, tmp_path / "two"))


def test_a_bucket_that_is_taken_away_is_said(world: UsageWorld, bucket: Buckets) -> None:
    gone = Objects("s3://gone/lake")
    for put in (lambda: gone.write(b"x", "x"), lambda: gone.create(b"x", "x"), lambda: gone.put(Path(__file__), "x")):
        with pytest.raises(ObjectsError, match=r"^s3://gone/lake: there is no such bucket: correct its name$"):
            put()


def kept_of_it(world: UsageWorld) -> list[str]:
    """What is kept of the day, as prices and pages ask for it: its peak, the level it ends with, its totals."""
    measured, shard = MeasuredUsage(world.lake), shard_of("acme", world.lake.shards)
    gather(world.lake, Month.of(DAY), shard, NOW.date(), own_file_bytes=0)
    found = [
        *(each.value for each in measured.days([DAY], Aggregation.MAX, {"traffic_gb"})),
        *(each.level for each in measured.levels(date(2026, 11, 1), {"traffic_gb"})),
        *(each.quantity for each in world.lake.monthly_totals([DAY, DAY_AFTER], shard=shard, org_ids=["acme"])),
    ]
    return [format(number.normalize(), "f") for number in found]


def test_after_a_restore_nothing_is_taken_for_kept_that_was_made_of_what_is_not_there_any_more(
    tmp_path: Path, bucket: Buckets, databases: Databases
) -> None:
    """The database is as it was, the bucket is not: files of the same names were made of other usage."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    for gb in (5, 9):
        with databases.lent() as engine:
            one, two = (UsageWorld(tmp_path / home, engine, lake=LAKE) for home in ("one", "two"))
            for world in (one, two):
                world.put("edge/a.jsonl", jsonl(edge(1, gb=gb), edge(2, gb=1, at=f"{DAY_AFTER}T10:00:00Z")))
            one.run()
            assert kept_of_it(one) == kept_of_it(two) == [f"{gb}", f"{gb + 1}", f"{gb + 1}"]
            assert [event.quantity for event in two.lake.events("acme", [DAY])] == [gb]


class KilledError(BaseException):
    """Ends the process, as far as the bucket can tell."""


def test_killed_between_bucket_and_database_the_next_run_makes_it_good(
    world: UsageWorld, bucket: Buckets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    send = InBucket.send
    world.put("edge/b.jsonl", jsonl(edge(3, gb=2)))
    killed = 0
    for survived in count():
        left = iter([True] * survived)

        def sent(self: InBucket, paths: Iterable[str], left: Iterator[bool] = left) -> None:
            send(self, paths)
            if not next(left, False):
                raise KilledError

        monkeypatch.setattr(InBucket, "send", sent)
        try:
            world.run()
        except KilledError:
            killed += 1
        else:
            break
    assert killed > 1
    assert world.quantities() == sums(another(world, tmp_path / "two")) == {"acme": "7"}


def test_it_belongs_to_one_deployment_also_when_two_claim_it_at_once(world: UsageWorld, bucket: Buckets) -> None:
    other = InBucket("s3://zone/free", world.lake.root)
    other.claim("one")
    other.claim("two")
    assert other.read(NOTE) == "one"
    bucket.put("the lake/deployment.txt", b"")
    with pytest.raises(LakeError, match=r"s3://zone/the lake/deployment\.txt is empty.*or delete it"):
        require_own_lake(world.lake.storage, world.catalog.engine)
    bucket.put("the lake/deployment.txt", b"another\n")
    with pytest.raises(LakeError, match=r"s3://zone/the lake/deployment\.txt names another, this database is "):
        require_own_lake(world.lake.storage, world.catalog.engine)


def test_its_open_tables_lie_in_the_bucket_and_any_reader_of_it_reads_them(
    world: UsageWorld, bucket: Buckets, engine: Engine
) -> None:
    tables = OpenTables(world.lake.storage, engine, "own")
    publish_lake(tables, PublishedLedger(engine), Priced(), world.catalog, NOW)
    found = StaticTable.from_metadata(f"{LAKE}/usage/daily", properties=bucket.for_others)
    assert [str(row["quantity"].normalize()) for row in found.scan().to_arrow().to_pylist()] == ["5"]
    with tables.opened():
        assert tables.counted() == {DAY: (1, 1)}
    world.put("edge/b.jsonl", jsonl(edge(3, gb=2)))
    world.run()
    assert publish_lake(tables, PublishedLedger(engine), Priced(), world.catalog, NOW).changed["daily"] == 2
    moved = InFolder(world.lake.root)  # its files are all in the copy
    moved.claim(noted(world.lake.storage) or "")
    bucket.fault = refusing
    tables = OpenTables(moved, engine, "own")
    assert publish_lake(tables, PublishedLedger(engine), Priced(), world.catalog, NOW).changed["daily"] == 1
