"""Reads one file into a lake of its own, without a database: for tests of what intake makes of a file's bytes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from flybill_pipeline.billing.usage.files import Arrival, Broken, LandedFile, Taken
from flybill_pipeline.stores.files.duck import Limits
from flybill_pipeline.stores.usage.intake.judging import FIRST_DAY
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

    outcome: Taken | Broken
    events: list[dict[str, Any]]
    rejects: list[dict[str, Any]]


@contextmanager
def somewhere() -> Iterator[Path]:
    """A folder for one reading."""
    with TemporaryDirectory(prefix="flybill-read-") as folder:
        yield Path(folder)


def read_file(root: Path, file: Path, source: SourceMapping) -> Read:
    """Takes `file` into the lake at `root`, and reads back what is there."""
    status = file.stat()
    landed = LandedFile(source.name, file.name, str(file), status.st_size, status.st_mtime_ns, "m", lambda: None)
    outcome = take_file(root, Arrival(1, 1, NOW, landed), source, Limits("1GB", 1), FIRST_DAY)
    if isinstance(outcome, Broken):
        return Read(outcome, [], [])
    events = [row for piece in outcome.pieces for row in rows_of(root / piece.path, piece.day)]
    rejects = rows_of(root / outcome.quarantine_path) if outcome.quarantine_path else []
    return Read(outcome, events, rejects)


def rows_of(file: Path, day: date | None = None) -> list[dict[str, Any]]:
    """The rows of a Parquet file of the lake, each with the `day` that it was filed under."""
    with duckdb.connect() as connection:
        rows = connection.execute("select * from read_parquet(?, hive_partitioning = false)", [str(file)])
        names = [column[0] for column in rows.description or ()]
        return [dict(zip(names, row, strict=True)) | {"day": day} for row in rows.fetchall()]
