"""Moves many rows into Postgres at once with COPY, the fastest way there is. Knows no table in particular."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
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
            block.truncate(0)
    if block.tell():
        cursor.copy_expert(command, _rewound(block))
    cursor.close()
    return count


def _rewound(block: io.StringIO) -> io.StringIO:
    block.seek(0)
    return block


def _text(value: Any) -> Any:
    match value:
        case None:
            return NULL
        case Decimal():
            return format(value, "f")
        case dict() | list() | tuple():
            return json.dumps(value, separators=(",", ":"))
        case datetime() | date():
            return value.isoformat()
        case _:
            return value
