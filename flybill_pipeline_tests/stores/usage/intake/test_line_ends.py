"""CSV whose lines end in different ways is read as RFC 4180 and Python's csv read it, or refused with words."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flybill_pipeline.billing.usage.files import Broken
from flybill_pipeline.stores.usage.intake import line_ends
from flybill_pipeline.stores.usage.intake.columns import Dialect
from flybill_pipeline.stores.usage.intake.stray_quotes import UnclearRowsError
from flybill_pipeline_tests.stores.usage.intake.reading import Reader, plain_source
from flybill_pipeline_tests.worlds.effort import examples

HEADER = ("id", "org", "meter", "q", "ts", "region")
SOURCE = plain_source("csv")


def written(regions: list[str], ends: list[str], quote: str = '"') -> str:
    """A row for each region; the n-th line ends by the n-th of `ends`, over and over."""
    rows = [",".join(HEADER)]
    for number, region in enumerate(regions):
        doubled = region.replace(quote, 2 * quote) if quote else region
        rows.append(f"e{number},a,m,{number},2026-10-05,{quote}{doubled}{quote}")
    return "".join(row + ends[place % len(ends)] for place, row in enumerate(rows))


def begun(rows: Any) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line in which it begins."""
    begins = 1
    for row in rows:
        yield begins, row
        begins = rows.line_num + 1


texts = st.text(st.sampled_from('ab,"\r\n;'), min_size=1, max_size=5)


@settings(max_examples=examples(25), deadline=None)
@given(st.lists(texts, min_size=1, max_size=6), st.lists(st.sampled_from(["\r\n", "\n"]), min_size=1, max_size=7))
def test_ends_of_both_kinds_make_no_difference(reader: Reader, regions: list[str], ends: list[str]) -> None:
    text = written(regions, ends)
    found = reader.text(text, SOURCE)
    lines = csv.reader(io.StringIO(text, newline=""))
    want = [(int(row[HEADER.index("q")]), begins) for begins, row in begun(lines) if begins > 1]
    assert [(int(event["quantity"]), event["row"]) for event in found.events] == want
    assert [event["dimensions"] for event in found.events] == [
        reader.text(written(["", region], ["\n"]), SOURCE).events[1]["dimensions"] for region in regions
    ]
    assert found.rejects == []


def test_with_other_quotes_comments_and_lines_above_the_header_too(reader: Reader) -> None:
    text = written(["x", "y\r\n", "z"], ["\r\n", "\n"], "'")
    dialect = Dialect(quote="'", comment="#", skip=1)
    found = reader.text(f"title\r\n{text}# no row\ne9,a,m,1\r\n", plain_source("csv", dialect=dialect))
    assert [event["event_id"] for event in found.events] == ["e0", "e1", "e2"]
    assert [reject["reason"] for reject in found.rejects] == ["malformed_missing_columns"]
    bare = reader.text(written(["x", "y"], ["\r\n", "\n"], ""), plain_source("csv", dialect=Dialect(quote="")))
    assert [event["row"] for event in bare.events] == [2, 3]


@settings(max_examples=examples(25), deadline=None)
@given(st.lists(st.text(st.sampled_from("ab\"'; \\"), min_size=1, max_size=5), min_size=2, max_size=5))
def test_where_nothing_is_quoted_a_quote_is_a_text_with_ends_of_both_kinds_too(
    reader: Reader, regions: list[str]
) -> None:
    source = plain_source("csv", dialect=Dialect(quote=""))
    alike = reader.text(written(regions, ["\n"], ""), source)
    found = reader.text(written(regions, ["\r\n", "\n"], ""), source)
    assert [event["dimensions"] for event in found.events] == [event["dimensions"] for event in alike.events]
    assert len(found.events) == len(regions)


@pytest.mark.parametrize("header", [(), HEADER])
def test_a_mark_before_a_quoted_text_is_no_part_of_it(reader: Reader, header: tuple[str, ...]) -> None:
    rows = [HEADER] * (not header) + [(f"e{number}", "a", "m", "1", "2026-10-05", "x") for number in range(4)]
    lines = ['"' + '","'.join(row) + '"' for row in rows]
    text = "\ufeff" + "\r\n".join(lines[:3]) + "\n" + "\n".join(lines[3:])
    found = reader.text(text, plain_source("csv", dialect=Dialect(header=header)))
    assert [event["event_id"] for event in found.events] == ["e0", "e1", "e2", "e3"]


@pytest.mark.parametrize("piece", [1, 2, 3, 99])
def test_ends_are_told_apart_wherever_the_reading_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(line_ends, "PIECE", piece)
    for text in (b"a\r\nb\r\n", b"a\nb\n", b"a\rb\r", b"a\r\n\r\nb", b'"a\nb"\r\nc\r\n', b""):
        (tmp_path / "a.csv").write_bytes(text)
        line_ends.require_one_end(tmp_path / "a.csv", Dialect())
    for text in (b"a\r\nb\n", b"a\nb\r", b"a\r\nb\r", b"a\rb\nc"):
        (tmp_path / "a.csv").write_bytes(text)
        with pytest.raises(UnclearRowsError):
            line_ends.require_one_end(tmp_path / "a.csv", Dialect())


def test_a_long_text_is_no_stray_quote(reader: Reader) -> None:
    rows = [f'e{number},a,m,1,2026-10-05,x,"{text}"' for number, text in enumerate(["y", "z" * 200_000, "y"])]
    found = reader.text("\n".join([",".join((*HEADER, "log")), "\r\n".join(rows)]), SOURCE)
    assert [event["event_id"] for event in found.events] == ["e0", "e1", "e2"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (written(["x", "y", "z"], ["\n", "\n", "\r"]), "some lines end with CR alone, others do not"),
        (written(["x", "y", "z"], ["\r\n", "\r"]), "some lines end with CR alone, others do not"),
        (written(["x", "y"], ["\r\n", "\n"]) + 'e7,a,m,1,2026-10-05,"open\n', "nobody can tell where rows begin"),
        (written(["x", "y"], ["\r\n", "\n"]) + 'e7,a,m,1,2026-10-05,"5" inch\n', "nobody can tell where rows begin"),
    ],
)
def test_where_nobody_can_tell_what_ends_a_row_the_file_is_refused(reader: Reader, text: str, says: str) -> None:
    outcome = reader.text(text, SOURCE).outcome
    assert isinstance(outcome, Broken)
    assert says in outcome.reason
    assert "in quotes" in outcome.remedy or "double each quote" in outcome.remedy
