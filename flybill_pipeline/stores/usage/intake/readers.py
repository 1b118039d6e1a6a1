"""The reader of each format. What a reading is: reading.py; what makes a row good: judging.py."""

import duckdb

from flybill_pipeline.stores.usage.intake.parquet_reader import parquet
from flybill_pipeline.stores.usage.intake.reading import Reading
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.text_readers import csv_rows, jsonl

READERS = {"jsonl": jsonl, "csv": csv_rows, "parquet": parquet}


def reading(duck: duckdb.DuckDBPyConnection, location: str, source: SourceMapping) -> Reading:
    """How to read the file at `location`. Raises UnreadableFileError or duckdb.Error when it cannot be read."""
    return READERS[source.format](duck, location, source)
