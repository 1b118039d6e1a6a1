"""Moves many rows into Postgres at once with COPY, the fastest way there is. Knows no table in particular."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Table

ROWS_PER_BLOCK = 20_000
NULL = "\\N"


def copy_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Copies `rows`, whose values stand in the order of `columns`, into `table` within the open transaction.

    Decimals keep every digit, dicts and lists become JSON, None becomes NULL. Returns the number of rows.
    """
    command = f"copy {table.fullname} ({', '.join(columns)}) from stdin with (format csv, null '{NULL}')"
    cursor = connection.connection.cursor()
    count = 0
    block = io.StringIO()
    writer = csv.writer(block)
    for row in rows:
        writer.writerow([_text(value) for value in row])
        count += 1
        if count % ROWS_PER_BLOCK == 0:
            cursor.copy_expert(command, _rewound(block))
            block.seek(0)
            block.truncate()
    if block.tell():
        cursor.copy_expert(command, _rewound(block))
    cursor.close()
    return count


def _rewound(block: io.StringIO) -> io.StringIO:
    block.seek(0)
    return block


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")) if value else ("{}" if isinstance(value, dict) else "[]")


# By exact type, since this runs for every value of millions of rows; the CSV writer writes what is not listed.
_WRITTEN: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: NULL,
    Decimal: lambda number: format(number, "f"),
    dict: _json,
    list: _json,
    tuple: _json,
    datetime: datetime.isoformat,
    date: date.isoformat,
}


def _text(value: Any) -> Any:
    write = _WRITTEN.get(type(value))
    return value if write is None else write(value)
