"""CSV whose lines end in different ways, as appended exports do, with one end. Which rows are good is not said here.

DuckDB gives such a file up, or some of its rows. RFC 4180, Python and spreadsheets agree on where its rows end: at CRLF
or LF outside of quotes. A lone CR ends a row in files that have no other end; among others it may be a part of a text.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

from flybill_pipeline.stores.files.long_texts import allow_long_texts
from flybill_pipeline.stores.files.second_reader import PIECE, plain_content
from flybill_pipeline.stores.usage.intake.columns import Dialect
from flybill_pipeline.stores.usage.intake.stray_quotes import UnclearRowsError, unclear_ends

AT_ONCE = 10_000
KEPT = "surrogateescape"
"""Bytes of a UTF-8 file that are no characters stay as they are: their lines are bad rows, the others are good."""


class StrayQuoteError(UnclearRowsError):
    """It is a quote that is not as it should be, whatever the ends are."""


class _Rows:
    """The rows of lines, strictly read, and how they `end`."""

    def __init__(self, lines: Iterable[str], dialect: Dialect) -> None:
        self._lines, self._last = iter(lines), ""
        allow_long_texts()
        self._rows = csv.reader(self._seen(), **dialect.of_python())
        self.ends = set[str]()

    def __iter__(self) -> Iterator[list[str]]:
        for row in self._rows:
            if end := self._last[len(self._last.rstrip("\r\n")) :]:
                self.ends.add(end)
            yield row

    def _seen(self) -> Iterator[str]:
        for line in self._lines:
            self._last = line
            yield line


def ended_alike(lines: Iterable[str], dialect: Dialect) -> Iterator[str]:
    """The rows, each ended by LF, as pieces of text. Raises UnclearRowsError where nobody can tell them apart."""
    rows, written = _Rows(lines, dialect), io.StringIO()
    # All of it in quotes: Python leaves a CR bare, which DuckDB takes for an end.
    quoting = {"quoting": csv.QUOTE_ALL} if dialect.quotes else {}
    writer = csv.writer(written, lineterminator="\n", **(dialect.of_python() | quoting))
    try:
        for number, row in enumerate(rows):
            writer.writerow(row)
            if number % AT_ONCE == 0:
                yield _taken(written)
    except csv.Error as error:
        raise StrayQuoteError(
            f"a quote is not as it should be: {error}", "double each quote within quoted text"
        ) from None
    if "\r" in rows.ends and len(rows.ends) > 1:
        raise UnclearRowsError(
            "some lines end with CR alone, others do not: nobody can tell whether such a CR ends a row or is text",
            "end every line in the same way, or put texts with line breaks in quotes, and put the file in its place"
            " again",
        )
    yield _taken(written)


def require_one_end(file: Path, dialect: Dialect) -> None:
    """Raises UnclearRowsError where rows end in different ways. Asked where some are bad, which may be the cause."""
    if len(_ends_in(file)) < 2:
        return
    with plain_content(file) as content:
        text = io.TextIOWrapper(cast(io.BufferedReader, content), "utf-8", KEPT, newline="")
        rows = _Rows(text, dialect)
        try:
            for _ in rows:
                pass
        except csv.Error:  # a quote is not as it should be: the row that has it is bad, and no other
            return
        finally:
            text.detach()
    if len(rows.ends) > 1:
        raise unclear_ends()


def _ends_in(file: Path) -> set[bytes]:
    """The ends that stand in the file, be it in texts: in much less time than the rows can be told apart."""
    found, rest = set[bytes](), b""
    with plain_content(file) as content:
        for piece in iter(lambda: content.read(PIECE), b""):
            read = rest + piece
            rest = b"\r" if read.endswith(b"\r") else b""
            both = read.count(b"\r\n")
            times = {b"\r\n": both, b"\n": read.count(b"\n") - both, b"\r": read.count(b"\r") - both - len(rest)}
            found |= {end for end, there in times.items() if there}
    return found | ({rest} if rest else set())


def _taken(written: io.StringIO) -> str:
    text = written.getvalue()
    written.seek(0)
    written.truncate()
    return text
