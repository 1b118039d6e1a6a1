"""The one door to the terminal: everything that the command line prints goes through here, and nowhere else.

Callers hand over plain texts. None of them is markup, and none reaches the terminal with a character that does not
print: an organization's id, a file's name or an answer of Stripe may hold escape sequences, line breaks and marks that
turn the direction of writing. What is said, and of what, is not decided here.
"""

import json
import os
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from traceback import format_exc
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flybill_pipeline.billing.alerts.plain import visible


def _console(**more: Any) -> Console:
    """A console that takes every text as it is."""
    return Console(markup=False, emoji=False, highlight=False, soft_wrap=True, **more)


_out = _console()
err = _console(stderr=True)
"""Where errors and progress go. For `progress.py` alone: whatever has words goes through the functions below."""
_UNBOUNDED = 100_000
"""Columns of a table that is not for a terminal: a row is a line, however long."""


@dataclass(frozen=True, slots=True)
class Toned:
    """A text that stands out."""

    text: str
    style: str


def strong(text: str) -> Toned:
    """The text that a line is about."""
    return Toned(text, "bold")


def bad(text: str) -> Toned:
    """Who or what is not done."""
    return Toned(text, "red")


def warning(text: str) -> Toned:
    """Who or what somebody should look at."""
    return Toned(text, "yellow")


Piece = str | Toned


def open_what_is_closed() -> None:
    """A stream that was closed before (`>&-`) leads to nowhere: Python has none then, and each print fails."""
    for name, how in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(how, encoding="utf-8"))  # noqa: SIM115


def tolerate_any_text() -> None:
    """A terminal that cannot show a character shows its number, where Python would end with an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def hand_over() -> None:
    """Hands over what was printed and not read yet; raises BrokenPipeError when nobody reads any more."""
    sys.stdout.flush()


def reader_left() -> None:
    """Nobody reads what we print any more: nothing is to be said of it, not even when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def give_up() -> None:
    """Drops what cannot be written. Python would say once more that the disk is full, and end with 120."""
    try:
        hand_over()
    except OSError:
        reader_left()


def line(*pieces: Piece) -> None:
    """Prints one line."""
    _out.print(_joined(pieces))


def error(*pieces: Piece) -> None:
    """Prints one line where errors and progress belong."""
    err.print(_joined(pieces))


def errors(message: str) -> None:
    """Prints a message of one line or several; the later ones are set in, so that none looks like a new message."""
    for number, each in enumerate(message.split("\n")):
        error(f"  {each}" if number else each)


def traceback() -> None:
    """Prints the traceback of the exception that is being handled: a mistake of ours, for a developer to mend."""
    errors(format_exc().rstrip("\n"))


def fields(values: Mapping[str, str | None]) -> None:
    """Prints what there is of these under the line before: a name and its value on each line."""
    for name, value in values.items():
        if value:
            line(f"  {name + ':':<14} {value}")


def table(titles: Sequence[str], rows: Iterable[Sequence[Piece]], *, right: Collection[str] = ()) -> None:
    """Prints a table; the columns in `right` are set to the right. Without titles there is no head.

    On a terminal long cells are folded, but for amounts and other numbers; elsewhere each row is one line.
    """
    cells = [[_joined([cell]) for cell in row] for row in rows]
    shown = Table(box=None, pad_edge=False, show_header=any(title.strip() for title in titles))
    for title in titles:
        number = title in right
        shown.add_column(visible(title), justify="right" if number else "left", overflow="fold", no_wrap=number)
    for row in cells:
        shown.add_row(*row)
    paper = _out if _out.is_terminal else _console(file=_out.file, width=_UNBOUNDED, height=1)
    paper.print(shown, soft_wrap=False)


def numbers(values: Mapping[str, int]) -> None:
    """Prints whole numbers, one a row."""
    table(("", " "), [(name, f"{number:,}") for name, number in values.items()], right=(" ",))


def counted(number: int, noun: str) -> str:
    """So many of them, in words: `1 organization`, `2,000 organizations`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def json_document(data: Any) -> None:
    """Prints an answer as JSON."""
    json_pieces([json.dumps(data, indent=2), "\n"])


def json_pieces(pieces: Iterable[str]) -> None:
    """Prints JSON that is made piece by piece, each by `json.dumps`, which leaves one control character as it is."""
    for piece in pieces:
        sys.stdout.write(piece.replace("\x7f", "\\u007f"))


def file_text(text: str) -> None:
    """Prints what would stand in a file, as the file has it: UTF-8, each line end as it is."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    sys.stdout.write(text)


def _joined(pieces: Iterable[Piece]) -> Text:
    text = Text()
    for piece in pieces:
        toned = piece if isinstance(piece, Toned) else Toned(piece, "")
        text.append(visible(toned.text), toned.style)
    return text
