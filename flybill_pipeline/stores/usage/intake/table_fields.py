"""The keys of a source whose usage stays in an engine (`format = "table"`). The engine is not asked here."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flybill_pipeline.stores.usage.intake.column_fields import QUANTITY, column_at, event_id_at, measures_at
from flybill_pipeline.stores.usage.intake.columns import Column, Measure
from flybill_pipeline.stores.usage.intake.mapping_tables import Table

ENGINES = ("bigquery", "clickhouse", "duckdb", "postgres", "postgresql", "pyspark", "snowflake", "trino")
WITHOUT_PORT = ("bigquery", "duckdb", "pyspark")
"""Their addresses have no host, and no password before one."""
UNREADABLE = "is no address: in a password, / ? # [ ] and % are written %2F %3F %23 %5B %5D and %25"
LAG = 3600
ELSE_IN_QUERY = "say all else in `query`, in the engine's own words"
IN_QUERY = "is not for tables: say it in `query`, in the engine's own words"
OF_FILES = ("files", "records", "where", "whole", "null_values", "csv", "delimiter", "quote", "encoding")


@dataclass(frozen=True, slots=True)
class UsageTable:
    """A table, or a query, of an engine, and which of its columns are which parts of a usage event.

    `url` is an address without a password, or `$NAME`: the environment variable that has it. `watermark` names the
    column that grows as rows come; the last `lag` of it (seconds, or units of a number) is looked at again each time.
    `event_id` is None where each row is an event of its own. Of rows with one id that with the lowest watermark stands,
    with the highest where it `restates`. Where the engine `deletes`, a day may have fewer rows than it had. Rows
    may be gone of days that are more than `keeps_days` old, if that is known: those are left as they came.
    """

    url: str
    watermark: str
    event_id: tuple[Column, ...] | None
    org_id: Column
    occurred_at: Column
    parts: tuple[Measure, ...]
    table: tuple[str, ...] = ()
    query: str = ""
    lag: int = LAG
    dimensions: dict[str, Column] = field(default_factory=dict)
    restates: bool = False
    deletes: bool = False
    keeps_days: int | None = None
    allow_negative: bool = True

    @property
    def engine(self) -> str:
        """What Ibis calls the engine; "" where only the environment tells."""
        return "" if self.url.startswith("$") else urlsplit(self.url).scheme

    @property
    def names(self) -> list[str]:
        """The columns that are read, by their names in the engine."""
        parts = [column for part in self.parts for column in (part.meter, part.quantity)]
        columns = [*(self.event_id or ()), self.org_id, self.occurred_at, *parts, *self.dimensions.values()]
        return [self.watermark, *(column.name for column in columns if column.name is not None)]


def usage_table(table: Table) -> UsageTable:
    """Reads the keys that say where the usage is, and what its columns mean; notes what is wrong."""
    columns, dimensions = table.table("columns"), table.table("dimensions")
    if "event_id" in table:
        columns.values["event_id"] = table.pop("event_id")
    usage = UsageTable(
        url=_url(table),
        watermark=table.take("watermark", str),
        event_id=event_id_at(columns),
        org_id=column_at(columns, "org_id"),
        occurred_at=column_at(columns, "occurred_at"),
        parts=_parts(table, columns),
        table=_name(table),
        query=table.take("query", str, ""),
        lag=table.take("lag", int, LAG),
        dimensions={name: column_at(dimensions, name) for name in sorted(dimensions.values)},
        restates=table.choice("on_conflict", ("first", "last"), "first") == "last",
        deletes=table.take("deletes", bool, False),
        keeps_days=table.take("keeps_days", int) if "keeps_days" in table else None,
        allow_negative=table.take("allow_negative", bool, True),
    )
    for key in OF_FILES:
        if key in table:
            table.pop(key)
            table.fault(key, IN_QUERY)
    _check(usage, table)
    for part in (columns, dimensions):
        part.nothing_else()
    return usage


def _parts(table: Table, columns: Table) -> tuple[Measure, ...]:
    if "measures" not in table:
        return (Measure(column_at(columns, "meter"), column_at(columns, "quantity", QUANTITY)),)
    return measures_at(table)


def _url(table: Table) -> str:
    """An address, or the variable that has it. One with a password is refused, and not shown."""
    url = str(table.take("url", str))
    if url.startswith("$"):
        if not re.fullmatch(r"\$[A-Za-z_][A-Za-z0-9_]*", url):
            table.fault("url", "must be an address, or $ and the name of the environment variable that has it")
        elif url.startswith("$FLYBILL_"):
            table.fault("url", "must name a variable of your own: names that begin with FLYBILL_ are flybill's")
    elif url:
        _check_address(url, table)
    return url


def is_readable(url: str) -> bool:
    """Whether it is read as it was meant: a password with a `/` or a `#` in it ends the address, and stands in words
    about its host and port.
    """
    try:
        parts = urlsplit(url)
        return parts.scheme in WITHOUT_PORT or (parts.port != 0 and not parts.fragment)
    except ValueError:
        return False


def _check_address(url: str, table: Table) -> None:
    if not is_readable(url):
        table.fault("url", UNREADABLE)
        return
    scheme, password = urlsplit(url).scheme, urlsplit(url).password
    if password:
        table.fault(
            "url", 'holds a password: put the address into an environment variable, and write url = "$ITS_NAME"'
        )
    if scheme not in ENGINES:
        begins = ", ".join(f"{each}://" for each in ENGINES)
        table.fault("url", f'must begin with one of {begins}; or write "$ITS_NAME" of the variable that has it')


def _name(table: Table) -> tuple[str, ...]:
    """The table's name: by points, or as a list where a part of it has a point."""
    if "table" not in table:
        return ()
    names = table.texts("table")
    parts = tuple(names[0].split(".")) if len(names) == 1 else names
    if not all(parts) or len(parts) > 3:
        table.fault("table", 'must be a name such as "events", "schema.events" or "database.schema.events"')
    return parts


def _check(usage: UsageTable, table: Table) -> None:
    if bool(usage.table) == bool(usage.query):
        table.fault("table", "say either `table` or `query`")
    if usage.lag < 0:
        table.fault("lag", "must be 0 or more: seconds, or units where the watermark is a number")
    if usage.keeps_days is not None and usage.keeps_days < 1:
        table.fault("keeps_days", "must be 1 or more: days after which the engine may have forgotten rows")
    values = {"org_id": usage.org_id, "occurred_at": usage.occurred_at}
    values |= {f"dimensions.{name}": column for name, column in usage.dimensions.items()}
    parts = [("event_id", part) for part in usage.event_id or ()]
    for key, column in (*parts, *values.items()):
        if not _plain(column):
            table.fault(key, f"must be a column or a constant: {ELSE_IN_QUERY}")
    for part in usage.parts:
        if not _plain(part.meter) or not _plain(part.quantity):
            table.fault("quantity", f"must be a column or a constant, with `round` at most: {ELSE_IN_QUERY}")
    if usage.occurred_at.name is None:
        table.fault("columns.occurred_at", "must be a column of time")


def _plain(column: Column) -> bool:
    """Whether it is nothing but a column, as it is or rounded, or a constant."""
    return column in (
        Column(name=column.name, decimals=column.decimals),
        Column(constant=column.constant, decimals=column.decimals),
    )
