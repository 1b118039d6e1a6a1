"""An id counts on one day only, whatever comes, goes and comes again, and whenever ids are compared."""

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from flybill_pipeline.billing.usage.files import EventKey
from flybill_pipeline.steps.usage.compare_days import compare_days
from flybill_pipeline.steps.usage.record_usage import take_in
from flybill_pipeline.stores.usage.lake import cross_days
from flybill_pipeline.stores.usage.lake.tables import landed_files, usage_days, usage_exclusions, usage_pieces
from flybill_pipeline_tests.stores.usage.usage_world import NOW, SOURCES, UsageWorld, edge, jsonl, later
from flybill_pipeline_tests.worlds.effort import examples

DAYS = ("2026-10-04T10:00:00Z", "2026-10-05T10:00:00Z", "2026-10-06T10:00:00Z")
NOTHING_GOOD = "{}\n"


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> UsageWorld:
    return UsageWorld(tmp_path, engine)


def test_what_stood_for_an_id_may_go_and_leave_nothing(world: UsageWorld) -> None:
    world.put("edge/a.jsonl", jsonl(edge("x", gb=1, at=DAYS[0])))
    world.put("edge/b.jsonl", jsonl(edge("x", gb=2, at=DAYS[1]), edge("y", gb=5, at=DAYS[1])))
    world.run()
    assert world.quantities() == {"acme": "6"}
    world.put("edge/a.jsonl", NOTHING_GOOD)
    world.run()
    assert world.quantities() == {"acme": "7"}


def test_what_goes_while_ids_are_compared_is_looked_for_again(world: UsageWorld) -> None:
    world.put("edge/a.jsonl", jsonl(edge("x", gb=1, at=DAYS[0])))
    world.put("edge/b.jsonl", jsonl(edge("x", gb=2, at=DAYS[1]), edge("y", gb=5, at=DAYS[1])))
    take_in(world.landing, world.lake, world.catalog, NOW)
    pieces = world.catalog.all_pieces()
    found = world.lake.conflicts_over_days(pieces)
    world.put("edge/a.jsonl", NOTHING_GOOD)
    take_in(world.landing, world.lake, world.catalog, NOW)
    world.catalog.compared(pieces, found)
    world.run()
    assert world.quantities() == {"acme": "7"}


LANDED = st.lists(
    st.tuples(
        st.integers(0, 3),  # the file
        st.lists(st.tuples(st.integers(0, 5), st.sampled_from(DAYS)), max_size=4),  # ids and times of its rows
        st.booleans(),  # whether ids are compared before the next file comes
    ),
    min_size=2,
    max_size=8,
)


@pytest.mark.parametrize("row_that_stands", ["first", "last"])
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(landed=LANDED, at_once=st.sampled_from([2, 1000]))
def test_what_was_compared_holds_whatever_came_and_went(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, row_that_stands: str, landed: Any, at_once: int
) -> None:
    monkeypatch.setattr(cross_days, "ROWS_PER_PASS", at_once)
    sources = SOURCES.replace('format = "jsonl"', f'format = "jsonl"\non_conflict = "{row_that_stands}"', 1)
    with TemporaryDirectory() as folder:
        world = UsageWorld(Path(folder), engine, sources)
        forget(engine)
        for number, (file, rows, compared) in enumerate(landed):
            records = [edge(key, gb=number + 1, at=at) for key, at in rows]
            world.put(f"edge/{file}.jsonl", jsonl(*records) or NOTHING_GOOD)
            take_in(world.landing, world.lake, world.catalog, later(number))
            if compared:
                compare_days(world.lake, world.catalog)
                assert left_out(world) == of_all(world)
        world.run(later(len(landed)))
        assert left_out(world) == of_all(world)
        if row_that_stands == "first":
            assert world.quantities() == by_hand(landed)


def forget(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in (usage_exclusions, usage_pieces, usage_days, landed_files):
            connection.execute(table.delete())


def left_out(world: UsageWorld) -> dict[Any, list[EventKey]]:
    """Day → the ids that do not count on it, as the catalog knows it; of a day without rows it may say anything."""
    days = [day for day in map(date.fromisoformat, (at[:10] for at in DAYS)) if world.catalog.pieces(day)]
    return {day: list(keys) for day in days if (keys := world.catalog.exclusions(day))}


def of_all(world: UsageWorld) -> Any:
    """The same, with the ids of all days compared anew."""
    return world.lake.conflicts_over_days(world.catalog.all_pieces())


def by_hand(landed: Any) -> dict[str, str]:
    """What the files that lie there last come to: of each id the first row, files in the order in which they came."""
    files: dict[int, list[tuple[int, int]]] = {}
    for number, (file, rows, _) in enumerate(landed):
        files[file] = [(key, number + 1) for key, _ in rows]
    standing: dict[int, int] = {}
    for key, gb in (row for rows in files.values() for row in rows):
        standing.setdefault(key, gb)
    return {"acme": str(sum(standing.values()))} if standing else {}
