"""Whatever reads a file that an operator names refuses a pipe at once, where it would wait for ever."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flybill_pipeline.stores.invoicing.imported_fields import csv_rows
from flybill_pipeline.stores.invoicing.items_file import read_items
from flybill_pipeline.stores.pricing.price_books import load_price_books
from flybill_pipeline.stores.usage.intake.sources import load_sources

READERS: dict[str, Callable[[Path], object]] = {
    "orgs.csv": csv_rows,
    "items.json": read_items,
    "usd.toml": load_price_books,
    "sources.toml": load_sources,
}


@pytest.mark.timeout(10)
@pytest.mark.parametrize("name", READERS)
def test_a_pipe_is_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(Exception, match=r"a pipe or a device.*name") as refused:
        READERS[name](tmp_path / name)
    assert name in str(refused.value)


@pytest.mark.timeout(10)
def test_a_pipe_among_price_books_is_refused_too(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "usd.toml")
    with pytest.raises(Exception, match=r"usd\.toml: .*a pipe or a device"):
        load_price_books(tmp_path)
