"""What the ledger says that each table holds: files, and how large each is. Reads the database only, no table.

A day is published as it was last compiled: then its events, less what is left out, are what its totals are made of.
"""

import hashlib
from collections.abc import Mapping
from datetime import date

from sqlalchemy import Engine, Row, select, tuple_

from flybill_pipeline.stores.usage.lake.days import rollup_path
from flybill_pipeline.stores.usage.lake.tables import lake_files, landed_files, usage_day_versions, usage_days

Files = Mapping[str, int | None]
"""Path below the lake → size; None for one that was written before sizes were kept."""


class PublishedLedger:
    """The days and rejects that the database behind `engine` knows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def compiled(self) -> dict[date, str]:
        """Every compiled day, and the version that its totals are of."""
        query = select(usage_days.c.day, usage_days.c.daily_version).where(usage_days.c.daily_path.is_not(None))
        with self._engine.connect() as connection:
            return {row.day: row.daily_version for row in connection.execute(query.order_by(usage_days.c.day))}

    def days(self, versions: Mapping[date, str]) -> dict[str, Files]:
        """Table → the files of these versions of days."""
        events, left_out, daily = list[str](), list[str](), list[str]()
        for row in self._versions(versions):
            events += row.pieces
            left_out += filter(None, [row.excluded_path])
            daily += [rollup_path(row.day, row.version)] * bool(row.rows)  # of nothing there are no totals
        return {"events": self._sized(events), "left_out": self._sized(left_out), "daily": self._sized(daily)}

    def rejects(self) -> Files:
        """The files of rows that could not be read."""
        return self._sized(self._quarantine())

    def counted(self, versions: Mapping[date, str]) -> dict[date, int]:
        """How many events of each day count."""
        return {row.day: row.rows for row in self._versions(versions)}

    def mark(self) -> str:
        """Changes whenever a table has to."""
        named = [*map(str, self.compiled().items()), *self._quarantine()]
        return hashlib.sha256("\n".join(named).encode()).hexdigest()[:16]

    def _versions(self, versions: Mapping[date, str]) -> list[Row[tuple[object, ...]]]:
        day = usage_day_versions.c
        query = select(usage_day_versions).where(tuple_(day.day, day.version).in_(sorted(versions.items())))
        with self._engine.connect() as connection:
            return list(connection.execute(query.order_by(day.day)))

    def _quarantine(self) -> list[str]:
        path = landed_files.c.quarantine_path
        with self._engine.connect() as connection:
            return list(connection.execute(select(path).where(path.is_not(None)).order_by(path)).scalars())

    def _sized(self, paths: list[str]) -> Files:
        query = select(lake_files.c.path, lake_files.c.size).where(lake_files.c.path.in_(paths))
        with self._engine.connect() as connection:
            sizes = {row.path: row.size for row in connection.execute(query)}
        return {path: sizes.get(path) for path in paths}
