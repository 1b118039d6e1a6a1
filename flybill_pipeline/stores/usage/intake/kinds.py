"""What kind a file is where a mapping can read nothing of it, and which setting reads that kind. Reads no rows."""

import codecs
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from flybill_pipeline.stores.files.second_reader import PACKED, plain_content
from flybill_pipeline.stores.usage.intake.beginnings import Begins, Kind
from flybill_pipeline.stores.usage.intake.columns import Dialect
from flybill_pipeline.stores.usage.intake.json_kinds import after_other_text, json_kind, list_in_lines
from flybill_pipeline.stores.usage.intake.plain_csv import encoding_of
from flybill_pipeline.stores.usage.intake.reading import TooLargeError, UnreadableFileError
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.stray_quotes import header_of

HEAD = 64 * 1024
"""Bytes at the beginning of a file that are looked at."""
_LINES = 30
_DELIMITERS = (",", ";", "\t", "|")
_ENDS = re.compile("\r\n|\n|\r")  # a text may have others that Python knows, as U+2028
_AGAIN = "export the file again"
_BINARY = {
    b"PAR1": ("a Parquet file", 'say format = "parquet" in the source'),
    b"ORC": ("a file of ORC", f"{_AGAIN} as Parquet"),
}
_BELOW_OTHERS = {
    r"UNA.{6}|UNB[+]": "EDIFACT, such as MSCONS",
    r'"?100"?,"?NEM12"?,': "NEM12, whose rows belong to a row above them",
}
"""How formats begin whose rows cannot be read by themselves."""


def kind_of(file: Path, source: SourceMapping, read: int = 0) -> Kind | None:
    """What the file looks like, if that is another kind than its source reads; None where it is the same, or unknown.

    Asked only where no row of the file can be read; or one, which `read` says. Of a list with an element in each line
    that is the last: it has no comma after it.
    """
    if read > 1 or (read and source.format != "jsonl"):
        return None
    with plain_content(file) as content:
        raw = content.read(HEAD + 1)
    if source.format == "parquet" and raw.startswith(b"PAR1"):
        return None
    encoding = encoding_of(file, source) if source.format == "csv" else "utf-8"
    whole, text = len(raw) <= HEAD, raw[:HEAD].decode(encoding, "replace").lstrip("\ufeff")
    every = _ENDS.split(text) if whole else _ENDS.split(text)[:-1]
    begins = Begins(raw, whole, encoding, text.strip(), every)
    if read:
        return list_in_lines(begins, source)
    looks = (_binary, _encoded) if _has_header(begins, source) else _ALL
    return next((kind for look in looks if (kind := look(begins, source)) is not None), None)


def _has_header(begins: Begins, source: SourceMapping) -> bool:
    """Whether it is CSV whose columns are read: what is wrong with its rows is to be said of each."""
    own = source.dialect
    if source.format != "csv" or own.header:
        return False
    lines = (line for line in begins.every_line[own.skip :] if line.strip())
    header = next((line for line in lines if not (own.comment and line.startswith(own.comment))), "")
    return set(source.column_names()) <= set(_fields(header, own, own.delimiter))


def require_kind(file: Path, source: SourceMapping, read: int = 0) -> None:
    """Raises UnreadableFileError if the file looks like another kind. `read` is how many of its rows were."""
    kind = kind_of(file, source, read)
    if kind is not None:
        raise UnreadableFileError(
            f"the file looks like {kind.looks_like}; source {source.name!r} reads none of that", kind.remedy
        )


def explained(error: UnreadableFileError, file: Path, source: SourceMapping) -> UnreadableFileError:
    """The error, or a better one where the file is of another kind. A file that is gone by now is of none."""
    if isinstance(error, TooLargeError):
        return error
    try:
        require_kind(file, source)
    except UnreadableFileError as better:
        return better
    except OSError:
        return error
    return error


def _binary(begins: Begins, _: SourceMapping) -> Kind | None:
    if begins.raw[257:262] == b"ustar":
        return Kind("an archive of tar", "unpack it")
    if any(begins.raw.startswith(mark) for mark in PACKED):
        return Kind("what was packed twice", "unpack it once, and give it a name that says how it is packed then")
    mark = next((mark for mark in _BINARY if begins.raw.startswith(mark) and b"\0" in begins.raw), None)
    return None if mark is None else Kind(*_BINARY[mark])


def _wide(begins: Begins, source: SourceMapping) -> Kind | None:
    """Text of two bytes a character: of what most people write, every other one is zero."""
    encoding = _encoding(begins.raw)
    if encoding is None or source.format == "json" or begins.encoding.startswith(encoding[:6]):
        return None
    if source.format == "csv":
        return Kind(f"text in {encoding}", f'say csv = {{ encoding = "{encoding}" }} in the source')
    return Kind(f"text in {encoding}", f"{_AGAIN} in UTF-8")


def _encoding(raw: bytes) -> str | None:
    if raw.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "utf-32"
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    even, odd = raw[::2].count(0), raw[1::2].count(0)
    if not raw or max(even, odd) * 3 < len(raw) or min(even, odd) * 10 > len(raw):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _markup(begins: Begins, _: SourceMapping) -> Kind | None:
    if not begins.text.startswith("<"):
        return None
    if re.match("<(!doctype )?html", begins.text, re.IGNORECASE):
        return Kind("a web page", f"{_AGAIN}: what fetched it may have kept a page that says what went wrong")
    return Kind("XML", f"{_AGAIN} as CSV, JSON or Parquet; a short one may say why a server gave no file")


def _below_others(begins: Begins, _: SourceMapping) -> Kind | None:
    kind = next((kind for mark, kind in _BELOW_OTHERS.items() if re.match(mark, begins.text)), None)
    return None if kind is None else Kind(kind, "write a CSV file of it, with one row for each value")


def _csv(begins: Begins, source: SourceMapping) -> Kind | None:
    if source.format == "csv":
        return _another_dialect(begins, source)
    header, row = (*begins.lines[:2], "", "")[:2]
    delimiter = max(_DELIMITERS, key=header.count)
    if delimiter not in header or header.startswith(("{", "[")) or not header.replace("\t", "").isprintable():
        return None
    if row and row.count(delimiter) < header.count(delimiter):
        return None
    also = "" if delimiter == "," else f" and csv = {{ delimiter = {json.dumps(delimiter)} }}"
    return Kind("CSV", f'say format = "csv"{also} in the source')


def _another_dialect(begins: Begins, source: SourceMapping) -> Kind | None:
    needed, own = set(source.column_names()), source.dialect
    if own.header:
        return None
    for place, line in enumerate(begins.every_line[:_LINES]):
        for delimiter in (own.delimiter, *_DELIMITERS):
            if needed <= set(_fields(line, own, delimiter)):
                said = {"delimiter": delimiter} if delimiter != own.delimiter else {}
                skip = {"skip": place} if place != own.skip else {}
                return _said({**said, **skip}, place + 1, delimiter)
    first = _fields(begins.lines[0], own, own.delimiter) if begins.lines else []
    return _without_names(first) if needed.isdisjoint(first) else None


def _without_names(first: Sequence[str]) -> Kind | None:
    """A name begins with no digit, nearly ever; of a row of usage some value does."""
    if len(first) < 2 or not any(field[:1].isdecimal() for field in first):
        return None
    remedy = f"say csv = {{ header = [...] }} in the source, with the names of its {len(first)} columns"
    return Kind("CSV without the names of its columns", remedy)


def _encoded(begins: Begins, source: SourceMapping) -> Kind | None:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(begins.raw)
    except UnicodeDecodeError:
        if begins.encoding != "utf-8":
            return None
        if b"\0" in begins.raw:
            return Kind("a file of some program, and no text", f"{_AGAIN} as CSV, JSON or Parquet")
        say = 'say csv = { encoding = "cp1252" } in the source, or the encoding that it has'
        return Kind("text that is not UTF-8", say if source.format == "csv" else f"{_AGAIN} in UTF-8")
    return None


def _said(settings: dict[str, Any], line: int, delimiter: str) -> Kind | None:
    if not settings:
        return None
    between = {"\t": "tabs"}.get(delimiter, delimiter)
    said = ", ".join(f"{key} = {json.dumps(value)}" for key, value in settings.items())
    what = f"CSV with the names of its columns in line {line}, and {between} between them"
    return Kind(what, f"say csv = {{ {said} }} in the source")


def _fields(line: str, dialect: Dialect, delimiter: str) -> list[str]:
    try:
        return header_of(line, replace(dialect, delimiter=delimiter))
    except UnreadableFileError:
        return []


_ALL = (_binary, _wide, _markup, json_kind, after_other_text, _below_others, _csv, _encoded)
