"""Each mapping that the pages about sources show reads the file below it as they say."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import duckdb
import pytest

from flybill_pipeline.stores.invoicing.aliases_file import read_aliases
from flybill_pipeline.stores.usage.engines.day_totals import EngineTable
from flybill_pipeline.stores.usage.intake.columns import value_in
from flybill_pipeline.stores.usage.intake.sources import load_sources
from flybill_pipeline_tests.docs.pages import DOCS
from flybill_pipeline_tests.stores.usage.intake.mapped import refused, source_of, told
from flybill_pipeline_tests.stores.usage.intake.reading import Reader

EXAMPLE = re.compile(
    r"""^```toml\n(?P<toml>.*?)^```\n
    ```(?P<kind>[a-z]+)(?:[ ](?P<path>\S+))?\n(?P<file>.*?)^```\n
    ```events\n(?P<events>.*?)^```""",
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
FORMATS = 101
KEYS = [
    *(
        "event_id",
        "org_id",
        "meter",
        "quantity",
        "occurred_at",
        "measures",
        "where",
        "where_sql",
        "records",
        "on_conflict",
        "whole",
    ),
    *(
        "column",
        "columns",
        "constant",
        "path",
        "sql",
        "json",
        "alias",
        "map",
        "format",
        "zone",
        "unit",
        "times",
        "divide_by",
    ),
    *("round", "seconds", "delimiter", "quote", "encoding", "decimal", "thousands", "skip", "comment", "header"),
    *("trim", "escape", "null_padding", "null_values", "allow_negative", "dimensions", "csv", "files", "id", "name"),
    *("levels", "level_of", "level_holds"),
    *("url", "table", "query", "watermark", "lag", "deletes", "keeps_days"),
]


class Example(NamedTuple):
    """A mapping, a file, and what becomes of it, as a page has them."""

    title: str
    toml: str
    kind: str
    path: str | None
    file: str
    events: list[str]


def examples(page: str) -> Iterator[Example]:
    text = (DOCS / page).read_text()
    for found in EXAMPLE.finditer(text):
        title = re.findall(r"^##+ (.*)$", text[: found.start()], re.MULTILINE)[-1]
        events = found["events"].splitlines()
        yield Example(title, found["toml"], found["kind"], found["path"], found["file"], events)


EXAMPLES = [*examples("sources.md"), *examples("exporters.md")]


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with TemporaryDirectory(prefix="flybill-read-") as folder:
        yield Reader(Path(folder))


@pytest.mark.parametrize("example", EXAMPLES, ids=[each.title for each in EXAMPLES])
def test_a_mapping_reads_its_file_as_the_page_says(reader: Reader, example: Example) -> None:
    toml = re.sub(r"^(\[\[sources\]\]|name = |id = |files = ).*\n", "", example.toml, flags=re.MULTILINE)
    source = source_of(toml, reader.root)
    file = reader.root / f"given.{source.format}"
    if example.kind == "sql":
        duckdb.execute(f"copy ({example.file}) to '{file}' (format parquet)")
    else:
        file.write_text(example.file)
    read = reader.read(file, source, example.path)
    left_out = getattr(read.outcome, "left_out", 0)
    found = told(read) + [f"refused {row} {reason}" for row, reason in refused(read).items()]
    assert found + ([f"left out {left_out}"] if left_out else []) == example.events, getattr(read.outcome, "reason", "")


WITH_PATH = [each for each in EXAMPLES if each.path and "org_id = { path" in each.toml]


@pytest.mark.parametrize("example", WITH_PATH, ids=[each.title for each in WITH_PATH])
def test_what_is_in_two_folders_is_of_two_organizations_and_each_is_billed(reader: Reader, example: Example) -> None:
    source = source_of(example.toml, reader.root)
    file = reader.root / f"given.{source.format}"
    file.write_text(example.file)
    path = example.path or ""
    owner = value_in(path, source.org_id.path or "") or ""
    both = [reader.read(file, source, each) for each in (path, path.replace(owner, f"{owner}2"))]
    ids = [{event["event_id"] for event in read.events} for read in both]
    assert len(ids[0] | ids[1]) == 2 * len(ids[0]) > 0


def test_the_table_of_the_example_comes_to_what_the_page_says(reader: Reader, tmp_path: Path) -> None:
    page = (DOCS / "sources.md").read_text()
    found = re.search(r"```toml\n([^`]*?)```\n```table\n(.*?)```\n```totals\n(.*?)```", page, re.DOTALL)
    assert found is not None
    toml, made, totals = found.groups()
    (tmp_path / "sources.toml").write_text(toml)
    source = load_sources(tmp_path / "sources.toml")["warehouse"]
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute(made)
    assert source.table is not None
    table = EngineTable(source, source.table, {"WAREHOUSE_URL": f"duckdb://{tmp_path}/warehouse.duckdb"}.get)
    with table.pulled(None, datetime(2026, 10, 20, tzinfo=UTC)) as pulled:
        days = [reader.read(Path(day.location), source, None) for day in pulled.days]
    lines = [line for day in days for line in told(day)]
    assert lines + [f"refused {why}" for day in days for why in refused(day).values()] == totals.splitlines()


def test_the_example_of_aliases_is_taken_as_it_stands(tmp_path: Path) -> None:
    page = (DOCS / "sources.md").read_text()
    example = next(each for each in EXAMPLES if each.title == "Whose usage it is")
    (text,) = re.findall(r"^```aliases\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "aliases.csv").write_text(text)
    sources = {"traffic": replace(source_of(example.toml, tmp_path), name="traffic")}
    assert len(read_aliases(tmp_path / "aliases.csv", sources, {"acme", "zenith"})) == 3


def test_every_key_of_the_language_is_explained() -> None:
    page = (DOCS / "sources.md").read_text()
    assert [key for key in KEYS if f"`{key}`" not in page] == []


def test_all_formats_are_in_the_table() -> None:
    text = (DOCS / "exporters.md").read_text()
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)]
    assert numbers == list(range(1, FORMATS + 1))
    shown = {int(each.title.split(".")[0]) for each in EXAMPLES if each.title[0].isdigit()}
    said = {int(number) for number in re.findall(r"^\| (\d+) \|[^|]*\| no", text, re.MULTILINE)}
    assert shown | said == set(numbers)
    assert not shown & said
