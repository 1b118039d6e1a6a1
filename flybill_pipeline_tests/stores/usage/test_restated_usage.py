"""A delivery that restates an earlier one bills what it says, exactly: held against a reader of lines in Python."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from flybill_pipeline_tests.stores.usage.usage_world import UsageWorld

HEAD = "id,org,q,day\n"
MAPPING = """
[[sources]]
name = "{name}"
format = "csv"
files = "{name}/*"
on_conflict = "last"
{more}
columns = {{ event_id = "id", org_id = "org", meter = {{ constant = "m" }}, quantity = "q", occurred_at = "day" }}
"""
SOURCES = (
    MAPPING.format(name="rows", more="")
    + MAPPING.format(name="days", more='whole = "day"')
    + MAPPING.format(name="months", more='whole = "month"')
    + MAPPING.format(name="first", more="").replace('on_conflict = "last"\n', "")
    + MAPPING.format(name="numbered", more='whole = "month"').replace('"id"', '"row"')
)
Row = tuple[int, int, int]  # id, quantity, day


@pytest.fixture
def world(engine: Engine) -> Iterator[UsageWorld]:
    with TemporaryDirectory(prefix="flybill-restated-") as folder:
        yield UsageWorld(Path(folder), engine, SOURCES)


def lines(*rows: Row) -> str:
    return HEAD + "".join(f"{n},acme,{quantity},2026-10-{day:02}\n" for n, quantity, day in rows)


def total(world: UsageWorld) -> str:
    return world.quantities().get("acme", "0")


def test_the_last_says_what_counts_and_nothing_is_a_conflict(world: UsageWorld) -> None:
    world.put("rows/a.csv", lines((1, 10, 5), (2, 5, 5)))
    world.run()
    assert total(world) == "15"
    world.put("rows/b.csv", lines((1, 250, 5), (1, 260, 5), (2, 5, 5)))
    world.run()
    assert total(world) == "265"
    manifests = world.catalog.manifests().values()
    assert [(m.rows, m.duplicates, m.conflicts, m.replaced) for m in manifests] == [(2, 1, 0, 2)]


def test_a_row_may_move_to_another_day(world: UsageWorld) -> None:
    world.put("rows/a.csv", lines((1, 10, 5)))
    world.run()
    world.put("rows/b.csv", lines((1, 11, 7)))
    world.run()
    assert {str(day): m.rows for day, m in world.catalog.manifests().items()} == {"2026-10-05": 0, "2026-10-07": 1}
    assert total(world) == "11"


def test_a_file_that_gets_other_content_has_its_turn_again(world: UsageWorld) -> None:
    world.put("rows/a.csv", lines((1, 10, 5)))
    world.put("rows/b.csv", lines((1, 20, 5)))
    world.run()
    assert total(world) == "20"
    world.put("rows/a.csv", lines((1, 30, 5)))
    world.run()
    assert total(world) == "30"


def test_other_sources_keep_the_first(world: UsageWorld) -> None:
    world.put("first/a.csv", lines((1, 10, 5)))
    world.put("first/b.csv", lines((1, 20, 5)))
    world.run()
    assert total(world) == "10"


def test_a_whole_period_takes_back_what_it_no_longer_has(world: UsageWorld) -> None:
    world.put("months/a.csv", lines((1, 10, 5), (2, 5, 6)))
    world.put("days/a.csv", lines((1, 100, 5), (2, 50, 6)))
    world.run()
    assert total(world) == "165"
    world.put("months/b.csv", lines((1, 12, 5)))
    world.put("days/b.csv", lines((3, 120, 5)))
    world.run()
    assert total(world) == "182"
    world.put("months/a.csv", lines((1, 10, 5), (2, 5, 6), (9, 1, 1)))
    world.run()
    assert total(world) == "186"


def test_of_a_row_with_several_meters_each_counts_by_itself(engine: Engine, tmp_path: Path) -> None:
    """Where one of them is repeated or replaced, the others of its row are not."""
    columns = '{ event_id = "id", org_id = "org", occurred_at = "at" }'
    measures = "".join(f'[[sources.measures]]\nmeter = "{name}"\nquantity = "{name}"\n' for name in "ab")
    sources = "".join(
        f'[[sources]]\nname = "{name}"\nformat = "jsonl"\nfiles = "{name}/*"\non_conflict = "{name}"\n'
        f"columns = {columns}\n{measures}"
        for name in ("first", "last")
    )
    world = UsageWorld(tmp_path, engine, sources)
    row = '{{"id": 1, "org": "{org}", "at": "2026-10-05", {said}}}'
    for name in ("first", "last"):
        world.put(f"{name}/1.jsonl", row.format(org=name, said='"a": 1, "b": 10'))
        world.run()
        world.put(f"{name}/2.jsonl", row.format(org=name, said='"a": 5'))
        world.put(f"{name}/3.jsonl", row.format(org=name, said='"a": 7, "b": 10').replace("1,", "2,"))
        world.put(f"{name}/4.jsonl", row.format(org=name, said='"a": 7').replace("1,", "2,"))
        world.run()
    sums = {(each.org_id, each.meter): int(each.quantity) for each in world.totals()}
    assert sums == {("first", "a"): 8, ("first", "b"): 20, ("last", "a"): 12, ("last", "b"): 20}
    (day,) = world.catalog.manifests().values()
    assert sum(each.events for each in world.totals()) == day.rows


deliveries = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.lists(st.tuples(st.integers(1, 4), st.integers(-9, 9), st.integers(1, 3)), min_size=1, max_size=5),
    ),
    min_size=1,
    max_size=5,
)


@pytest.mark.parametrize("source", ["rows", "days", "months", "numbered"])
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deliveries)
def test_any_deliveries_come_to_what_the_last_word_on_each_row_says(
    engine: Engine, source: str, given_files: list[tuple[str, list[Row]]]
) -> None:
    with TemporaryDirectory(prefix="flybill-restated-") as folder, engine.begin() as connection:
        for table in (
            "usage_exclusions",
            "usage_pieces",
            "usage_days",
            "usage_day_versions",
            "lake_files",
            "landed_files",
        ):
            connection.execute(text(f"drop table if exists flybill.{table} cascade"))
        connection.commit()
        world = UsageWorld(Path(folder), engine, SOURCES)
        files: dict[str, list[Row]] = {}
        for name, rows in given_files:
            files.pop(name, None)
            files[name] = rows  # its turn is the last again
            world.put(f"{source}/{name}.csv", lines(*rows))
            world.run()
            assert Decimal(total(world)) == last_words(source, files)


def last_words(source: str, files: dict[str, list[Row]]) -> int:
    """What is billed by these files, the last one last."""
    if source == "numbered":  # each row of the last file is an event of its own
        return sum(quantity for _, quantity, _ in list(files.values())[-1])
    standing: dict[int, Row] = {}
    for n, rows in enumerate(files.values()):
        later = [row for others in list(files.values())[n + 1 :] for row in others]
        taken_back = (
            {row[2] for row in later} if source == "days" else {1, 2, 3} if source == "months" and later else set()
        )
        standing |= {row[0]: row for row in rows if row[2] not in taken_back}
    return sum(quantity for _, quantity, _ in standing.values())
