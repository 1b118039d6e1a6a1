"""What kind a file is where a mapping can read nothing of it, and which setting reads that kind. Reads no rows."""

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from flybill_pipeline.stores.files.second_reader import PACKED, plain_content
from flybill_pipeline.stores.usage.intake.columns import Dialect, steps_of
from flybill_pipeline.stores.usage.intake.plain_csv import encoding_of
from flybill_pipeline.stores.usage.intake.reading import TooLargeError, UnreadableFileError
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.stray_quotes import header_of

HEAD = 64 * 1024
"""Bytes at the beginning of a file that are looked at."""
_LINES, _ALIKE = 30, 3
_DELIMITERS = (",", ";", "\t", "|")
_ENDS = re.compile("\r\n|\n|\r")  # a text may have others that Python knows, as U+2028
_BEGINS_JSON = re.compile(r"[{\[]\s*($|[{\[\"}\]]|-?[0-9]|true\b|false\b|null\b)", re.MULTILINE)
_GOES_ON = ("{", "[", ",")
_AGAIN = "export the file again"
_NO_USAGE = ("errors", "warnings", "messages")
"""Lists that an answer has instead of what was asked for."""
_BINARY = {
    b"PAR1": ("a Parquet file", 'say format = "parquet" in the source'),
    b"ORC": ("a file of ORC", f"{_AGAIN} as Parquet"),
}


class Kind(NamedTuple):
    """What a file looks like, and what to do."""

    looks_like: str
    remedy: str


@dataclass(frozen=True, slots=True)
class _Begins:
    """How a file begins: its bytes, whether that is all of it, the encoding that they are read in, their text, and the
    whole lines of that.
    """

    raw: bytes
    whole: bool
    encoding: str
    text: str
    every_line: Sequence[str]

    @property
    def lines(self) -> list[str]:
        """Those that are not blank."""
        return [line for line in self.every_line if line.strip()]


def kind_of(file: Path, source: SourceMapping) -> Kind | None:
    """What the file looks like, if that is another kind than its source reads; None where it is the same, or unknown.

    Asked only where no row of the file can be read.
    """
    with plain_content(file) as content:
        raw = content.read(HEAD + 1)
    if source.format == "parquet" and raw.startswith(b"PAR1"):
        return None
    encoding = encoding_of(file, source) if source.format == "csv" else "utf-8"
    whole, text = len(raw) <= HEAD, raw[:HEAD].decode(encoding, "replace").lstrip("\ufeff")
    every = _ENDS.split(text) if whole else _ENDS.split(text)[:-1]
    begins = _Begins(raw, whole, encoding, text.strip(), every)
    looks = (_binary, _encoded) if _has_header(begins, source) else (_binary, _wide, _markup, _json, _csv, _encoded)
    return next((kind for look in looks if (kind := look(begins, source)) is not None), None)


def _has_header(begins: _Begins, source: SourceMapping) -> bool:
    """Whether it is CSV whose columns are read: what is wrong with its rows is to be said of each."""
    own = source.dialect
    if source.format != "csv" or own.header:
        return False
    lines = (line for line in begins.every_line[own.skip :] if line.strip())
    header = next((line for line in lines if not (own.comment and line.startswith(own.comment))), "")
    return set(source.column_names()) <= set(_fields(header, own, own.delimiter))


def require_kind(file: Path, source: SourceMapping) -> None:
    """Raises UnreadableFileError if the file looks like another kind than its source reads."""
    kind = kind_of(file, source)
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


def _binary(begins: _Begins, _: SourceMapping) -> Kind | None:
    if begins.raw[257:262] == b"ustar":
        return Kind("an archive of tar", "unpack it")
    if any(begins.raw.startswith(mark) for mark in PACKED):
        return Kind("what was packed twice", "unpack it once, and give it a name that says how it is packed then")
    mark = next((mark for mark in _BINARY if begins.raw.startswith(mark) and b"\0" in begins.raw), None)
    return None if mark is None else Kind(*_BINARY[mark])


def _wide(begins: _Begins, source: SourceMapping) -> Kind | None:
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


def _markup(begins: _Begins, _: SourceMapping) -> Kind | None:
    if not begins.text.startswith("<"):
        return None
    if re.match("<(!doctype )?html", begins.text, re.IGNORECASE):
        return Kind("a web page", f"{_AGAIN}: what fetched it may have kept a page that says what went wrong")
    return Kind("XML", f"{_AGAIN} as CSV, JSON or Parquet; a short one may say why a server gave no file")


def _json(begins: _Begins, source: SourceMapping) -> Kind | None:
    if not _BEGINS_JSON.match(begins.text):
        return None
    lines, whole = [_parsed(line) for line in begins.lines[:_ALIKE]], _parsed(begins.text) if begins.whole else None
    if whole is None and not any(lines) and (first := _followed(begins.text)) is not None:
        found = "." if _is_record(first, source) else next(iter(_paths(first)), ".")
        return _documents("JSON documents that follow each other", found, source)
    if begins.whole and whole is None and not any(lines) and not begins.text.partition("\n")[0].endswith(_GOES_ON):
        return None
    paths = _paths(whole)
    path = next(iter(paths), None)
    if begins.text.startswith("{") and any(isinstance(line, dict) for line in lines):
        if len(lines) > 1 or path is None or _is_record(whole, source):
            return _of_lines(source, several=len(lines) > 1)
    elif len(lines) > 1 and all(isinstance(line, list) for line in lines):
        also = "" if source.format == "jsonl" else 'format = "jsonl" and '
        return Kind("JSON lines, each of them a list", f'say {also}records = "[]" in the source')
    if source.format == "json":
        begins_so = {steps_of(each)[:1] for each in source.records}
        if path is None or any(steps_of(each)[:1] in begins_so for each in paths):
            return None
        return Kind(f"a document with records at {path}", f'say records = "{path}" in the source')
    is_list = begins.text.startswith("[")
    itself = "." if isinstance(whole, dict) and _is_record(whole, source) else None
    return _documents("one JSON list" if is_list else "a JSON document", itself or path or "[]" * is_list, source)


def _followed(text: str) -> dict[str, Any] | None:
    """The first object of a text in which another one follows it."""
    try:
        first, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return first if isinstance(first, dict) and text[end:].lstrip().startswith("{") else None


def _documents(what: str, path: str, source: SourceMapping) -> Kind | None:
    """JSON that is no lines, with the path to its records where that is known."""
    if source.format == "json" and path in source.records:
        return None
    where = f'records = "{path}"' if path else "in `records` the path to its records"
    return Kind(what, f'say format = "json" and {where} in the source')


def _of_lines(source: SourceMapping, *, several: bool) -> Kind | None:
    if source.format == "jsonl" or (source.format == "json" and not several):
        return None
    also = ", and no `records`," if source.format == "json" else ""
    return Kind("JSON lines, an object in each", f'say format = "jsonl"{also} in the source')


def _is_record(value: Any, source: SourceMapping) -> bool:
    """Whether a single object has something that the mapping reads of a record."""
    return any(steps_of(name)[0].key in value for name in source.column_names())


def _paths(value: Any) -> list[str]:
    try:
        return list(_records(value, ""))
    except RecursionError:  # it is nested deeper than any records
        return []


def _records(value: Any, path: str) -> Iterator[str]:
    """Paths to lists of objects, those nearest to the top first."""
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        yield f"{path}[]"
    for key, each in value.items() if isinstance(value, dict) else ():
        if key.isidentifier() and key not in _NO_USAGE:
            yield from _records(each, f"{path}.{key}" if path else key)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _csv(begins: _Begins, source: SourceMapping) -> Kind | None:
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


def _another_dialect(begins: _Begins, source: SourceMapping) -> Kind | None:
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


def _encoded(begins: _Begins, source: SourceMapping) -> Kind | None:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(begins.raw)
    except UnicodeDecodeError:
        if begins.encoding != "utf-8":
            return None
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
