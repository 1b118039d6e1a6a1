"""Writes the rows of a query to a Parquet file, all or nothing. What is in it, and where it stays, others decide."""

from pathlib import Path

import duckdb

from flybill_pipeline.stores.files.duck import copied

SMALL = "compression zstd, compression_level 1, dictionary_size_limit 4096"
"""Of ids, times and amounts nearly all differ: DuckDB would look up 24,000 of them before it gives a dictionary up."""
FOR_ONE_ORG = "compression snappy, row_group_size 30720"
"""For rows in the order of orgs: who reads one org's of many files waits for what is unpacked around them. Groups that
are smaller, or packed better, take longer."""


def write_rows(connection: duckdb.DuckDBPyConnection, query: str, path: Path, options: str = SMALL) -> int:
    """Writes the rows of `query` to `path`, all or nothing; returns how many. `options` are further ones of COPY."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        row = connection.execute(copied(query, partial, f"format parquet, {options}")).fetchone()
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)  # of a full disk: what is left of it would keep it full
    return int(row[0]) if row else 0
