"""The reader of each format. What a reading is: reading.py; what makes a row good: judging.py."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path
from typing import TypeVar

import duckdb

from flybill_pipeline.stores.files.readable import NotCopiedError, readable
from flybill_pipeline.stores.files.second_reader import plain_content
from flybill_pipeline.stores.usage.intake.documents import needs_walking, write_records
from flybill_pipeline.stores.usage.intake.line_ends import StrayQuoteError
from flybill_pipeline.stores.usage.intake.parquet_reader import parquet, walked
from flybill_pipeline.stores.usage.intake.plain_csv import plain_csv
from flybill_pipeline.stores.usage.intake.reading import FileFacts, Reading, compiled
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.stray_quotes import UnclearRowsError
from flybill_pipeline.stores.usage.intake.text_readers import csv_rows, jsonl

READERS = {"jsonl": jsonl, "csv": csv_rows, "parquet": parquet, "json": walked}
PIECE = 1024 * 1024
_OF_THE_MACHINE = (duckdb.OutOfMemoryException, duckdb.InterruptException)
T = TypeVar("T")


class Repair(Enum):
    """What a file needs that DuckDB gave up: seldom, so it is tried without first."""

    NONE = auto()
    COPIED = auto()
    MIXED_ENDS = auto()


def repaired(read: Callable[[Repair], T], source: SourceMapping) -> T:
    """What `read` makes of a file, with a repair where it is given up without."""
    try:
        return read(Repair.NONE)
    except (duckdb.Error, UnclearRowsError) as error:
        ends = isinstance(error, UnclearRowsError)
        if not ends and (source.format != "parquet" or isinstance(error, _OF_THE_MACHINE)):
            raise
        try:
            return read(Repair.MIXED_ENDS if ends else Repair.COPIED)
        except (StrayQuoteError, NotCopiedError):
            raise error from None


def reading(duck: duckdb.DuckDBPyConnection, location: str, source: SourceMapping, facts: FileFacts) -> Reading:
    """How to read the file at `location`. Raises UnreadableFileError or duckdb.Error when it cannot be read."""
    read = walked if needs_walking(source) else READERS[source.format]
    return compiled(read(duck, location, source), source, facts)


@contextmanager
def prepared(
    location: str, path: str, source: SourceMapping, work: Path, repair: Repair = Repair.NONE
) -> Iterator[tuple[str, FileFacts]]:
    """Where DuckDB can read the file, and what a mapping may ask of it; what has to be written for that is in `work`.

    `path` is the file's below the landing zone. Raises UnreadableFileError when the file is no text of its encoding.
    """
    digest = _digest(Path(location)) if source.event_id is None else ""
    copied = source.column_names() if repair is Repair.COPIED else None
    with readable(location, work, copied=copied) as plain:
        if needs_walking(source):
            write_records(Path(plain), source, work / "records.parquet")
            yield str(work / "records.parquet"), FileFacts(path, digest)
        elif source.format == "csv":
            with plain_csv(plain, source, work, mixed_ends=repair is Repair.MIXED_ENDS) as (copy, gaps):
                yield copy, FileFacts(path, digest, gaps)
        else:
            yield plain, FileFacts(path, digest)


def _digest(file: Path) -> str:
    """Of what is in the file, however it is packed: packed or plain, it is the same delivery."""
    digest = hashlib.sha256()
    with plain_content(file) as content:
        while piece := content.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()
