"""`land` copies a file that its source can read, whole or not at all, and says what is wrong with any other."""

from pathlib import Path

import pytest

from flybill_pipeline.stores.files.folders import AddressError, local_folder
from flybill_pipeline.stores.usage.intake.landing import Landing, LandingError
from flybill_pipeline.stores.usage.intake.sources import load_sources
from flybill_pipeline_tests.stores.usage.usage_world import SOURCES, edge, gz, jsonl


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    (tmp_path / "sources.toml").write_text(SOURCES)
    return Landing(f"file://{tmp_path}/landing", load_sources(tmp_path / "sources.toml"))


def test_a_file_lands_below_its_source_and_is_found_there(landing: Landing, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gz(jsonl(edge(1))))
    landed = landing.land(file, "edge")
    assert (landed.path, landed.already_there) == ("edge/a.jsonl.gz", False)
    assert [(found.source, found.path) for found in landing.files()] == [("edge", "edge/a.jsonl.gz")]
    assert (landing.root / landed.path).read_bytes() == file.read_bytes()


def test_landing_the_same_content_again_is_recognised(landing: Landing, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(jsonl(edge(1)))
    landing.land(file, "edge")
    before = (landing.root / "edge/a.jsonl").stat().st_mtime_ns
    again = landing.land(file, "edge")
    assert again.already_there
    assert "before" in again.sentence
    assert (landing.root / "edge/a.jsonl").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("name", "content", "source", "says"),
    [
        (
            "a.csv",
            "id,org,meter,ts,size,region\n",
            "machines",
            "no column 'seconds'; its columns are id, org, meter, ts",
        ),
        ("a.csv", "", "machines", r"its columns are \(none\)"),
        ("a.csv", "x", "nothing", "there is no source 'nothing'; sources.toml has edge, machines, volumes, events"),
        ("a.txt", "x", "edge", r"reads edge/\*\*/\*.jsonl\*, which does not match edge/a.txt"),
        ("a.jsonl.gz", "not gzip", "edge", "cannot be read as jsonl"),
        ("a.parquet", "not parquet", "volumes", "cannot be read as parquet"),
        (
            "a.jsonl",
            '{"event": 1}\n{"event": 2}\n',
            "edge",
            "none of its first 2 rows .*expects gb, id, org, region, ts",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    landing: Landing, tmp_path: Path, name: str, content: str, source: str, says: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(LandingError, match=says):
        landing.land(tmp_path / name, source)
    assert list(landing.root.rglob("*.*")) == []


def test_two_exports_of_one_name_are_two_files(landing: Landing, tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    paths = []
    for event in (edge("1"), edge("2"), edge("2")):
        file.write_text(jsonl(event))
        paths.append(landing.land(file, "edge"))
    assert [landed.already_there for landed in paths] == [False, False, True]
    assert paths[0].path == "edge/usage.jsonl"
    assert paths[1].path == paths[2].path != paths[0].path
    assert {found.path for found in landing.files()} == {paths[0].path, paths[1].path}


def test_a_file_that_is_not_there_is_refused(landing: Landing, tmp_path: Path) -> None:
    with pytest.raises(LandingError, match="no such file"):
        landing.land(tmp_path / "a.jsonl", "edge")


def test_files_still_being_written_are_not_seen(landing: Landing) -> None:
    (landing.root / "edge").mkdir()
    for name in (".a.jsonl.partial", "_b.jsonl", ".c.jsonl"):
        (landing.root / "edge" / name).write_text("half")
    assert list(landing.files()) == []


def test_object_stores_are_refused_with_a_remedy() -> None:
    with pytest.raises(AddressError, match=r"s3://bucket/x.*local path"):
        local_folder("s3://bucket/x")
