"""Finds files that came again as a whole, row by row: that takes far less than to find each row's id. Ids: repeats.py.

A file that somebody delivers again, or that is packed otherwise, gives the same rows in the same order.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from flybill_pipeline.stores.files.duck import parquet_columns, parquet_rows
from flybill_pipeline.stores.usage.lake.repeats import EXCLUDED, IDENTITY, SAID, find_excluded

_LOOK = ("event_id", "occurred_at", "quantity")
"""Files whose groups of rows have the same size and bounds of these are compared; others cannot be the same."""
_SAME = " and ".join(f"one.{column} is not distinct from other.{column}" for column in (*IDENTITY, *SAID))


def find_whole_repeats(connection: duckdb.DuckDBPyConnection, pieces: Sequence[Path]) -> bool:
    """Makes `excluded` as repeats.find_excluded does, with all rows of those of `pieces` that are whole repeats last.

    False, and nothing is made, where none is, or where a row of another piece is a conflict: then a repeat of it is
    one too. The pieces are in the order of arrival, and no row restates another.
    """
    again = [piece for piece, first in _alike(connection, pieces).items() if _is_repeat(connection, first, piece)]
    if not again:
        return False
    find_excluded(connection, parquet_rows([piece for piece in pieces if piece not in again]), (), {})
    return _with_all_of(connection, again)


def _alike(connection: duckdb.DuckDBPyConnection, pieces: Sequence[Path]) -> Mapping[Path, Path]:
    """Piece → the first one of another arrival that looks like it. No row is read for this."""
    query = f"""select file_name, list((row_group_num_rows, stats_min_value, stats_max_value)
                                        order by row_group_id, path_in_schema)
        from {parquet_columns(pieces)} where path_in_schema in {_LOOK} group by file_name"""
    looks = {Path(name).name: str(look) for name, look in connection.execute(query).fetchall()}
    first, alike = dict[str, Path](), dict[Path, Path]()
    for piece in pieces:
        other = first.setdefault(looks[piece.name], piece)
        if _arrival(other) != _arrival(piece):
            alike[piece] = other
    return alike


def _arrival(piece: Path) -> str:
    return piece.name.partition("-")[0]


def _is_repeat(connection: duckdb.DuckDBPyConnection, first: Path, piece: Path) -> bool:
    """Whether each row of `piece` says the same as the row in its place of `first`, and none is left over."""
    query = f"""select count(*) filter (where not ({_SAME}))
        from {parquet_rows([first])} one positional join {parquet_rows([piece])} other"""
    return connection.execute(query).fetchall() == [(0,)]


def _with_all_of(connection: duckdb.DuckDBPyConnection, again: Sequence[Path]) -> bool:
    """Adds the rows of the pieces that came again to `excluded`, which becomes a view: no row is kept twice."""
    if connection.execute("select 1 from excluded where kind = 'conflict' limit 1").fetchone():
        connection.execute("drop table excluded")
        return False
    connection.execute("alter table excluded rename to excluded_of_the_others")
    connection.execute(f"""create temp view excluded as from excluded_of_the_others
        union all select {EXCLUDED}, 'duplicate' as kind from {parquet_rows(again)}""")
    return True
