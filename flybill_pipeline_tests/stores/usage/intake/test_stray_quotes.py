"""A stray quote in a CSV file loses nothing silently: every row is counted or set aside, or the file is broken."""

import csv
import io
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flybill_pipeline.billing.usage.files import Broken, Taken
from flybill_pipeline.stores.usage.intake.columns import Dialect
from flybill_pipeline_tests.stores.usage.intake.reading import Read, Reader, plain_source
from flybill_pipeline_tests.worlds.effort import examples

HEADER = "id,org,meter,q,ts,region,note"
COLUMNS = len(HEADER.split(","))
QUOTED = '{n},acme,m,1,2026-10-05,iad,"5"" inch, {end}two lines"'
PLAIN = '{"id": "1", "org": "acme", "meter": "m", "q": 1, "ts": "2026-10-05"}\n'


def lines(count: int, odd: dict[int, str] | None = None, end: str = "\n") -> str:
    """A file with `count` rows; some of them as they are given."""
    rows = [HEADER, *((odd or {}).get(n, f"{n},acme,m,1,2026-10-05,iad,x") for n in range(1, count + 1))]
    return "".join(f"{row}{end}" for row in rows)


def by_python(text: str) -> list[list[str]]:
    """The records as Python's csv module reads them, which takes anything."""
    return [row for row in csv.reader(io.StringIO(text, newline="")) if row][1:]


def accounted(read: Read, text: str) -> None:
    """Each record that Python reads is an event or a reject, or the file is broken with the row to look at."""
    if isinstance(read.outcome, Broken):
        assert "row" in read.outcome.reason
        assert read.outcome.remedy
        return
    records = by_python(text)
    assert len(read.events) + len(read.rejects) == len(records)
    whole = Counter(row[0] for row in records if len(row) == COLUMNS)
    assert Counter(event["event_id"] for event in read.events) <= whole


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("odd", "outcome"),
    [
        pytest.param({200: '200,acme,m,1,2026-10-05,iad,"5 inch'}, 201, id="opened in the last column"),
        pytest.param({200: '200,"acme,m,1,2026-10-05,iad,x'}, 201, id="opened in the second column"),
        pytest.param({200: '"200,acme,m,1,2026-10-05,iad,x'}, 201, id="opened in the first column"),
        pytest.param({10: '10,"acme,m,1,2026-10-05,iad,x'}, 11, id="near the beginning"),
        pytest.param({200: '200,"a,m,1,,,', 690: '690,"a,m,1,,,'}, 201, id="closed by another stray quote"),
        pytest.param({200: '200,"x"" inch,m,1,2026-10-05,iad,x'}, 201, id="a doubled quote that closes nothing"),
        pytest.param({200: '200,"a\nb",m,1'}, 201, id="a record of two lines with too few columns"),
        pytest.param({200: '200,acme,m,1,2026-10-05,iad,5 inch"'}, (1000, 0), id="within a bare field"),
        pytest.param({200: '200,acme,m,1,2026-10-05,iad,"5" inch'}, (999, 1), id="text after the closing quote"),
        pytest.param({200: '200,acme,m,1,2026-10-05,iad,"5\\" inch"'}, (999, 1), id="escaped by a backslash"),
        pytest.param({1000: '1000,acme,m,1,2026-10-05,iad,"5 inch'}, (999, 1), id="in the last row"),
        pytest.param({200: QUOTED.format(n=200, end="\n")}, (1000, 0), id="as it should be"),
    ],
)
def test_every_row_is_accounted_for(
    reader: Reader, odd: dict[int, str], outcome: int | tuple[int, int], end: str
) -> None:
    text = lines(1000, odd, end)
    read = reader.text(text, plain_source("csv"))
    if isinstance(outcome, int):
        assert isinstance(read.outcome, Broken)
        assert f"row {outcome} " in read.outcome.reason
        assert read.outcome.remedy
    else:
        assert isinstance(read.outcome, Taken)
        assert (len(read.events), len(read.rejects)) == outcome
        accounted(read, text)


def test_a_quote_that_swallows_half_a_long_file_breaks_it(reader: Reader) -> None:
    """More than one buffer of the reader, so that several threads look for the beginning of a row."""
    text = lines(1_500_000, {700_000: '700000,"acme,m,1,2026-10-05,iad,x'})
    outcome = reader.text(text, plain_source("csv")).outcome
    assert isinstance(outcome, Broken)


def test_a_row_of_many_megabytes_is_told_as_that_too(reader: Reader) -> None:
    """Nobody can tell whether a quote made it of many rows."""
    outcome = reader.text(lines(3, {2: "2,acme,m,1,2026-10-05,iad," + "x" * 17_000_000}), plain_source("csv")).outcome
    assert isinstance(outcome, Broken)
    assert outcome.reason.startswith("row 3 has more than 16 MiB, which nobody reads, or a quote in row 3 ")
    assert outcome.remedy.startswith("write a shorter row; or double each quote")


def test_lines_that_end_in_different_ways_hide_no_stray_quote(reader: Reader) -> None:
    text = lines(300, {200: '200,"acme,m,1,2026-10-05,iad,x'}).replace("note\n", "note\r\n")
    outcome = reader.text(text, plain_source("csv")).outcome
    assert isinstance(outcome, Broken)
    assert "lines end in different ways" in outcome.reason


@settings(max_examples=examples(50), deadline=None)
@given(
    places=st.lists(
        st.tuples(st.integers(0, 11), st.integers(0, 40), st.sampled_from(['"', '""', '"x', 'x"'])), max_size=4
    ),
    quoted=st.sets(st.integers(1, 11), max_size=3),
    end=st.sampled_from(["\n", "\r\n"]),
)
@example(places=[(0, 0, '""')], quoted=set(), end="\n")
@example(places=[(5, 38, '"x')], quoted={5}, end="\r\n")
@example(places=[(1, 0, '"'), (5, 38, 'x"')], quoted={5}, end="\r\n")
@example(places=[(1, 26, '"'), (1, 0, '""')], quoted={1}, end="\n")
@example(places=[(2, 2, '"'), (5, 30, '"')], quoted=set(), end="\n")
def test_quotes_at_any_place(reader: Reader, places: list[tuple[int, int, str]], quoted: set[int], end: str) -> None:
    rows = lines(11, {n: QUOTED.format(n=n, end=end) for n in quoted}, "\x00").split("\x00")[:-1]
    for row, place, quote in places:
        rows[row] = rows[row][:place] + quote + rows[row][place:]
    text = "".join(f"{row}{end}" for row in rows)
    read = reader.text(text, plain_source("csv"))
    if not (
        isinstance(read.outcome, Broken) and ("no column" in read.outcome.reason or "header" in read.outcome.reason)
    ):
        accounted(read, text)


def test_a_header_of_several_lines_is_left_out_as_it_is_told(reader: Reader) -> None:
    text = lines(2).replace("note", '"a note\nof two lines"', 1)
    outcome = reader.text(text, plain_source("csv")).outcome
    assert isinstance(outcome, Broken)
    assert "leave its lines out by `skip` of `csv`, and name the columns by `header`" in outcome.remedy
    mended = plain_source("csv", dialect=Dialect(skip=2, header=tuple(HEADER.split(","))))
    assert len(reader.text(text, mended).events) == 2


def test_a_column_that_stands_twice_is_refused_where_it_is_read(reader: Reader) -> None:
    text = "id,org,meter,q,ts,region,q\na,acme,m,1,2026-10-05,iad,2\n"
    outcome = reader.text(text, plain_source("csv")).outcome
    assert isinstance(outcome, Broken)
    assert "'q' more than once" in outcome.reason
    unread = reader.text(text.replace(",q\n", ",x,x\n").replace(",2\n", ",2,3\n"), plain_source("csv"))
    assert len(unread.events) == 1


@pytest.mark.parametrize(
    ("kind", "text", "advice"),
    [
        ("csv", f"{HEADER}\n1,café,m,1,2026-10-05,iad,x\n2,a,m,1,2026-10-05,iad,x\n", ", or say its `encoding`"),
        ("jsonl", '{"org": "café"}\n' + PLAIN, ""),  # it has no other encoding
    ],
)
def test_an_encoding_is_advised_where_one_can_be_said(reader: Reader, kind: str, text: str, advice: str) -> None:
    file = reader.root / f"given.{kind}"
    file.write_bytes(text.encode("latin-1"))
    message = reader.read(file, plain_source(kind)).rejects[0]["message"]
    assert message.removeprefix("the row is no text in UTF-8: export it so").startswith(advice)
    assert ("`encoding`" in message) == bool(advice)
