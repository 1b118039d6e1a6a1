"""In which line of a CSV file each record begins, where that is not simply the next one. Nobody reads values here.

A record may span lines, blank lines and comments are none: then a record's line cannot be counted from its place.
"""

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from flybill_pipeline.stores.files.long_texts import allow_long_texts
from flybill_pipeline.stores.files.second_reader import PIECE, plain_content
from flybill_pipeline.stores.usage.intake.columns import Dialect
from flybill_pipeline.stores.usage.intake.line_ends import KEPT

Gaps = Sequence[tuple[int, int]]
"""Lines of a copy, from 1 on, from which on so many lines of the file are not in it."""


@dataclass(slots=True)
class RecordLines:
    """The lines of the file in which its records begin. `shifts` are records that were read, by their place from 0,
    from which on so many lines more are above than records. `set_aside` are those that the reader of the format could
    not take apart, by the number that it gave them.
    """

    shifts: list[tuple[int, int]] = field(default_factory=list)
    set_aside: dict[int, int] = field(default_factory=dict)
    read: int = 0

    def tell(self, line: int, first: int) -> None:
        """Of the next record that was read, its line; the first one would be in `first`."""
        shift = line - first - self.read
        if shift != (self.shifts[-1][1] if self.shifts else 0):
            self.shifts.append((self.read, shift))
        self.read += 1


def lines_in(file: Path) -> int:
    """How many lines a text has, that without an end too: a line ends with CRLF, LF or CR."""
    ends, last = 0, b""
    with plain_content(file) as content:
        for piece in iter(lambda: content.read(PIECE), b""):
            ends += piece.count(b"\n")
            if b"\r" in piece:  # which most files have none of, and both counts take three times as long as that one
                ends += piece.count(b"\r") - piece.count(b"\r\n")
            ends -= last == b"\r" and piece.startswith(b"\n")
            last = piece[-1:]
    return ends + (last not in (b"", b"\n", b"\r"))


def lines_of_records(
    file: Path, dialect: Dialect, gaps: Gaps, read: int, set_aside: Collection[int], *, blank_is_one: bool
) -> RecordLines:
    """Where the records of the file begin, as far as `read` of them. `gaps` are of the file that this one is a copy of;
    of `set_aside` is known the number that DuckDB gave them. `blank_is_one`: DuckDB takes a blank line for a record.
    """
    last = max(set_aside, default=0)
    found, first = RecordLines(), 1 if dialect.header else 2
    missing, later, header = 0, [*gaps][::-1], not dialect.header
    for number, (line, is_blank) in enumerate(_records(file, dialect), start=1):
        if found.read == read and number > last:
            break
        while later and line >= later[-1][0]:
            _, missing = later.pop()
        if number in set_aside:
            found.set_aside[number] = line + missing
        elif header and not is_blank:
            header = False
        elif not is_blank or blank_is_one:
            found.tell(line + missing, first)
    return found


def _records(file: Path, dialect: Dialect) -> Iterator[tuple[int, bool]]:
    """The line in which each record or blank line begins, and whether it is blank."""
    allow_long_texts()
    with plain_content(file) as content:
        text = io.TextIOWrapper(cast(io.BufferedReader, content), "utf-8", KEPT, newline="")
        rows = csv.reader(text, **(dialect.of_python() | {"strict": False}))
        line = 1
        for row in rows:
            yield line, not row
            line = rows.line_num + 1
        text.detach()
