"""What does not fit into memory goes to disk, whoever asks and wherever: a folder that nobody worked in yet, too."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import duckdb
import pytest

from flybill_pipeline.stores.files.duck import Limits, duck, duck_once

LITTLE = Limits(memory="64MB", threads=1)
MUCH = (
    "select count(*) from (select distinct 'a text that needs its room, and more of it ' || i from range(1000000) _(i))"
)


@pytest.mark.parametrize("opened", [duck, duck_once])
def test_what_is_more_than_memory_holds_spills_into_a_folder_in_which_nobody_worked(
    opened: Callable[[Path, Limits], AbstractContextManager[duckdb.DuckDBPyConnection]], tmp_path: Path
) -> None:
    with opened(tmp_path, LITTLE) as connection:
        assert connection.execute(MUCH).fetchall() == [(1_000_000,)]


def test_a_folder_that_is_not_there_is_no_fault_of_who_asks_little(tmp_path: Path) -> None:
    with duck(tmp_path / "none", LITTLE) as connection:
        assert connection.execute("select 1").fetchall() == [(1,)]
    assert not (tmp_path / "none").exists()
