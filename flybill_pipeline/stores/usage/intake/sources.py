"""The source mapping, `sources.toml`: which columns of an exporter's files are which parts of a usage event.

No file of usage is opened here; reading by a mapping is in readers.py. Single values are read in column_fields.py; what
a mapping is: source_mapping.py.
"""

import re
import tomllib
from dataclasses import fields
from decimal import Decimal
from pathlib import Path

from flybill_pipeline.billing.usage.texts import LONGEST_SOURCE, fault_of_text
from flybill_pipeline.stores.files.regular import require_regular
from flybill_pipeline.stores.usage.intake.column_fields import (
    QUANTITY,
    TIME,
    column_at,
    condition_at,
    conditions_at,
    event_id_at,
    fault_of_path,
    measures_at,
    owner_at,
)
from flybill_pipeline.stores.usage.intake.columns import ANY, EACH, ITSELF, NAME, UP, Column, Dialect, Measure, steps_of
from flybill_pipeline.stores.usage.intake.levels import levels_at
from flybill_pipeline.stores.usage.intake.mapping_tables import Table
from flybill_pipeline.stores.usage.intake.source_mapping import SourceMapping
from flybill_pipeline.stores.usage.intake.table_fields import usage_table

__all__ = ["Column", "SourceMapping", "SourcesError", "load_sources"]

FORMATS = ("jsonl", "csv", "parquet", "json")
IN_AN_ENGINE = "table"
DOCUMENTS = ("jsonl", "json")
OF_ANY_TEXT = ("decimal", "thousands")
"""Keys of `csv` that numbers in texts of any format are read by."""
WHOLE = ("day", "month")
TWICE = re.compile(r"Cannot (declare|overwrite)")
"""What is said of TOML in which a table stands twice, as where a mapping was put below another one."""

OF_AN_INTERVAL = (
    "an interval has its own times, which `seconds` names: leave this out; a `format` or `zone` goes to each of them, "
    'as in seconds = [{ column = "start", zone = "Europe/Berlin" }, { column = "stop", zone = "Europe/Berlin" }]'
)


class SourcesError(Exception):
    """The source mapping cannot be used; every fault is a line `path: what is wrong`."""


def load_sources(path: Path) -> dict[str, SourceMapping]:
    """The mappings of the file `path`, by name. Raises SourcesError that names every fault in it."""
    try:
        require_regular(path)
        document = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        more = "; each mapping begins with a line [[sources]] of its own" if TWICE.match(str(error)) else ""
        raise SourcesError(f"{path}: {error}{more}") from None
    faults: list[str] = []
    root = Table(document, "", faults)
    entries = root.take("sources", list, [])
    root.nothing_else()
    sources = [_source(Table(entry, f"sources[{number}]", faults)) for number, entry in enumerate(entries, start=1)]
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


def _source(table: Table) -> SourceMapping:
    if table.values.get("format") == IN_AN_ENGINE:
        return _of_totals(table)
    dialect = _dialect(table, str(table.values.get("format")))
    columns, dimensions = table.table("columns"), table.table("dimensions")
    if "event_id" in table:
        if "event_id" in columns:
            columns.fault("event_id", "is said twice, here and beside `columns`")
        columns.values["event_id"] = table.pop("event_id")
    measures = measures_at(table)
    one_meter = ("meter", "quantity")
    if measures:
        for key in one_meter:
            if key in columns:
                columns.pop(key)
                columns.fault(key, "cannot stand beside [[sources.measures]], which say it for each meter")
        meter = quantity = Column(constant="")
    else:
        meter, quantity = column_at(columns, "meter"), column_at(columns, "quantity", QUANTITY)
    timed = any(part.quantity.interval is None for part in measures or (Measure(meter, quantity),))
    org_id, aliased = owner_at(columns)
    named = {name: column_at(dimensions, name) for name in sorted(dimensions.values)}
    source = SourceMapping(
        name=table.take("name", str),
        format=table.choice("format", (*FORMATS, IN_AN_ENGINE)),
        files=table.take("files", str),
        event_id=event_id_at(columns),
        org_id=org_id,
        aliased=aliased,
        meter=meter,
        quantity=quantity,
        occurred_at=column_at(columns, "occurred_at", TIME) if timed else _no_time(columns),
        dimensions=named,
        allow_negative=table.take("allow_negative", bool, True),
        null_values=tuple(str(value) for value in table.take("null_values", list, [])),
        dialect=dialect,
        id=table.take("id", str, ""),
        measures=measures,
        where=conditions_at(table),
        where_sql=condition_at(table),
        records=table.texts("records") if "records" in table else (),
        restates=table.choice("on_conflict", ("first", "last"), "first") == "last",
        whole=table.choice("whole", WHOLE, "") if "whole" in table else "",
        levels=levels_at(table, named),
    )
    for part in (table, columns, dimensions):
        part.nothing_else()
    _check(source, table)
    return source


def _no_time(columns: Table) -> Column:
    """Of rows that are intervals, whose times are those of the interval."""
    if "occurred_at" in columns:
        columns.pop("occurred_at")
        columns.fault("occurred_at", OF_AN_INTERVAL)
    return Column(constant="")


def _of_totals(table: Table) -> SourceMapping:
    """The source of a table: how the totals are read that come from there (engines/day_totals.py writes them)."""
    name, key = str(table.take("name", str)), str(table.take("id", str, ""))
    table.pop("format")
    usage = usage_table(table)
    table.nothing_else()
    source = SourceMapping(
        name=name,
        id=key,
        format="parquet",
        files=f"{key or name}/*.parquet",
        event_id=(Column(name="event_id"),),
        org_id=Column(name="org_id"),
        meter=Column(name="meter"),
        quantity=Column(name="quantity"),
        occurred_at=Column(name="occurred_at"),
        dimensions={each: Column(name=f"dimension_{each}") for each in usage.dimensions},
        allow_negative=usage.allow_negative,
        table=usage,
    )
    _check(source, table)
    return source


def _dialect(table: Table, form: str) -> Dialect:
    """The dialect of a CSV file: the table `csv`. Three keys of it may stand in the source itself, as they once did."""
    csv = table.table("csv")
    for key in ("delimiter", "quote", "encoding"):
        if key in table:
            if key in csv:
                csv.fault(key, "is said twice, here and beside `csv`")
            csv.values[key] = table.pop(key)
    if form in FORMATS and form != "csv":
        for key in sorted(csv.values.keys() & {each.name for each in fields(Dialect)} - set(OF_ANY_TEXT)):
            csv.pop(key)
            csv.fault(key, f"is for csv, not {form}: leave it out")
    dialect = Dialect(
        delimiter=csv.character("delimiter", ","),
        quote=csv.character("quote", '"'),
        encoding=csv.take("encoding", str, ""),
        decimal=csv.character("decimal", "."),
        thousands=csv.character("thousands", ""),
        skip=csv.take("skip", int, 0),
        comment=csv.character("comment", ""),
        header=csv.texts("header") if "header" in csv else (),
        null_padding=csv.take("null_padding", bool, False),
        trim=csv.take("trim", bool, False),
        escape=csv.character("escape", ""),
    )
    csv.nothing_else()
    _check_dialect(dialect, csv)
    return dialect


def _check_dialect(dialect: Dialect, csv: Table) -> None:
    if not dialect.delimiter:
        csv.fault("delimiter", "must be one character, not ''")
    if dialect.escape and dialect.escape == dialect.quote:
        csv.fault("escape", "is for other marks than the quote: a doubled quote is read without it")
    elif dialect.escape and (dialect.escape in (dialect.delimiter, dialect.comment) or dialect.escape.isalnum()):
        csv.fault("escape", f"must be a mark such as a backslash, that stands for nothing else: not {dialect.escape!r}")
    if dialect.skip < 0:
        csv.fault("skip", "must be a number of lines")
    if dialect.decimal not in (".", ","):
        csv.fault("decimal", f"must be a point or a comma, not {dialect.decimal!r}")
    if dialect.thousands == dialect.decimal:
        csv.fault("thousands", f"must not be the decimal mark {dialect.decimal!r}")
    try:
        b"a".decode(dialect.encoding or "utf-8", "replace")
    except (LookupError, UnicodeError):
        csv.fault("encoding", f"is none that Python knows: {dialect.encoding!r}")


def _check(source: SourceMapping, table: Table) -> None:
    for key, text in (("name", source.name), ("id", source.id)):
        if text and not text.replace("-", "").replace("_", "").isalnum():
            table.fault(key, f"may hold letters, digits, - and _ only, not {text!r}")
        if len(text) > LONGEST_SOURCE:
            table.fault(key, f"has {len(text)} characters, and {LONGEST_SOURCE} is the most")
    for name in source.dimensions:
        if fault := fault_of_text("the name", name):
            table.fault(f"dimensions.{name[:LONGEST_SOURCE]}", fault)
    if source.files.startswith("/") or ".." in source.files:
        table.fault("files", "is a glob below the landing zone, without .. or a leading /")
    _check_paths(source, table)
    _check_restated(source, table)
    _check_levels(source, table)


def _check_paths(source: SourceMapping, table: Table) -> None:
    if source.records and source.format not in DOCUMENTS:
        table.fault("records", f"is for documents ({', '.join(DOCUMENTS)}), not {source.format}")
    if source.format == "json" and not source.records:
        table.fault(
            "records",
            'missing: the path to the records, such as "data[]"; "[]" where the document is a list, "." where it is a'
            " record itself",
        )
    if source.format not in DOCUMENTS:
        return
    for path in source.records:
        if path != ITSELF and (fault := fault_of_path(path, marks=(ANY, EACH))):
            table.fault("records", fault)
    for name in source.column_names():
        if name == ITSELF and source.records:
            continue
        if fault := fault_of_path(name, marks=(UP, ANY, NAME)):
            table.fault("columns", fault)
        elif not source.records and any(step.mark in (UP, NAME) for step in steps_of(name)):
            table.fault("columns", f"{name!r} needs `records`: a line by itself has no parent and no name")


def _check_restated(source: SourceMapping, table: Table) -> None:
    if source.whole and not source.restates:
        table.fault("whole", 'needs on_conflict = "last": only then does a later file replace an earlier one')
    if source.restates and source.event_id is None and not source.whole:
        table.fault(
            "on_conflict",
            'needs `whole` where event_id = "row": no row of a file is one of another file, which only a whole one'
            " can replace",
        )
    if source.restates and not source.whole and any(part.quantity.interval for part in source.parts):
        table.fault(
            "on_conflict",
            "needs `whole` where an interval is split by day: days that a shorter interval has no more would stay",
        )


def _check_levels(source: SourceMapping, table: Table) -> None:
    if source.levels is None:
        return
    if any(part.quantity.interval for part in source.parts):
        table.fault("levels", "cannot stand beside `seconds`: an interval is an amount, and no level")
    if source.aliased and source.levels.holds is None:
        table.fault(
            "level_holds",
            "missing: where org_id is an alias, a level that its owner had would never end once it belongs to another",
        )
