"""An event counts once, whatever happens to the files that carry it; of rows with one id the first to arrive stands."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from flybill_pipeline.billing.usage.files import Arrival, Broken, NotRead, Taken
from flybill_pipeline.billing.usage.totals import EACH_DAY
from flybill_pipeline.steps.usage.compare_days import compare_days
from flybill_pipeline.steps.usage.compile_usage import RollupCatalog, RollupLake, compile_day
from flybill_pipeline.steps.usage.record_usage import (
    DayCatalog,
    DayLake,
    FileCatalog,
    FileLake,
    LandingZone,
    record_day,
    take_in,
)
from flybill_pipeline.stores.usage.intake import judging
from flybill_pipeline.stores.usage.intake.landing import Landing
from flybill_pipeline.stores.usage.lake import cross_days
from flybill_pipeline.stores.usage.lake.catalog import LakeCatalog
from flybill_pipeline.stores.usage.lake.lake import Intake, UsageLake
from flybill_pipeline.stores.usage.lake.tables import landed_files, usage_days, usage_pieces
from flybill_pipeline_tests.stores.usage.usage_world import DAY, NOW, UsageWorld, edge, jsonl, later
from flybill_pipeline_tests.worlds.effort import examples


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> UsageWorld:
    return UsageWorld(tmp_path, engine)


def stores_fit_the_ports(
    landing: Landing, lake: UsageLake, catalog: LakeCatalog
) -> tuple[LandingZone, FileLake, FileCatalog, DayLake, DayCatalog, RollupLake, RollupCatalog]:
    """Checked by mypy: the steps know the stores by these ports only."""
    return landing, lake, catalog, lake, catalog, lake, catalog


def test_repeats_within_a_file_across_files_and_in_a_late_file_count_once(world: UsageWorld) -> None:
    world.put("edge/a.jsonl", jsonl(edge(1, gb=2), edge(2, gb=3), edge(1, gb=2)))
    world.put("edge/b.jsonl", jsonl(edge(2, gb=3), edge(3, gb=4)))
    world.run()
    world.put("edge/redelivered.jsonl", jsonl(edge(1, gb=2), edge(2, gb=3), edge(1, gb=2)))
    world.put("edge/late.jsonl", jsonl(edge(3, gb=4), edge(4, gb=0.5)))
    report = world.run(later(3))
    assert report.days == (DAY,)
    assert world.quantities() == {"acme": "9.5"}
    manifest = world.catalog.manifest(DAY)
    assert manifest is not None
    assert (manifest.rows, manifest.duplicates, manifest.conflicts) == (4, 6, 0)


@pytest.mark.parametrize("event_id", ["a\0b", "\0", "".join(map(chr, range(0x4E00, 0x4E00 + 3000))), "x" * 300_000])
def test_an_id_that_no_database_keeps_counts_once_over_days(
    world: UsageWorld, monkeypatch: pytest.MonkeyPatch, event_id: str
) -> None:
    """Lakes that are older than the limits of intake have such ids."""
    monkeypatch.setattr(judging, "_text_faults", lambda _: "")
    world.put("edge/a.jsonl", jsonl(edge(event_id, gb=2), edge("other", gb=1)))
    world.put("edge/b.jsonl", jsonl(edge(event_id, gb=5, at="2026-10-06T00:00:00Z"), edge(f"{event_id}x", gb=10)))
    world.run()
    assert world.quantities() == {"acme": "13"}
    assert world.run(later(1)).files == ()


def test_the_same_id_in_two_sources_is_two_events(world: UsageWorld) -> None:
    world.put("edge/a.jsonl", jsonl(edge("x")))
    world.put("machines/a.csv", "id,org,meter,seconds,ts,size,region\nx,acme,m,2,2026-10-05,s,eu\n")
    world.run()
    assert world.quantities() == {"acme": "3"}


def test_of_two_different_rows_with_one_id_the_first_stands_and_the_conflict_is_listed(world: UsageWorld) -> None:
    world.put("edge/z-first.jsonl", jsonl(edge(1, gb=5), edge(1, gb=6), edge(1, gb=5)))
    world.put("edge/a-second.jsonl", jsonl(edge(1, org="other", gb=5), edge(2)))
    world.run()
    assert world.quantities() == {"acme": "6"}
    listed = [(row.org_id, int(row.quantity), row.arrival, row.row) for row in world.lake.excluded([DAY], "conflict")]
    assert listed == [("acme", 6, 1, 2), ("other", 5, 2, 1)]
    manifest = world.catalog.manifest(DAY)
    assert manifest is not None
    assert (manifest.duplicates, manifest.conflicts) == (1, 2)


@pytest.mark.parametrize("change", [{"ts": "2026-10-05T10:00:01Z"}, {"region": "us"}, {"gb": 1.5}, {"org": "b"}])
def test_any_difference_in_content_is_a_conflict(world: UsageWorld, change: dict[str, Any]) -> None:
    world.put("edge/a.jsonl", jsonl(edge(1), edge(1) | change))
    world.run()
    assert [row.kind for row in world.lake.excluded([DAY])] == ["conflict"]


def test_late_pieces_are_invisible_until_the_day_is_recorded_again(
    world: UsageWorld,
) -> None:
    world.put("edge/a.jsonl", jsonl(edge(1)))
    world.run()
    world.put("edge/b.jsonl", jsonl(edge(2)))
    world.take_in()
    assert len(list(world.lake.events("acme", [DAY]))) == 1
    assert world.catalog.days_to_record() == (DAY,)
    assert record_day(DAY, world.lake, world.catalog).changed
    compile_day(DAY, world.lake, world.catalog)
    assert world.catalog.days_to_record() == ()
    assert world.quantities() == {"acme": "2"}


def test_recording_again_gives_the_same_rows_and_says_so(world: UsageWorld) -> None:
    world.put("edge/a.jsonl", jsonl(edge(1), edge(1), edge(2)))
    world.run()
    before = list(world.lake.events("acme", [DAY]))
    report = record_day(DAY, world.lake, world.catalog)
    assert (report.changed, report.rows, report.duplicates) == (False, 2, 1)
    assert list(world.lake.events("acme", [DAY])) == before


LATER = "2026-10-09T10:00:00Z"


def test_an_id_counts_once_whatever_its_time(world: UsageWorld) -> None:
    world.put("edge/a.jsonl", jsonl(edge(1, gb=5), edge(2, gb=7)))
    world.run()
    world.put("edge/b.jsonl", jsonl(edge(1, gb=5, at=LATER), edge(3, gb=1, at=LATER), edge(1, gb=6, at=LATER)))
    world.run()
    assert world.quantities() == {"acme": "13"}
    left_out = list(world.lake.excluded(list(world.catalog.manifests()), "conflict"))
    assert [(row.event_id, row.occurred_at.day) for row in left_out] == [("1", 9), ("1", 9)]
    assert world.catalog.days_to_record() == ()


def test_the_first_to_arrive_stands_even_on_the_later_day(world: UsageWorld) -> None:
    world.put("edge/a.jsonl", jsonl(edge(1, gb=5, at=LATER)))
    world.run()
    world.put("edge/b.jsonl", jsonl(edge(1, gb=9)))
    world.run()
    assert world.quantities() == {"acme": "5"}


def test_ids_are_compared_in_shares_as_well_as_at_once(world: UsageWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a lake too large to be compared at once; the folder of a process that was killed in it is not in the way."""
    monkeypatch.setattr(cross_days, "ROWS_PER_PASS", 3)
    (world.lake.root / "work" / "comparison" / "share=9").mkdir(parents=True)
    world.put("edge/a.jsonl", jsonl(*(edge(number, gb=1) for number in range(20))))
    world.put("edge/b.jsonl", jsonl(*(edge(number, gb=9, at=LATER) for number in range(15, 25))))
    world.run()
    left_out = list(world.lake.excluded(list(world.catalog.manifests()), "conflict"))
    assert sorted(int(row.event_id) for row in left_out) == [15, 16, 17, 18, 19]
    assert world.quantities() == {"acme": "65"}
    assert not (world.lake.root / "work" / "comparison").exists()


def test_ids_of_two_sources_are_two_ids(world: UsageWorld) -> None:
    world.put("edge/a.jsonl", jsonl(edge(1, gb=5)))
    world.put("machines/b.csv", f"id,org,meter,seconds,ts,size,region\n1,acme,cpu,2,{LATER},s,eu\n")
    world.run()
    assert world.quantities() == {"acme": "7"}


def test_what_stood_for_an_id_may_go_and_the_other_day_counts_again(world: UsageWorld) -> None:
    world.put("edge/a.jsonl", jsonl(edge(1, gb=5)))
    world.put("edge/b.jsonl", jsonl(edge(1, gb=8, at=LATER)))
    world.run()
    assert world.quantities() == {"acme": "5"}
    world.put("edge/a.jsonl", jsonl(edge(2, gb=1)))
    world.run()
    assert world.quantities() == {"acme": "9"}


def test_nothing_is_compared_twice(world: UsageWorld) -> None:
    world.put("edge/a.jsonl", jsonl(edge(1)))
    world.run()
    assert compare_days(world.lake, world.catalog) is None


class Killed(BaseException):
    """Stands for a process that ends where it is."""


class DyingCatalog(LakeCatalog):
    """Dies when the pieces are in place and nobody knows it yet."""

    def took(self, arrival: Arrival, taken: Taken) -> set[date]:
        raise Killed


class DyingLake(UsageLake):
    """Dies in the second file."""

    def take(self, arrival: Arrival) -> Taken | Broken | NotRead:
        if arrival.number == 2:
            raise Killed
        return super().take(arrival)


def test_a_kill_before_the_commit_leaves_nothing_half_visible(world: UsageWorld, engine: Engine) -> None:
    world.put("edge/a.jsonl", jsonl(edge(1, gb=5), edge(1, gb=6)))
    world.put("edge/b.jsonl", jsonl(edge(2, gb=7)))
    with pytest.raises(Killed):
        take_in(world.landing, world.lake, DyingCatalog(engine), NOW)
    assert world.catalog.days_to_record() == ()
    dying = DyingLake(world.lake.storage, world.catalog, shards=16, intake=Intake(world.sources))
    with pytest.raises(Killed):
        take_in(world.landing, dying, world.catalog, later(1))
    world.run(later(2))
    assert world.quantities() == {"acme": "12"}
    assert [event.arrival for event in world.lake.events("acme", [DAY])] == [1, 2]


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.sampled_from(["a", "b"]),
        st.decimals(-1000, 1000, places=6),
        st.sampled_from(["2026-10-05T23:59:59.999999Z", "2026-10-06T00:00:00Z", "2026-10-06T01:00:00+02:00"]),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda event: event[0],
)


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, data=st.data())
def test_order_and_repetition_of_events_over_files_do_not_matter(engine: Engine, events: Any, data: Any) -> None:
    records = [edge(i, org=org, gb=str(gb), at=at) for i, org, gb, at in events]
    repeated = data.draw(st.permutations(records + data.draw(st.lists(st.sampled_from(records), max_size=8))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(repeated)), max_size=3)))
    expected: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
    for _, org, gb, at in events:
        expected[org, date(2026, 10, 6 if at.startswith("2026-10-06T00") else 5)] += gb
    with TemporaryDirectory() as folder:
        world = UsageWorld(Path(folder), engine)
        with engine.begin() as connection:
            for table in (usage_pieces, usage_days, landed_files):
                connection.execute(table.delete())
        for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(repeated)], strict=True)):
            world.put(f"edge/{number}.jsonl", jsonl(*repeated[start:end]))
            if data.draw(st.booleans()):
                world.run()
        world.run()
        found: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
        for total in world.totals(days_from=EACH_DAY):
            assert total.day is not None
            found[total.org_id, total.day] += total.quantity
    assert found == expected
