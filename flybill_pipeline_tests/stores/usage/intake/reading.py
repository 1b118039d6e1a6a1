"""Reads one file into a lake of its own, without a database: for tests of what intake makes of a file's bytes."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flybill_pipeline.billing.usage.files import FIRST_DAY, Arrival, Broken, LandedFile, NotRead, Taken
from flybill_pipeline.stores.files.duck import Limits
from flybill_pipeline.stores.usage.intake.sources import Column, SourceMapping
from flybill_pipeline.stores.usage.intake.take import take_file

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)


def plain_source(kind: str, **changes: Any) -> SourceMapping:
    """A mapping of the columns id, org, meter, q, ts and region, for files of the format `kind`."""
    columns = {"event_id": (Column("id"),), "org_id": Column("org"), "meter": Column("meter")}
    more: dict[str, Any] = columns | {"quantity": Column("q"), "occurred_at": Column("ts")}
    return SourceMapping(
        **{"name": "t", "format": kind, "files": "t/*", "dimensions": {"region": Column("region")}} | more | changes
    )


@dataclass(frozen=True)
class Read:
    """What became of a file: `events` and `rejects` by event id and row, as the lake holds them."""

    outcome: Taken | Broken | NotRead
    events: list[dict[str, Any]]
    rejects: list[dict[str, Any]]


class Reader:
    """Reads files into one lake at `root`, so that DuckDB is opened once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._numbers = count(1)

    def read(self, file: Path, source: SourceMapping, path: str | None = None) -> Read:
        """Takes `file` (`path` below the landing zone) into the lake; reads back what is there of it."""
        status, number = file.stat(), next(self._numbers)
        landed = LandedFile(
            source.name, path or file.name, str(file), status.st_size, status.st_mtime_ns, "m", lambda: None
        )
        outcome = take_file(self.root, Arrival(number, 1, NOW, landed), source, Limits("1GB", 1), FIRST_DAY)
        if not isinstance(outcome, Taken):
            return Read(outcome, [], [])
        events = [row for piece in outcome.pieces for row in rows_of(self.root / piece.path, piece.day)]
        events.sort(key=lambda event: event["row"])  # a piece may have the rows that were looked at twice
        rejects = rows_of(self.root / outcome.quarantine_path) if outcome.quarantine_path else []
        return Read(outcome, events, rejects)

    def text(self, text: str, source: SourceMapping) -> Read:
        """The same for a file with this text."""
        file = self.root / f"given.{source.format}"
        file.write_text(text, "utf-8", "surrogatepass", newline="")
        return self.read(file, source)

    def table(self, table: pa.Table, source: SourceMapping, **options: Any) -> Read:
        """The same for a Parquet file with this table."""
        file = self.root / "given.parquet"
        pq.write_table(table, file, **options)
        return self.read(file, source)


def rows_of(file: Path, day: date | None = None) -> list[dict[str, Any]]:
    """The rows of a Parquet file of the lake, each with the `day` that it was filed under."""
    with file.open("rb") as opened:  # by the file, as pyarrow takes names that are no UTF-8 for none
        # One thread: others would still hold the file when Python ends, and abort it (apache/arrow#34314).
        return [row | {"day": day} for row in pq.read_table(opened, partitioning=None, use_threads=False).to_pylist()]
