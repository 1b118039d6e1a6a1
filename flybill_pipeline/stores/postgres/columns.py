"""What a table is, as plain values, for who shows what a row of it is. No queries: it is what the code knows."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql


class ColumnFacts(NamedTuple):
    """A column: its name, its type as Postgres names it, whether it may be empty, and what it says."""

    name: str
    type: str
    nullable: bool
    says: str | None


class TableFacts(NamedTuple):
    """A table: its name with its schema, and its columns in their order."""

    name: str
    columns: Sequence[ColumnFacts]


def facts_of(table: Table) -> TableFacts:
    """The table as plain values."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    columns = [
        ColumnFacts(each.name, each.type.compile(dialect), bool(each.nullable), each.doc) for each in table.columns
    ]
    return TableFacts(str(table), columns)
