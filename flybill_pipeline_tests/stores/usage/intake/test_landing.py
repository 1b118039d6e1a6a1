"""`land` copies a file that its source can read, whole or not at all, and says what is wrong with any other."""

import errno
import os
import shutil
import time
from datetime import date
from pathlib import Path

import pytest

from flybill_pipeline.stores.files.folders import AddressError, local_folder
from flybill_pipeline.stores.usage.intake.landing import LOOKED_AT, LOOKED_THROUGH, Landing, LandingError
from flybill_pipeline.stores.usage.intake.preview import InLake
from flybill_pipeline.stores.usage.intake.sources import load_sources
from flybill_pipeline_tests.stores.usage.usage_world import SOURCES, edge, gz, jsonl

CSV_HEADER = "id,org,meter,seconds,ts,size,region\n"


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


HIVE = """
[[sources]]
name = "hive"
format = "jsonl"
files = "hive/**/*.jsonl"
[sources.columns]
event_id = "id"
org_id = { path = "org=*" }
meter = { path = "*.jsonl" }
quantity = "q"
occurred_at = "t"
"""


def test_folders_that_the_mapping_reads_come_along_and_preview_knows_them(tmp_path: Path) -> None:
    """Else no file of such a source could be landed, or be looked at, by a command."""
    (tmp_path / "sources.toml").write_text(HIVE)
    landing = Landing(f"{tmp_path}/landing", load_sources(tmp_path / "sources.toml"))
    for org in ("acme", "bolt"):
        file = tmp_path / "org=other" / f"org={org}" / "2026" / "gb.jsonl"
        file.parent.mkdir(parents=True)
        file.write_text(jsonl({"id": org, "q": 5, "t": "2026-10-05"}))
        assert landing.preview(file, "hive", InLake(tmp_path)).sums == [(org, "gb", "5", 1)]
        assert landing.land(file, "hive").path == f"hive/org={org}/2026/gb.jsonl"


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
        ("a.csv", "", "machines", "there is no row in it"),
        ("a.csv", "x", "nothing", "there is no source 'nothing'; sources.toml has edge, machines, volumes, events"),
        ("a.txt", "x", "edge", r"reads edge/\*\*/\*.jsonl\*, which does not match edge/a.txt"),
        ("a.jsonl.gz", "not gzip", "edge", "cannot be read as jsonl"),
        ("a.parquet", "not parquet", "volumes", "cannot be read as parquet"),
        ("a.jsonl", b"\x1f\x8b\x08\x00", "edge", "the file is packed by gzip, and its name does not end with .gz"),
        ("a.csv", b"BZh91AY&SY", "machines", "packed by bzip2: pack it by gzip or zstd"),
        ("a.csv", b"PK\x03\x04", "machines", "is a zip archive, as a workbook of Excel"),
        (
            "a.jsonl",
            '{"event": 1}\n{"event": 2}\n',
            "edge",
            r"none of its 2 rows; row 1: the row has no event id \(column 'id'\).*expects gb, id, org, region, ts",
        ),
        ("a.jsonl", "", "edge", "there is no row in it"),
        ("a.jsonl", "\n\n", "edge", "there is no row in it"),
        ("a.csv", CSV_HEADER, "machines", "there is no row in it"),
        ("a.csv", f"{CSV_HEADER}a,acme,m,1,5/10/2026,s,eu\n", "machines", "none of its 1 rows; row 2: the time .*'ts'"),
        (
            "a.csv",
            f"{CSV_HEADER}a,acme,m,start,2026-10-05,s,eu\n",
            "machines",
            "row 2: the quantity .* is not a number",
        ),
        (
            "a.csv",
            f"{CSV_HEADER}a,acme,m,1,2026-10-05,s\n",
            "machines",
            "row 2: the row has fewer columns than the header: it may be cut, so write it whole.",
        ),
        ("a.csv", f'{CSV_HEADER}a,"acme,m,1,2026-10-05,s,eu\nb,"", c\n', "machines", "a quote in row 2 is not closed"),
        ("a.csv", CSV_HEADER.replace("size", "ts"), "machines", "the column 'ts' more than once"),
        (
            "a.jsonl",
            jsonl(edge("1")) + 'no json\n{"id":"2","org":"acme","gb":1,"ts":"2026-10-05T00:00:00Z","gb":2}\n',
            "edge",
            "row 3 has the key 'gb' more than once",
        ),
        (
            "a.jsonl",
            jsonl(edge("1", gb=12), edge("1", gb=30), edge("1", gb=30)),
            "edge",
            "2 of 3 rows have the id of an earlier row but other content.*the event_id of source 'edge' is id: name ev",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    landing: Landing, tmp_path: Path, name: str, content: str | bytes, source: str, says: str
) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LandingError, match=says):
        landing.land(tmp_path / name, source)
    assert list(landing.root.rglob("*.*")) == []


def test_it_says_what_it_saw(landing: Landing, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    rows = [edge(str(n), gb=1.5) for n in range(200)]
    file.write_text(jsonl(*rows, rows[0], rows[1], rows[0] | {"gb": 2}, {"id": "bad"}))
    said = landing.land(file, "edge").sentence
    assert said == (
        "Landed edge/a.jsonl: 204 rows looked at, 203 can be read (row 204: the row names no organization"
        ' (column \'org\')). The first event is 0: acme, 1.5 traffic_gb {"region":"eu"} at 2026-10-05 10:00:00 UTC.'
        " Rows that repeat an earlier one: 2; each id counts once."
        " Rows with the id of an earlier one but other content: 1; they will not count."
    )
    assert landing.land(file, "edge").sentence == "edge/a.jsonl was landed before with the same content."


def test_of_a_large_file_the_first_rows_are_looked_at(landing: Landing, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    row = ",acme,m,1,2026-10-05T00:00:00Z,s,a region with a long name of its own to make the file large\n"
    file.write_text(CSV_HEADER + "".join(f"{n}{row}" for n in range(LOOKED_THROUGH // len(row) + 1)))
    assert landing.land(file, "machines").look.rows == LOOKED_AT


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


def test_a_row_before_the_first_month_is_told_when_it_is_landed_and_read_when_that_month_is_earlier(
    landing: Landing, tmp_path: Path
) -> None:
    file = tmp_path / "old.jsonl"
    file.write_text(jsonl(edge(1, at="2018-12-13T14:51:00Z")))
    with pytest.raises(LandingError, match=r"before 2020-01-01 .* or FLYBILL_FIRST_MONTH is too late"):
        landing.land(file, "edge")
    assert Landing(str(landing.root), landing.sources, date(2018, 12, 1)).land(file, "edge").path == "edge/old.jsonl"


def test_files_still_being_written_are_not_seen(landing: Landing) -> None:
    (landing.root / "edge").mkdir()
    for name in (".a.jsonl.partial", "_b.jsonl", ".c.jsonl"):
        (landing.root / "edge" / name).write_text("half")
    assert list(landing.files()) == []


def test_object_stores_are_refused_with_a_remedy() -> None:
    with pytest.raises(AddressError, match=r"s3://bucket/x.*local path"):
        local_folder("s3://bucket/x")


@pytest.mark.parametrize("name", ["_a.jsonl", ".a.jsonl"])
def test_a_file_that_would_never_be_read_is_refused(landing: Landing, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(jsonl(edge(1)))
    with pytest.raises(LandingError, match="would never be read"):
        landing.land(tmp_path / name, "edge")


def test_a_full_disk_leaves_nothing_and_is_said_in_a_sentence(
    landing: Landing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(_: Path, to: Path) -> None:
        to.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = tmp_path / "a.jsonl"
    file.write_text(jsonl(edge(1)))
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", half)
        with pytest.raises(LandingError, match=r"a\.jsonl: was not landed.*No space left on device; land it again"):
            landing.land(file, "edge")
    assert [path for path in landing.root.rglob("*") if path.is_file()] == []
    assert landing.land(file, "edge").path == "edge/a.jsonl"


def test_what_a_killed_land_left_is_swept_and_what_is_being_written_is_not(landing: Landing, tmp_path: Path) -> None:
    (landing.root / "edge").mkdir()
    old, new = landing.root / "edge" / ".a.jsonl.partial", landing.root / "edge" / ".b.jsonl.partial"
    for left in (old, new):
        left.write_text("half")
    os.utime(old, (time.time() - 90_000,) * 2)
    (tmp_path / "c.jsonl").write_text(jsonl(edge(1)))
    landing.land(tmp_path / "c.jsonl", "edge")
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize("length", [240, 250, 255])
def test_a_long_name_lands_or_is_refused_in_a_sentence(landing: Landing, tmp_path: Path, length: int) -> None:
    file = tmp_path / ("a" * (length - 6) + ".jsonl")
    for number in range(2):  # the second of that name gets a longer one
        file.write_text(jsonl(edge(number)))
        try:
            landing.land(file, "edge")
        except LandingError as error:
            assert "was not landed" in str(error)
    assert len(list(landing.files())) >= 1


def test_a_machine_that_is_short_of_something_is_not_called_a_bad_file(
    landing: Landing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("flybill_pipeline.stores.usage.intake.look.reading", read)
    (tmp_path / "a.jsonl").write_text(jsonl(edge(1)))
    with pytest.raises(LandingError, match=r"nobody could look into it.*Too many open files"):
        landing.land(tmp_path / "a.jsonl", "edge")


def test_a_file_that_was_cut_is_refused_before_it_lands(landing: Landing, tmp_path: Path) -> None:
    whole = gz(jsonl(*(edge(n) for n in range(2000))))
    (tmp_path / "a.jsonl.gz").write_bytes(whole[:-5])
    with pytest.raises(LandingError, match="cut or damaged"):
        landing.land(tmp_path / "a.jsonl.gz", "edge")


@pytest.mark.parametrize("place", ["edge", "edge/2026", "edge/2026/10"])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_folder_that_cannot_be_looked_into_is_named_and_not_taken_for_an_empty_one(
    landing: Landing, monkeypatch: pytest.MonkeyPatch, place: str, number: int
) -> None:
    closed = landing.root / place
    (landing.root / "edge/2026/10").mkdir(parents=True)
    (landing.root / "edge/2026/10/a.jsonl").write_text(jsonl(edge(1)))
    looked, scan = str(closed), os.scandir

    def scandir(folder: os.PathLike[str] | str) -> object:
        if os.fspath(folder) == looked:
            raise OSError(number, os.strerror(number), looked)
        return scan(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(LandingError, match=rf"/{place}: this folder .* cannot be looked into: .*; let the account"):
        list(landing.files())
    if number == errno.EACCES:  # what is seen only may be less; pathlib of newer Pythons looks by another way
        assert len(list(landing.files(seen_only=True))) <= 1


@pytest.mark.parametrize("place", ["lost+found", "edge/.closed", "edge/_tmp", "of-no-source"])
def test_a_folder_that_no_source_reads_may_be_closed(
    landing: Landing, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (landing.root / place).mkdir(parents=True)
    looked, scan = str(landing.root / place), os.scandir

    def scandir(folder: os.PathLike[str] | str) -> object:
        if os.fspath(folder) == looked:
            raise PermissionError(errno.EACCES, "Permission denied", looked)
        return scan(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    assert list(landing.files()) == []


@pytest.mark.parametrize("place", ["a file", "a file/below", "/proc/nope"])
def test_a_place_where_no_folder_can_be_is_refused_by_its_name(tmp_path: Path, place: str) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(AddressError, match=r"no folder can be here: .*; name one"):
        local_folder(str(tmp_path / place))
