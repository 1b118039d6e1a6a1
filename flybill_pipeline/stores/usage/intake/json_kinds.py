"""What kind of JSON a file is that its source cannot read, by how it begins. Other kinds are in kinds.py."""

import json
import re
from collections.abc import Iterator
from typing import Any

from flybill_pipeline.stores.usage.intake.beginnings import Begins, Kind
from flybill_pipeline.stores.usage.intake.columns import steps_of
from flybill_pipeline.stores.usage.intake.sources import SourceMapping

_ALIKE, _LINES = 3, 30
_BEGINS_JSON = re.compile(r"[{\[]\s*($|[{\[\"}\]]|-?[0-9]|true\b|false\b|null\b)", re.MULTILINE)
_GOES_ON = ("{", "[", ",")
_NO_USAGE = ("errors", "warnings", "messages")
"""Lists that an answer has instead of what was asked for."""


def json_kind(begins: Begins, source: SourceMapping) -> Kind | None:
    if not _BEGINS_JSON.match(begins.text):
        return None
    if _has_commas(begins):
        return _commas(source)
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


def after_other_text(begins: Begins, source: SourceMapping) -> Kind | None:
    """Lines of a log that have an object at their end, as container runtimes, syslog and loggers write them."""
    lines = begins.lines[:_LINES]
    if source.format == "csv" or 2 * sum(map(_ends_with_object, lines)) <= len(lines):
        return None
    line = 'format = "csv", csv = { delimiter = "\\u0001", quote = "", header = ["line"] }'
    value = """{ sql = "substr(line, strpos(line, '{'))", json = "…" }"""
    return Kind("lines with a JSON object after other text", f"say {line} and for each value {value} in the source")


def _ends_with_object(line: str) -> bool:
    before, brace, rest = line.partition("{")
    return any(map(str.isalnum, before)) and isinstance(_parsed(brace + rest), dict)


def list_in_lines(begins: Begins, source: SourceMapping) -> Kind | None:
    """The elements of a list, each in a line: the last one has no comma after it, and is a line that can be read."""
    opened = begins.lines[:1] and begins.lines[0].strip() == "["
    return json_kind(begins, source) if opened or _has_commas(begins) else None


def _has_commas(begins: Begins) -> bool:
    """Whether the first object has a comma after it: as of a list, and not of a row of CSV."""
    try:
        first, end = json.JSONDecoder().raw_decode(begins.text)
    except (ValueError, RecursionError):
        return False
    return isinstance(first, dict) and re.match(r"\s*,\s*([{]|$)", begins.text[end:]) is not None


def _commas(source: SourceMapping) -> Kind:
    also = "" if source.format == "jsonl" else ' and say format = "jsonl" in the source'
    remedy = f'take these commas away{also}; or put [ before all and ] after, and say format = "json" and records'
    return Kind("JSON objects with a comma after each", f'{remedy} = "[]"')


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
