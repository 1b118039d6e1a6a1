"""A CSV file as DuckDB reads it without fault: in UTF-8, from its header on, without comments. Rows are not read here.

DuckDB knows a few encodings only. It takes a blank line for a header, loses rows below a comment above the header, and
cuts a value at a mark of comments that stands in it. So what is not plain is copied, line by line.
"""

import codecs
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from flybill_pipeline.stores.files.second_reader import plain_content
from flybill_pipeline.stores.usage.intake.escapes import unescaped
from flybill_pipeline.stores.usage.intake.line_ends import KEPT, ended_alike
from flybill_pipeline.stores.usage.intake.reading import UnreadableFileError
from flybill_pipeline.stores.usage.intake.sources import SourceMapping

_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_MARK = "\ufeff"


@contextmanager
def plain_csv(
    location: str, source: SourceMapping, work: Path, *, mixed_ends: bool = False
) -> Iterator[tuple[str, Sequence[tuple[int, int]]]]:
    """The file, or a copy of it below `work`; and from which line of the copy on how many are not in it.

    With `mixed_ends` its lines end in different ways, and alike in the copy.

    A mark at the beginning of a file, as Excel writes it, says its encoding where the mapping does not.
    Raises UnreadableFileError when the file is no text of its encoding, or nobody can tell its rows apart.
    """
    file, copy = Path(location), work / "plain.csv"
    encoding = encoding_of(file, source)
    try:
        above = _above(file, source, encoding)
        copied = above or source.dialect.comment or source.dialect.escape or mixed_ends
        if encoding == "utf-8" and not copied:
            yield location, ()
            return
        with _opened(file, encoding) as read, copy.open("w", encoding="utf-8", errors=KEPT, newline="") as written:
            begun = (line if place else line.removeprefix(_MARK) for place, line in enumerate(read))
            lines = _of_one_table(begun, source) if source.dialect.comment else begun
            gaps = [(1, above)] if above else []
            below = (line for place, line in enumerate(lines) if place >= above)
            plain = unescaped(below, source.dialect) if source.dialect.escape else below
            rows = _without_comments(plain, source, gaps)
            written.writelines(ended_alike(rows, source.dialect) if mixed_ends else rows)
    except UnicodeError as error:  # of UTF-16 without a mark Python says no more than that
        raise UnreadableFileError(
            f"the file is no {encoding} text ({getattr(error, 'reason', error)})",
            f"say its encoding in `csv` of source {source.name!r} in sources.toml, or export it as UTF-8",
        ) from None
    try:
        yield str(copy), gaps
    finally:
        copy.unlink(missing_ok=True)


@contextmanager
def _opened(file: Path, encoding: str) -> Iterator[io.TextIOWrapper]:
    with plain_content(file) as content:
        errors = KEPT if encoding == "utf-8" else "strict"
        text = io.TextIOWrapper(cast(io.BufferedReader, content), encoding, errors, newline="")
        yield text
        text.detach()


def encoding_of(file: Path, source: SourceMapping) -> str:
    """The encoding of the file: that of the mapping, or that of the mark at its beginning, or UTF-8."""
    if source.dialect.encoding:
        return codecs.lookup(source.dialect.encoding).name
    with plain_content(file) as content:
        begins = content.read(4)
    return next((encoding for mark, encoding in _MARKS.items() if begins.startswith(mark)), "utf-8")


def _above(file: Path, source: SourceMapping, encoding: str) -> int:
    """How many lines stand above the header, or above the first row."""
    with _opened(file, encoding) as lines:
        for place, line in enumerate(lines):
            if place >= source.dialect.skip and line.strip().strip(_MARK) and not _is_no_row(line, source):
                return place
    return 0


def _of_one_table(lines: Iterator[str], source: SourceMapping) -> Iterator[str]:
    """The lines. Raises UnreadableFileError where a comment, such as `#Fields:`, names other columns than one above it:
    the rows below would be read by wrong names.
    """
    read, first, named = set(source.column_names()), 0, list[str]()
    between = re.compile(rf"[\s{re.escape(source.dialect.delimiter)}]+")
    for number, line in enumerate(lines, start=1):
        if _is_no_row(line, source):
            words = between.split(line.strip().removeprefix(source.dialect.comment).strip())
            if named and words[0] == named[0] and words != named:
                raise UnreadableFileError(
                    f"line {number} names other columns than line {first}",
                    "make a file of what is below it, and read that by a source whose `header` has its columns",
                )
            if not named and (words[0].lower() in ("fields:", "fields") or read <= set(words)):
                first, named = number, words
        yield line


def _without_comments(lines: Iterator[str], source: SourceMapping, gaps: list[tuple[int, int]]) -> Iterator[str]:
    """The lines but for comments, which become `gaps`. What stands in a quoted text is none, however it begins."""
    quote, within = source.dialect.quotes, False
    begins = source.dialect.delimiter + quote
    missing, kept = sum(found for _, found in gaps), 0
    for line in lines:
        if not within and _is_no_row(line, source):
            missing += 1
            continue
        kept += 1
        if missing != (gaps[-1][1] if gaps else 0):
            gaps.append((kept, missing))
        if quote and (within or line.startswith(quote) or begins in line):
            within ^= line.count(quote) % 2 == 1
        yield line


def _is_no_row(line: str, source: SourceMapping) -> bool:
    return bool(source.dialect.comment) and line.lstrip(_MARK).startswith(source.dialect.comment)
