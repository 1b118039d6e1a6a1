"""The reader of each format. What a reading is: reading.py; what makes a row good: judging.py."""

import duckdb

from flybill_pipeline.billing.usage.texts import is_whole
from flybill_pipeline.stores.usage.intake.parquet_reader import parquet
from flybill_pipeline.stores.usage.intake.reading import Reading, UnreadableFileError
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.text_readers import csv_rows, jsonl

READERS = {"jsonl": jsonl, "csv": csv_rows, "parquet": parquet}


def reading(duck: duckdb.DuckDBPyConnection, location: str, source: SourceMapping) -> Reading:
    """How to read the file at `location`. Raises UnreadableFileError or duckdb.Error when it cannot be read."""
    if not is_whole(location):
        raise UnreadableFileError("the name of the file is not UTF-8", "give it another name")
    return READERS[source.format](duck, location, source)
