"""A CSV file of any dialect says what Python's own reader says it does; row numbers are those of an editor."""

import csv
import io
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flybill_pipeline.billing.usage.files import Broken
from flybill_pipeline_tests.stores.usage.intake.mapped import PLAIN, read, refused, source_of, told
from flybill_pipeline_tests.stores.usage.intake.reading import Reader

CSV = f'format = "csv"\n{PLAIN}'
HEADER, ROW = "id;org;meter;q;ts\n", "1;acme;m;2;2026-10-05\n"
EVENT = ["acme m 2 2026-10-05T00:00:00Z"]


@pytest.mark.parametrize(
    ("dialect", "content"),
    [
        ('delimiter = ";"', "\ufeff" + HEADER + ROW),
        ('delimiter = ";"', (HEADER + ROW).encode("utf-16")),
        ('delimiter = ";"', ("\ufeff" + HEADER + ROW).encode("utf-16-be")),
        ('delimiter = ";", encoding = "cp1252"', (HEADER + ROW).encode("cp1252")),
        ('delimiter = ";", encoding = "latin-1"', HEADER + ROW),
        ('delimiter = ";"', (HEADER + ROW).replace("\n", "\r\n")),
        ('delimiter = ";", skip = 1', "sep=;\n" + HEADER + ROW),
        ('delimiter = ";"', "\n \n" + HEADER + ROW),
        ('delimiter = ";", skip = 2', "Report of October\n\n\n" + HEADER + ROW),
        ('delimiter = ";", comment = "#"', "#Version: 1\n#Fields: a\n" + HEADER + "# none\n" + ROW + "#end\n"),
        ('delimiter = ";", comment = "#", header = ["id","org","meter","q","ts"]', "#Version: 1\n\n" + ROW),
        ('delimiter = ";", header = ["id","org","meter","q","ts"]', ROW),
        ('delimiter = ";", header = ["id","org","meter","q","ts","x","y"], null_padding = true', ROW),
        ('delimiter = ";", trim = true', " id; org ;meter; q; ts\n 1 ; acme;m ; 2; 2026-10-05 \n"),
        ('delimiter = ";", trim = true', '"id"; "org"; "meter"; "q"; "ts"\n"1"; " acme "; "m"; "2"; "2026-10-05"\n'),
        ('delimiter = ";", trim = true', 'id; "org"; meter; q; ts\r\n1; "acme"; m; 2; 2026-10-05\n'),
        ('delimiter = ";", trim = true, header = ["id","org","meter","q","ts"]', "1;\u00a0acme; m; 2; 2026-10-05\n"),
        ('delimiter = "\\t"', (HEADER + ROW).replace(";", "\t")),
        ('delimiter = ";", quote = "\'"', HEADER + ROW.replace("acme", "'acme'")),
    ],
)
def test_each_dialect_is_read(reader: Reader, dialect: str, content: str | bytes) -> None:
    assert told(read(reader, f"{CSV}csv = {{ {dialect} }}", content)) == EVENT


def test_what_is_only_blanks_is_absent_where_blanks_are_none(reader: Reader) -> None:
    where = 'null_values = ["-"]\nwhere = { meter = { present = true } }\n'
    toml = f'{CSV}{where}csv = {{ delimiter = ";", trim = true }}'
    found = read(reader, toml, HEADER + ROW + ROW.replace("m", " ") + ROW.replace("m", " - ") + ROW.replace("1", " "))
    assert told(found) == EVENT
    assert getattr(found.outcome, "left_out", 0) == 2
    assert refused(found) == {5: "event_id_missing"}


def test_blanks_around_the_names_of_columns_are_told(reader: Reader) -> None:
    found = read(reader, f'{CSV}csv = {{ delimiter = ";" }}', "id; org; meter; q; ts\n1; acme; m; 2; 2026-10-05\n")
    outcome = found.outcome
    assert getattr(outcome, "reason", "") == "names of columns have blanks around them, such as ' org'"
    assert getattr(outcome, "remedy", "") == "say csv = { trim = true } in source 't'"


def test_letters_of_an_old_encoding_are_kept(reader: Reader) -> None:
    content = (HEADER + ROW).replace("acme", "Müller €").encode("cp1252")
    assert told(read(reader, f'{CSV}csv = {{ delimiter = ";", encoding = "cp1252" }}', content))[0].startswith(
        "Müller €"
    )


def test_a_file_of_another_encoding_is_broken_with_a_sentence(reader: Reader) -> None:
    found = read(reader, f'{CSV}csv = {{ delimiter = ";", encoding = "utf-16" }}', b"\xff\xfea\x00b")
    assert getattr(found.outcome, "reason", "") == "the file is no utf-16 text (truncated data)"
    found = read(reader, f'{CSV}csv = {{ delimiter = ";", encoding = "utf-16" }}', b"a;b\n")
    assert getattr(found.outcome, "reason", "").startswith("the file is no utf-16 text (")


def test_a_line_of_a_quoted_text_is_no_comment(reader: Reader) -> None:
    content = HEADER + '"a\n#1\n";acme;m;1;2026-10-05\n# "none\n"a\n#2\n";acme;m;2;2026-10-05\n# 5" one\n' + ROW
    found = read(reader, f'{CSV}csv = {{ delimiter = ";", comment = "#" }}', content)
    assert [(event["event_id"], int(event["quantity"])) for event in found.events] == [
        ("a\n#1\n", 1),
        ("a\n#2\n", 2),
        ("1", 2),
    ]
    assert found.rejects == []


@pytest.mark.parametrize(
    "names", ["Fields: id;org;meter;q;ts;x", "Fields:\tid org meter q ts x", "id;org;meter;q;ts;x"]
)
def test_a_comment_that_names_the_columns_anew_and_otherwise_refuses_the_file(reader: Reader, names: str) -> None:
    """As an IIS log does whose fields were changed: 7 would be billed where 130 was used."""
    toml = f'{CSV}csv = {{ delimiter = ";", comment = "#", header = ["id", "org", "meter", "q", "ts", "x"] }}'
    content = "#Software: x\n#{}\n1;acme;m;120;2026-10-05;7\n#Date: x\n#{}\n2;acme;m;7;2026-10-05;130\n"
    again = read(reader, toml, content.format(names, names))
    assert len(told(again)) == 2
    changed = read(reader, toml, content.format(names, names.replace("q", "_").replace("x", "q").replace("_", "x")))
    assert isinstance(changed.outcome, Broken)
    assert "line 5 names other columns than line 2" in str(changed.outcome.reason)


def test_a_mark_of_comments_within_a_value_is_no_comment(reader: Reader) -> None:
    content = HEADER + "1;acme;m # n;2;2026-10-05\n" + '"#2";acme;m;2;2026-10-05\n'
    found = read(reader, f'{CSV}csv = {{ delimiter = ";", comment = "#" }}', content)
    assert sorted((event["event_id"], event["meter"]) for event in found.events) == [("#2", "m"), ("1", "m # n")]


def test_rows_are_numbered_as_an_editor_does(reader: Reader) -> None:
    content = "title\n\n" + HEADER + ROW + "2;acme;m;x;2026-10-05\n3;acme\n4;acme;m;2;2026-10-05\n"
    found = read(reader, f'{CSV}csv = {{ delimiter = ";", skip = 1 }}', content)
    assert refused(found) == {5: "quantity_not_a_number", 6: "malformed_missing_columns"}
    assert sorted(event["row"] for event in found.events) == [4, 7]


NUMBERED = {
    "good": "{n};acme;m;2;2026-10-05;x",
    "of two lines": '{n};acme;m;2;2026-10-05;"x\n# no; comment\n\ny"',
    "wrong": "{n};acme;m;wrong;2026-10-05;x",
    "wrong, of two lines": '{n};acme;m;wrong;2026-10-05;"x\ny"',
    "cut": "{n};acme",
    "blank": "",
    "comment": "# {n};acme;m;2;2026-10-05;x",
}


@settings(max_examples=12, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(list(NUMBERED)), max_size=30),
    above=st.sampled_from(["", "# a\n\n# b\n"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_a_row_is_numbered_by_the_line_in_which_it_begins(
    reader: Reader, kinds: list[str], above: str, end: str
) -> None:
    content, begins = above + HEADER.replace("ts", "ts;note"), dict[int, str]()
    for n, kind in enumerate(kinds):
        begins[content.count("\n") + 1] = kind
        content += NUMBERED[kind].format(n=n) + "\n"
    found = read(reader, f'{CSV}csv = {{ delimiter = ";", comment = "#" }}', content.replace("\n", end))
    wrong, cut = ([line for line, kind in begins.items() if kind.startswith(each)] for each in ("wrong", "cut"))
    said = dict.fromkeys(wrong, "quantity_not_a_number") | dict.fromkeys(cut, "malformed_missing_columns")
    assert refused(found) == said
    good = [line for line, kind in begins.items() if kind in ("good", "of two lines")]
    assert sorted(event["row"] for event in found.events) == good


def test_lines_of_one_column_are_numbered_too(reader: Reader) -> None:
    mapping = 'format = "csv"\ncolumns = { event_id = "row", org_id = "o", meter = { constant = "m" }, '
    toml = mapping + 'quantity = { constant = 1 }, occurred_at = { constant = "2026-10-05" } }\ncsv = { comment = "#" }'
    found = read(reader, toml, '#\no\n\na\n#\n"b\nc"\nx,y\nd\n')
    assert [(event["row"], event["event_id"][-2:]) for event in found.events] == [(4, "-2"), (6, "-3"), (9, "-4")]
    assert refused(found) == {8: "malformed_too_many_columns"}


def test_many_bad_rows_take_no_longer_than_many_good_ones(reader: Reader) -> None:
    lines = "".join(f"{n};acme;m;2;2026-10-05{';9' * (n % 2)}\n" for n in range(30_000))
    began = process_time()
    found = read(reader, f'{CSV}csv = {{ delimiter = ";" }}', HEADER + lines)
    assert (len(found.events), len(found.rejects), found.events[-1]["row"]) == (15_000, 15_000, 30_000)
    assert process_time() - began < 4


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)


@settings(max_examples=15, deadline=None)
@given(
    rows=st.lists(st.tuples(texts, st.integers(0, 99)), min_size=1, max_size=30),
    delimiter=st.sampled_from([";", ",", "|", "\t"]),
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_python_reads_the_same(
    reader: Reader, rows: list[tuple[str, int]], delimiter: str, encoding: str, quoting: Any
) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, quoting=quoting, lineterminator="\n")
    writer.writerow(["id", "org", "meter", "q", "ts", "note"])
    writer.writerows([n, "acme", "m", quantity, "2026-10-05", note] for n, (note, quantity) in enumerate(rows))
    spelled = delimiter.replace("\t", "\\t")
    toml = f'{CSV}dimensions = {{ note = "note" }}\ncsv = {{ delimiter = "{spelled}" }}'
    found = read(reader, toml, written.getvalue().encode(encoding))
    parsed = list(csv.DictReader(io.StringIO(written.getvalue()), delimiter=delimiter))
    assert [reject["reason"] for reject in found.rejects] == []
    assert {event["event_id"]: event["quantity"] for event in found.events} == {r["id"]: int(r["q"]) for r in parsed}


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ('csv = { delimeter = ";" }', r"csv.delimeter: unknown key \(did you mean 'delimiter'\?\)"),
        ('csv = { decimal = ";" }', "csv.decimal: must be a point or a comma"),
        ('csv = { thousands = "." }', "csv.thousands: must not be the decimal mark"),
        ('csv = { skip = "1" }', "csv.skip: must be a whole number"),
        ('csv = { comment = "//" }', "csv.comment: must be one character"),
        ('csv = { encoding = "utf-9" }', "csv.encoding: is none that Python knows: 'utf-9'"),
        ('csv = { encoding = "hex" }', "csv.encoding: is none that Python knows: 'hex'"),
        ('csv = { encoding = "idna" }', "csv.encoding: is none that Python knows: 'idna'"),
        ('delimiter = ";"\ncsv = { delimiter = ";" }', "csv.delimiter: is said twice"),
        ("csv = 3", "csv: must be a table, not 3"),
    ],
)
def test_a_dialect_that_nobody_can_read_is_a_fault(reader: Reader, toml: str, says: str) -> None:
    with pytest.raises(Exception, match=says):
        source_of(CSV + toml, reader.root)


def test_a_header_that_names_a_column_twice_gives_way_to_another_one(reader: Reader) -> None:
    content = "id;org;q;meter;q;ts\n1;acme;7;m;2;2026-10-05\n"
    remedy = getattr(read(reader, f'{CSV}csv = {{ delimiter = ";" }}', content).outcome, "remedy", "")
    assert remedy.endswith("or leave out its header by `skip` of `csv`, and name its columns by `header`")
    named = 'skip = 1, header = ["id","org","other","meter","q","ts"]'
    assert told(read(reader, f'{CSV}csv = {{ delimiter = ";", {named} }}', content)) == EVENT
