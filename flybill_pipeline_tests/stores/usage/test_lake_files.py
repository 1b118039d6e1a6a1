"""Whatever happens to a file of the lake is noticed before money is made of it; and a lake has one owner."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.steps.usage.compile_usage import compile_day
from flybill_pipeline.steps.usage.record_usage import record_day
from flybill_pipeline.stores.usage.lake.lake import UsageLake
from flybill_pipeline.stores.usage.lake.ownership import LakeError, require_own_lake
from flybill_pipeline.stores.usage.lake.storage import NOTE, InFolder
from flybill_pipeline.stores.usage.months.measured_usage import MeasuredUsage
from flybill_pipeline_tests.stores.usage.usage_world import DAY, UsageWorld, edge, jsonl
from flybill_pipeline_tests.worlds.databases import Databases
from flybill_pipeline_tests.worlds.effort import examples


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> UsageWorld:
    """A lake with a day of each kind of file."""
    made = UsageWorld(tmp_path, engine)
    made.put("edge/a.jsonl", jsonl(edge(1, gb=5), edge(2, gb=7), edge(1, gb=5)))
    made.run()
    measured(made.lake)
    return made


def read_by_a_close(world: UsageWorld) -> UsageLake:
    return UsageLake(world.lake.storage, world.catalog, shards=16, checks_contents=True)


def measured(lake: UsageLake) -> list[object]:
    return list(MeasuredUsage(lake).days([DAY], Aggregation.MAX, ["traffic_gb"]))


def one_file(world: UsageWorld, kind: str) -> Path:
    (file,) = (path for path in (world.lake.root / kind / f"day={DAY}").iterdir())
    return file


def removed(file: Path) -> None:
    file.unlink()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def altered(file: Path) -> None:
    """Of the same size and time, as rot leaves it, and as one who means it can make it."""
    times, content = file.stat(), bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


DAMAGES = [removed, cut, altered]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_rollup_is_not_billed_and_can_be_made_again(
    world: UsageWorld, damage: Callable[[Path], None]
) -> None:
    file = one_file(world, "daily")
    assert [total.quantity for total in read_by_a_close(world).monthly_totals([DAY])] == [12]
    damage(file)
    with pytest.raises(LakeError, match=rf"{file.name}.*materialize `raw_usage` and `daily_usage` of {DAY}"):
        list(read_by_a_close(world).monthly_totals([DAY]))
    with pytest.raises(LakeError):
        read_by_a_close(world).by_meter([DAY])
    record_day(DAY, world.lake, world.catalog)
    compile_day(DAY, world.lake, world.catalog)
    assert [total.quantity for total in read_by_a_close(world).monthly_totals([DAY])] == [12]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["events", "excluded"])
def test_a_damaged_piece_is_summed_by_nobody(world: UsageWorld, kind: str, damage: Callable[[Path], None]) -> None:
    damage(one_file(world, kind))
    fresh = UsageLake(world.lake.storage, world.catalog, shards=16)
    with pytest.raises(LakeError, match=f"lake/{kind}/day={DAY}/"):
        compile_day(DAY, fresh, world.catalog)
    with pytest.raises(LakeError, match="landed file edge/a.jsonl" if kind == "events" else "raw_usage"):
        compile_day(DAY, world.lake, world.catalog)


def test_a_damaged_piece_is_written_again_from_its_landed_file(world: UsageWorld) -> None:
    altered(one_file(world, "events"))
    world.put("edge/a.jsonl", jsonl(edge(1, gb=5), edge(2, gb=7), edge(1, gb=5)) + "\n")
    world.run()
    assert [total.quantity for total in read_by_a_close(world).monthly_totals([DAY])] == [12]


@pytest.mark.parametrize("damage", [cut, altered])
def test_a_damaged_measure_is_noticed_and_measured_again_once_it_is_deleted(
    world: UsageWorld, damage: Callable[[Path], None]
) -> None:
    file = one_file(world, "measures")
    damage(file)
    with pytest.raises(LakeError, match="delete it"):
        measured(read_by_a_close(world))
    file.unlink()
    assert len(measured(read_by_a_close(world))) == 1


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_flipped_bit_of_a_rollup_is_billed(world: UsageWorld, data: st.DataObject) -> None:
    file = one_file(world, "daily")
    whole = file.read_bytes()
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    changed = bytearray(whole)
    changed[bit // 8] ^= 1 << bit % 8
    file.write_bytes(bytes(changed))
    with pytest.raises(LakeError):
        list(read_by_a_close(world).monthly_totals([DAY]))
    file.write_bytes(whole)


@pytest.mark.parametrize("damage", [removed, cut])
def test_who_only_asks_gets_a_sentence_too(world: UsageWorld, damage: Callable[[Path], None]) -> None:
    damage(one_file(world, "events"))
    with pytest.raises(LakeError, match="a file of the lake"):
        list(world.lake.events("acme", [DAY]))
    damage(one_file(world, "daily"))
    with pytest.raises(LakeError, match="a file of the lake"):
        world.totals()


def test_a_file_is_read_through_once_for_as_long_as_nothing_about_it_changes(
    world: UsageWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = read_by_a_close(world)
    list(lake.monthly_totals([DAY]))
    monkeypatch.setattr("hashlib.file_digest", lambda *_: pytest.fail("read again"))
    list(lake.monthly_totals([DAY]))


def test_files_of_before_are_recorded_when_they_are_first_billed(world: UsageWorld, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("delete from flybill.lake_files"))
    list(read_by_a_close(world).monthly_totals([DAY]))
    altered(one_file(world, "daily"))
    with pytest.raises(LakeError):
        list(read_by_a_close(world).monthly_totals([DAY]))


@pytest.fixture
def two(databases: Databases) -> Iterator[tuple[Engine, Engine]]:
    """The databases of two deployments."""
    with databases.lent() as one, databases.lent() as other:
        with other.begin() as connection:
            connection.execute(text("update flybill.facts set value = 'other' where name = 'deployment'"))
        yield one, other


def test_the_first_to_use_a_lake_owns_it(tmp_path: Path, two: tuple[Engine, Engine]) -> None:
    one, other = two
    require_own_lake(InFolder(tmp_path), one)
    require_own_lake(InFolder(tmp_path), one)
    with pytest.raises(LakeError, match=r"belongs to another deployment.*this database is other"):
        require_own_lake(InFolder(tmp_path), other)
    assert not NOTE.startswith((".", "_"))  # such files are in no backup
    assert [path.name for path in tmp_path.iterdir()] == [NOTE]


def test_a_note_that_cannot_be_read_is_named_and_left(tmp_path: Path, two: tuple[Engine, Engine]) -> None:
    (tmp_path / NOTE).write_bytes(b"\xff")
    with pytest.raises(LakeError, match=rf"{NOTE} cannot be read.*Nothing was written"):
        require_own_lake(InFolder(tmp_path), two[0])
    assert (tmp_path / NOTE).read_bytes() == b"\xff"


def test_a_home_of_before_takes_its_own_lake_and_no_other(tmp_path: Path, two: tuple[Engine, Engine]) -> None:
    one, other = two
    world = UsageWorld(tmp_path, one)
    world.put("edge/a.jsonl", jsonl(edge(1)))
    world.run()
    (world.lake.root / NOTE).unlink()
    with pytest.raises(LakeError, match="files that this database does not know"):
        require_own_lake(world.lake.storage, other)
    require_own_lake(world.lake.storage, one)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(LakeError, match="none of the 1 files that this database knows"):
        require_own_lake(InFolder(tmp_path / "elsewhere"), one)


def test_files_that_are_as_they_were_read_need_not_be_looked_at_to_find_what_is_new(world: UsageWorld) -> None:
    def unread() -> list[str]:
        few = world.landing.files(as_read=world.catalog.as_read())
        found = [file.path for file in world.catalog.unread(few)]
        assert found == [file.path for file in world.catalog.unread(world.landing.files())]
        return found

    for name in ("same", "touched", "changed"):
        world.put(f"edge/{name}.jsonl", jsonl(edge(name)))
    world.put("edge/broken.jsonl.gz", b"no gzip")
    assert len(unread()) == 4
    world.run()
    assert unread() == []
    assert [file.path for file in world.landing.files(as_read=world.catalog.as_read())] == ["edge/broken.jsonl.gz"]
    world.put("edge/touched.jsonl", jsonl(edge("touched")))
    world.put("edge/changed.jsonl", jsonl(edge("changed", gb=2)))
    world.put("edge/new.jsonl", jsonl(edge("new")))
    assert unread() == ["edge/changed.jsonl", "edge/new.jsonl"]
