"""The DuckDB that reads files reaches the lake and what it is told to read, and nothing else, whatever it is asked."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from flybill_pipeline.stores.files.duck import Limits, copied, csv_rows, duck, parquet_rows
from flybill_pipeline.stores.usage.intake.columns import Column
from flybill_pipeline_tests.stores.usage.intake.reading import Reader, plain_source
from flybill_pipeline_tests.worlds.one_duckdb import duckdb_of_its_own

HEAD = "id,org,meter,q,ts,region\n"
SECRET = f"{HEAD}stolen,mallory,m,1,2026-10-05,eu\n"


@pytest.fixture(autouse=True)
def _fenced() -> Iterator[None]:
    with duckdb_of_its_own():
        yield


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A lake, a landing zone, and a file that is in neither."""
    lake, landing, secret = tmp_path / "lake", tmp_path / "land", tmp_path / "landed.csv"
    for folder in (lake, landing):
        folder.mkdir()
        (folder / "in.csv").write_text("x\n1\n")
    (landing / "link.csv").symlink_to(secret)
    secret.write_text(SECRET)
    return lake, landing, secret


def test_no_statement_reaches_another_file(places: tuple[Path, Path, Path]) -> None:
    lake, landing, secret = places
    tried = [
        f"from read_csv('{secret}')",
        f"from read_text('{landing}/../landed.csv')",
        f"from read_text('{landing}/link.csv')",
        f"from '{secret}'",
        f"from glob('{secret.parent}/*')",
        f"copy (select 1) to '{secret.parent}/new.csv'",
        f"attach '{secret.parent}/new.db'",
        "from read_text('/etc/passwd')",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "set allowed_directories = ['/']",
        "set global lock_configuration = false",
        "reset enable_external_access",
    ]
    with duck(lake, Limits(reads=(landing,))) as connection:
        for statement in tried:
            with pytest.raises(duckdb.Error):
                connection.execute(statement)
        assert connection.execute(f"from {csv_rows(landing / 'in.csv', 'header = true')}").fetchall() == [(1,)]
        connection.execute(copied("select 1 as x", lake / "out.parquet", "format parquet"))
        assert connection.execute(f"from {parquet_rows([lake / 'out.parquet'])}").fetchall() == [(1,)]
    assert not (secret.parent / "new.csv").exists()
    with duck(lake, Limits()) as connection, pytest.raises(duckdb.PermissionException):
        connection.execute(f"from {csv_rows(landing / 'in.csv', 'header = true')}")


NAMES = ["*.csv", "landed[.]csv", "a'), read_csv('landed.csv", "..csv", "{landed,x}.csv", "?anded.csv"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_a_content_and_a_mapping_reach_no_other_file(tmp_path: Path, name: str) -> None:
    secret, folder = tmp_path / "landed.csv", tmp_path / "land"
    secret.write_text(SECRET)
    folder.mkdir()
    (folder / name).write_text(
        f"{HEAD}{secret},acme,m,1,2026-10-05,file://{secret}\n@{secret},acme,m,2,2026-10-05,eu\n"
    )
    source = replace(plain_source("csv"), dimensions={"region": Column("region"), "path": Column(path="*csv")})
    read = Reader(tmp_path / "lake").read(folder / name, source)
    assert [event["org_id"] for event in read.events] == ["acme", "acme"], read.outcome
    assert not any("mallory" in str(event) for event in read.events)
