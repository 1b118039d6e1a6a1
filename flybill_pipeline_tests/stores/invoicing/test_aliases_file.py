"""A file of aliases is read whole, and every fault names its row and what to do."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flybill_pipeline.billing.usage.aliases import EVER, AliasPeriod
from flybill_pipeline.stores.invoicing.aliases_file import read_aliases
from flybill_pipeline.stores.invoicing.org_terms import ImportRefusedError
from flybill_pipeline.stores.usage.intake.columns import Column
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.lake.aliases import AliasRow

COLUMN = Column(name="x")


def source(name: str, *, aliased: bool = True) -> SourceMapping:
    return SourceMapping(name, "csv", "*", (COLUMN,), COLUMN, COLUMN, COLUMN, COLUMN, id=f"{name}-id", aliased=aliased)


SOURCES = {"metering": source("metering"), "plain": source("plain", aliased=False)}


def read(tmp_path: Path, text: str) -> list[AliasRow]:
    file = tmp_path / "aliases.csv"
    file.write_text(text, encoding="utf-8")
    return read_aliases(file, SOURCES, {"acme", "bolt"})


def test_a_source_may_be_named_by_its_name_or_its_id_and_times_are_utc(tmp_path: Path) -> None:
    rows = read(
        tmp_path,
        "source,alias,org_id,from,until\nmetering,acct-1,acme,,2026-10-15T12:00:00+02:00\n"
        "metering-id, acct-1 ,bolt,2026-10-15T10:00:00Z,\nmetering,acct-2,-,,-\n",
    )
    noon = datetime(2026, 10, 15, 10, tzinfo=UTC)
    assert rows == [
        AliasRow(2, AliasPeriod("metering-id", "acct-1", EVER, noon, "acme")),
        AliasRow(3, AliasPeriod("metering-id", "acct-1", noon, None, "bolt"), says_end=False),
        AliasRow(4, AliasPeriod("metering-id", "acct-2", EVER, None, "-"), taken_away=True),
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("source,alias\n", "row 1: column org_id is missing; the header must have source, alias, org_id"),
        ("source,alias,org_id,form\n", "row 1: column 'form' is not known; known are source, alias, org_id, from"),
        ("source,alias,org_id\nmetering,,acme\n", "row 2: alias is empty: every alias needs one"),
        ("source,alias,org_id\nmetering,a\n", "row 2: has not as many fields as the header"),
        (
            "source,alias,org_id\nmetring,a,acme\n",
            "row 2: sources.toml has no source 'metring' (did you mean 'metering'",
        ),
        ("source,alias,org_id\nplain,a,acme\n", "row 2: source plain has no aliases: its mapping must say org_id = {"),
        ("source,alias,org_id\nmetering,a,acmee\n", "row 2: organization 'acmee' is not known: import it with"),
        ("source,alias,org_id,from\nmetering,a,acme,October\n", "row 2: 'October' is not a time: write 2026-10-01 or"),
        (
            "source,alias,org_id,from,until\nmetering,a,acme,2026-10-02,2026-10-02\n",
            "row 2: until 2026-10-02 is not after from 2026-10-02",
        ),
        (
            "source,alias,org_id\nmetering,a,acme\nmetering,a,bolt\n",
            "row 3: the alias stands in row 2 too, with the same beginning: remove one",
        ),
        (f"source,alias,org_id\nmetering,{'a' * 501},acme\n", "row 2: alias has 501 characters, and 500 is the most"),
    ],
)
def test_what_is_wrong_is_told_with_its_row(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ImportRefusedError) as refused:
        read(tmp_path, text)
    assert f"{tmp_path / 'aliases.csv'}: {fault}" in str(refused.value)


def test_a_source_that_names_no_aliases_any_more_still_has_those_of_its_usage(tmp_path: Path) -> None:
    """Its usage waits, whatever became of the mapping since."""
    (file := tmp_path / "aliases.csv").write_text(
        "source,alias,org_id\nplain,a,acme\ngone-id,b,bolt\nmetering-id,c,acme\n"
    )
    rows = read_aliases(file, SOURCES, {"acme", "bolt"}, lambda: {"plain-id", "gone-id"})
    assert [row.period.source for row in rows] == ["plain-id", "gone-id", "metering-id"]
    with pytest.raises(
        ImportRefusedError, match=r"(?s)row 2: source plain has no aliases.*row 3: .* no source 'gone-id'"
    ):
        read_aliases(file, SOURCES, {"acme", "bolt"})


def test_of_a_name_and_an_id_that_are_alike_the_name_is_meant(tmp_path: Path) -> None:
    one, two = replace(source("one"), id="two"), replace(source("two"), id="one")
    (file := tmp_path / "aliases.csv").write_text("source,alias,org_id\ntwo,a,acme\n")
    (row,) = read_aliases(file, {"one": one, "two": two}, {"acme"})
    assert row.period.source == "one"
