"""The source mapping, `sources.toml`: which columns of an exporter's files are which parts of a usage event.

No file of usage is opened here; reading by a mapping is in readers.py.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flybill_pipeline.billing.usage.texts import LONGEST_SOURCE, fault_of_text

FORMATS = ("jsonl", "csv", "parquet")
REQUIRED = ("event_id", "org_id", "meter", "quantity", "occurred_at")


class SourcesError(Exception):
    """The source mapping cannot be used; every fault is a line `path: what is wrong`."""


@dataclass(frozen=True, slots=True)
class Column:
    """Where a value comes from: a column (in JSON a dotted path), or the same constant for every row."""

    name: str | None = None
    constant: str | None = None


@dataclass(frozen=True, slots=True)
class SourceMapping:
    """How the files of one source are read. `files` is a glob below the landing zone.

    `id` is part of every event's key, so it never changes; the name may. A source without one has its name as id.
    `event_id` names one column, or several whose values together identify an event in files without an id.
    `null_values` are texts that mean "absent"; `encoding`, `delimiter` and `quote` are for CSV.
    """

    name: str
    format: str
    files: str
    event_id: tuple[Column, ...]
    org_id: Column
    meter: Column
    quantity: Column
    occurred_at: Column
    dimensions: Mapping[str, Column] = field(default_factory=dict)
    allow_negative: bool = True
    null_values: tuple[str, ...] = ()
    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    id: str = ""

    @property
    def key(self) -> str:
        """The id under which the source's files and events are kept."""
        return self.id or self.name

    def column_names(self) -> list[str]:
        """Every column that files of this source must have; dimensions may be absent from a JSON object."""
        columns = [*self.event_id, self.org_id, self.meter, self.quantity, self.occurred_at, *self.dimensions.values()]
        return sorted({column.name for column in columns if column.name is not None})

    def fingerprint(self) -> str:
        """Changes when anything changes that a file is read by; another name for the same source does not."""
        read_by = {**asdict(self), "name": self.key}
        del read_by["id"]
        return hashlib.sha256(json.dumps(read_by, sort_keys=True).encode()).hexdigest()[:16]


def load_sources(path: Path) -> dict[str, SourceMapping]:
    """The mappings of the file `path`, by name. Raises SourcesError that names every fault in it."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SourcesError(f"{path}: {error}") from None
    faults: list[str] = []
    root = _Table(document, "", faults)
    entries = root.take("sources", list, [])
    root.nothing_else()
    sources = [_source(_Table(entry, f"sources[{number}]", faults)) for number, entry in enumerate(entries, start=1)]
    names = [source.name for source in sources]
    faults += [f"sources: two are named {name!r}" for name in sorted(set(names)) if name and names.count(name) > 1]
    keys = [source.key for source in sources]
    faults += [
        f"sources: two have the id {key!r} (a source without an id has its name as id): give one another id"
        for key in sorted(set(keys) - {name for name in names if names.count(name) > 1})
        if key and keys.count(key) > 1
    ]
    if not entries:
        faults.append("sources: no [[sources]] table")
    if faults:
        raise SourcesError("\n".join(f"{path}: {fault}" for fault in faults))
    return {source.name: source for source in sources}


class _Table:
    """A TOML table being read; what is wrong is collected in `faults` under the table's path."""

    def __init__(self, values: Any, path: str, faults: list[str]) -> None:
        self.path, self.faults = path, faults
        self.values = dict(values) if isinstance(values, dict) else {}
        if not isinstance(values, dict):
            self.fault("", "must be a table")

    def fault(self, key: str, message: str) -> None:
        self.faults.append(f"{'.'.join(part for part in (self.path, key) if part)}: {message}")

    def take(self, key: str, kind: type, default: Any = None) -> Any:
        value = self.values.pop(key, None)
        if value is None:
            if default is None:
                self.fault(key, "missing")
            return kind() if default is None else default
        if not isinstance(value, kind):
            self.fault(key, f"must be a {kind.__name__}, not {value!r}")
            return kind()
        return value

    def table(self, key: str) -> "_Table":
        return _Table(self.take(key, dict, {}), f"{self.path}.{key}", self.faults)

    def column(self, key: str) -> Column:
        value = self.values.pop(key, None)
        match value:
            case None:
                self.fault(key, "missing")
            case str() if value:
                return Column(name=value)
            case {"constant": str() | int() as constant, **rest} if not rest and not isinstance(constant, bool):
                return Column(constant=str(constant))
            case _:
                self.fault(key, f"must be a column's name or {{ constant = … }} (text or integer), not {value!r}")
        return Column(constant="")

    def columns(self, key: str) -> tuple[Column, ...]:
        names = self.values.get(key)
        if isinstance(names, list) and names and all(isinstance(name, str) and name for name in names):
            del self.values[key]
            return tuple(Column(name=name) for name in names)
        column = self.column(key)
        if column.constant:
            self.fault(key, "must differ from row to row, so it cannot be a constant")
        return (column,)

    def nothing_else(self) -> None:
        for key in self.values:
            self.fault(key, "unknown key")


def _source(table: _Table) -> SourceMapping:
    columns, dimensions = table.table("columns"), table.table("dimensions")
    source = SourceMapping(
        name=table.take("name", str),
        format=table.take("format", str),
        files=table.take("files", str),
        event_id=columns.columns("event_id"),
        **{part: columns.column(part) for part in REQUIRED[1:]},
        dimensions={name: dimensions.column(name) for name in sorted(dimensions.values)},
        allow_negative=table.take("allow_negative", bool, True),
        null_values=tuple(str(value) for value in table.take("null_values", list, [])),
        delimiter=table.take("delimiter", str, ","),
        quote=table.take("quote", str, '"'),
        encoding=table.take("encoding", str, "utf-8"),
        id=table.take("id", str, ""),
    )
    for part in (table, columns, dimensions):
        part.nothing_else()
    _check(source, table)
    return source


def _check(source: SourceMapping, table: _Table) -> None:
    if source.format and source.format not in FORMATS:
        table.fault("format", f"must be one of {', '.join(FORMATS)}, not {source.format!r}")
    for key, text in (("name", source.name), ("id", source.id)):
        if text and not text.replace("-", "").replace("_", "").isalnum():
            table.fault(key, f"may hold letters, digits, - and _ only, not {text!r}")
        if len(text) > LONGEST_SOURCE:
            table.fault(key, f"has {len(text)} characters, and {LONGEST_SOURCE} is the most")
    if len(source.delimiter) != 1:
        table.fault("delimiter", f"must be one character, not {source.delimiter!r}")
    if len(source.quote) > 1:
        table.fault("quote", f'must be one character, or "" where nothing is quoted, not {source.quote!r}')
    for name in source.dimensions:
        if fault := fault_of_text("the name", name):
            table.fault(f"dimensions.{name[:LONGEST_SOURCE]}", fault)
    if source.files.startswith("/") or ".." in source.files:
        table.fault("files", "is a glob below the landing zone, without .. or a leading /")
