"""The door itself: what it does with texts, lines, tables and messages."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from flybill_pipeline.billing.alerts.plain import visible
from flybill_pipeline.cli.render import screen


@given(st.text(st.characters()))
def test_what_is_visible_prints_and_what_prints_stays(text: str) -> None:
    assert visible(text).isprintable()
    assert visible("".join(each for each in text if each.isprintable())) == "".join(
        each for each in text if each.isprintable()
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Größe 5 €, 価格", "Größe 5 €, 価格"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb", "a\\nb"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_does_not_print_is_written_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_line_is_one_line_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    screen.line(screen.bad("acme" * 100), " is\nheld")
    assert capsys.readouterr().out == "acme" * 100 + " is\\nheld\n"


def test_later_lines_of_a_message_cannot_be_taken_for_a_new_one(capsys: pytest.CaptureFixture[str]) -> None:
    screen.errors("flybill: two faults:\nrow 2\nflybill: all is well")
    assert capsys.readouterr().err == "flybill: two faults:\n  row 2\n  flybill: all is well\n"


def test_what_is_not_there_makes_no_field(capsys: pytest.CaptureFixture[str]) -> None:
    screen.fields({"what happened": "it broke", "what to do": None, "customer sees": ""})
    assert capsys.readouterr().out == "  what happened: it broke\n"


def test_off_a_terminal_a_row_is_a_line_and_nothing_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    screen.table(("what", "amount"), [("x" * 300, "$1.00"), ("y", "$10.00")], right=("amount",))
    assert capsys.readouterr().out.splitlines() == [
        f"{'what':<300}  amount",
        f"{'x' * 300}   $1.00",
        f"{'y':<300}  $10.00",
    ]


def test_on_a_terminal_a_long_cell_is_folded_and_nothing_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(
        screen, "_out", screen._console(file=shown, force_terminal=True, color_system=None, width=40, height=50)
    )
    screen.table(("what", "amount"), [("x" * 100, "$1.00")], right=("amount",))
    lines = shown.getvalue().splitlines()
    assert max(len(line) for line in lines) <= 40
    assert sum(line.count("x") for line in lines) == 100


def test_numbers_have_no_head(capsys: pytest.CaptureFixture[str]) -> None:
    screen.numbers({"invoices": 1200, "held": 3})
    assert capsys.readouterr().out == "invoices  1,200\nheld          3\n"


def test_a_traceback_is_no_way_around_the_door(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        screen.traceback()
    told = capsys.readouterr().err
    assert "ValueError: \\x1b[2J" in told and "\x1b" not in told


def test_an_amount_is_never_broken_however_narrow_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    paper = io.StringIO()
    monkeypatch.setattr(screen, "_out", Console(file=paper, width=22, force_terminal=True, no_color=True))
    screen.table(("currency", "due", "open"), [("usd", "$14.35", "$14.35")], right=("due", "open"))
    assert paper.getvalue().count("$14.35") == 2
