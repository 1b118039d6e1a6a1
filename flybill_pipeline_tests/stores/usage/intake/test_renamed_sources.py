"""A source may have another name: its files are not read again, and no event of theirs counts twice."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from flybill_pipeline.billing.usage.known_sources import LostSourceError
from flybill_pipeline.stores.usage.intake.sources import SourcesError, load_sources
from flybill_pipeline_tests.stores.usage.usage_world import NOW, UsageWorld, later

CSV = "id,org,q,t\n1,acme,10,2026-10-05T00:00:00Z\n"
MAPPING = """
[[sources]]
name = "{name}"
format = "csv"
files = "{files}"
columns = {{ event_id = "id", org_id = "org", meter = {{ constant = "m" }}, quantity = "q", occurred_at = "t" }}
"""
USAGE = MAPPING.format(name="usage", files="usage/**/*.csv")
RENAMED = MAPPING.format(name="metering", files="usage/**/*.csv")


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> UsageWorld:
    """A home of an older version: its keys are the names of sources."""
    made = UsageWorld(tmp_path, engine, USAGE)
    made.put("usage/u.csv", CSV)
    made.run()
    return made


def under(world: UsageWorld, sources: str) -> UsageWorld:
    """The same home with other sources."""
    return UsageWorld(world.landing.root.parent, world.catalog.engine, sources)


def test_under_another_name_with_its_id_nothing_is_new(world: UsageWorld) -> None:
    renamed = under(world, f'{RENAMED}id = "usage"\n')
    assert renamed.run(later(1)).files == ()
    renamed.put("usage/again.csv", CSV + "2,acme,5,2026-10-06T00:00:00Z\n")
    assert renamed.run(later(1)).rows == 2
    assert renamed.quantities() == {"acme": "15"}


def test_with_its_name_as_id_nothing_is_new(world: UsageWorld) -> None:
    assert under(world, f'{USAGE}id = "usage"\n').run(later(1)).files == ()


def test_without_its_id_nothing_is_read(world: UsageWorld) -> None:
    renamed = under(world, RENAMED)
    with pytest.raises(LostSourceError, match=r"'usage'.*write id = 'usage'"):
        renamed.run(later(1))
    assert renamed.quantities() == {"acme": "10"}
    assert [file.source for file in renamed.catalog.files()] == ["usage"]


def test_of_a_source_that_was_split_nothing_is_read(world: UsageWorld) -> None:
    world.put("usage/late/v.csv", CSV.replace("1,acme", "2,acme"))
    world.run()
    parts = MAPPING.format(name="usage", files="usage/*.csv") + MAPPING.format(name="late", files="usage/late/*.csv")
    with pytest.raises(LostSourceError, match=r"usage/late/v\.csv was read by the source with the id 'usage'"):
        under(world, parts).run(later(1))


def test_two_sources_over_the_same_files_are_two_meters_of_each_row(world: UsageWorld) -> None:
    both = under(world, USAGE + RENAMED)
    assert [file.source for file in both.run(later(1)).files] == ["metering"]


def test_land_finds_the_folder_of_a_renamed_source(world: UsageWorld, tmp_path: Path) -> None:
    renamed = under(world, f'{RENAMED}id = "usage"\n')
    (tmp_path / "new.csv").write_text(CSV.replace("1,acme", "3,acme"))
    assert renamed.landing.land(tmp_path / "new.csv", "metering").path == "usage/new.csv"
    renamed.run(later(1))
    assert renamed.quantities() == {"acme": "20"}


@pytest.mark.parametrize(
    ("sources", "says"),
    [
        (f'{USAGE}id = "x"\n{RENAMED}id = "x"\n', "two have the id 'x'"),
        (f'{USAGE}id = "other"\n{RENAMED}id = "usage"\n', None),
        (f'{USAGE}{RENAMED}id = "usage"\n', "two have the id 'usage'"),
        (f'{USAGE}id = "a b"\n', "id: may hold letters"),
        (f'{USAGE}id = "{"x" * 101}"\n', "id: has 101 characters"),
    ],
)
def test_an_id_belongs_to_one_source(tmp_path: Path, sources: str, says: str | None) -> None:
    (tmp_path / "s.toml").write_text(sources)
    if says is None:
        assert [source.key for source in load_sources(tmp_path / "s.toml").values()] == ["other", "usage"]
    else:
        with pytest.raises(SourcesError, match=says):
            load_sources(tmp_path / "s.toml")


def test_a_broken_file_is_not_tried_again_for_a_new_name(world: UsageWorld) -> None:
    world.put("usage/broken.csv", "id\n")
    assert len(world.run().broken) == 1
    assert under(world, f'{RENAMED}id = "usage"\n').take_in(NOW).files == ()
