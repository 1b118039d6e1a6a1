"""The statement as CSV: its rows sum to what is left, and no text of anybody's becomes a formula in a spreadsheet."""

import csv
import io
import re
from decimal import Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from flybill_pipeline.exports.spreadsheet import statement_csv, text_cell
from flybill_pipeline_tests.cli.render.hostile import TEXT
from flybill_pipeline_tests.exports.statements import by_app, credit_note, line, owed
from flybill_pipeline_tests.worlds.effort import examples

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
BEGINS = "=+-@\uff1d\uff0b\uff0d\uff20"
TEXTS = st.text(st.one_of(st.sampled_from(BEGINS + ";,|\t\r\n\"' 1A"), st.characters()), max_size=12)


def rows(text: str) -> list[dict[str, str]]:
    assert text.encode().startswith(b"\xef\xbb\xbf"), "Excel takes it for another encoding"
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


def test_the_rows_sum_to_what_is_left_and_show_each_app() -> None:
    answer = owed([by_app(500), line(-20, kind="discount", meter=None, title=None)], [credit_note(100)])
    found = rows(statement_csv(answer))
    assert [(row["line"], row["kind"], row["dimension_app"], row["amount"]) for row in found] == [
        ("1", "usage", "web", "3.75"),
        ("1", "usage", "worker", "1.25"),
        ("2", "discount", "", "-0.2"),
        ("1", "credit_note", "", "-1"),
    ]
    assert sum(int(row["amount_minor"]) for row in found) == answer.left_minor == 380
    assert sum(Decimal(row["amount"]) for row in found) == Decimal("3.8")
    assert {row["dimension_region"] for row in found[:2]} == {"iad"}
    assert {row["invoice_number"] for row in found} == {"FB-2025-10-000001"}
    assert found[0]["description"] == "Machines · 250 seconds @ $0.02"


def test_a_month_without_lines_has_titles_alone() -> None:
    assert rows(statement_csv(owed([], outcome="nothing_to_bill", invoice_number=None))) == []


def test_quantities_are_digits_however_small() -> None:
    (row,) = rows(statement_csv(owed([line(quantity=Decimal("1E-18"))])))
    assert row["quantity"] == "0.000000000000000001"


@settings(max_examples=examples(300))
@given(TEXTS, TEXTS)
@example("=1+1", "a;=1+1")
@example("\uff1dcmd|' /C calc'!A0", ' "=1+1"')
@example("\t=1+1", '|"@SUM(1)')
@example(TEXT, TEXT)
def test_no_text_begins_a_formula_wherever_a_spreadsheet_splits(one: str, other: str) -> None:
    hostile = line(description=other, title=one, meter=one, unit=other, dimensions={one: other})
    text = statement_csv(owed([hostile], [credit_note(1, reason=one, number=other)]))
    assert [each for each in text[1:].replace("\r\n", "") if not each.isprintable()] == []
    for separator in ",;|\t":
        for cells in csv.reader(io.StringIO(text[1:], newline=""), delimiter=separator):
            starts = [cell.lstrip(' "') for cell in cells]
            assert [cell for cell in starts if cell[:1] and cell[0] in BEGINS and not NUMBER.match(cell)] == []


@given(st.text(st.characters(categories=["L", "N"]), min_size=1))
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert text_cell(text) == text
    assert text_cell(f"{text} - {text}@{text}") == f"{text} - {text}@{text}"
