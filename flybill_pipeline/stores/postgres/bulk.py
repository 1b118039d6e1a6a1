"""Moves many rows into Postgres at once with COPY, the fastest way there is. Knows no table in particular."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, TableValuedAlias, column, func, literal
from sqlalchemy.dialects.postgresql import JSONB

from flybill_pipeline.stores.postgres.no_cycles import no_search_for_cycles

ROWS_PER_BLOCK = 200
NULL = "\\N"


def copy_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Copies `rows`, whose values stand in the order of `columns`, into `table` within the open transaction.

    Rows are made while Postgres stores those before: making them must not use `connection`, and what it raises comes
    out of here. Decimals keep every digit, dicts and lists become JSON, None becomes NULL. Returns the number of rows.
    """
    source = _Rows(rows)
    cursor = connection.connection.cursor()
    try:
        with no_search_for_cycles():
            cursor.copy_expert(f"copy {table.fullname} ({', '.join(columns)}) from stdin", source)
    except Exception:
        if source.fault is None:
            raise
        raise source.fault from None  # the driver's has nothing but its text
    finally:
        cursor.close()
    return source.count


def given_rows(table: Table, rows: Sequence[Mapping[str, Any]]) -> TableValuedAlias:
    """`rows` (JSON-able, each with the same columns of `table`) to select from: however many, one value is sent."""
    columns = [column(name, table.c[name].type) for name in rows[0]]
    given = func.jsonb_to_recordset(literal(rows, JSONB)).table_valued(*columns)
    return given.render_derived(name="given", with_types=True)


class _Rows:
    """Rows as the file that COPY reads, in its text format."""

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self._lines = map(_line, rows)
        self.count = 0
        self.fault: Exception | None = None

    def read(self, _size: int) -> str:
        """The next rows, however long; nothing at the end."""
        try:
            block = list(islice(self._lines, ROWS_PER_BLOCK))
        except Exception as fault:
            self.fault = fault
            raise
        self.count += len(block)
        return "".join(block)


def _line(row: Sequence[Any]) -> str:
    texts = [value if type(value) is str else _WRITTEN[type(value)](value) for value in row]
    line = "\t".join(texts)
    # Most rows have nothing to escape, and looking at all of one at once is many times faster than at each value: no
    # backslash but those of NULL, no end of a line, no tab but those between.
    if line.count("\\") > row.count(None) or "\n" in line or "\r" in line or line.count("\t") >= len(texts):
        line = "\t".join(
            [NULL if value is None else text.translate(_ESCAPES) for value, text in zip(row, texts, strict=True)]
        )
    return f"{line}\n"


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


_json = json.JSONEncoder(separators=(",", ":")).encode

# What is no text yet, before it is escaped. By exact type, since this runs for every value of millions of rows; any
# other type is a mistake, and raises.
_WRITTEN: dict[type, Callable[[Any], str]] = {
    int: str,
    type(None): lambda _: NULL,
    Decimal: str,
    dict: _json,
    list: _json,
    tuple: _json,
    datetime: datetime.isoformat,
    date: date.isoformat,
}
