"""The lake's open tables as publishing needs them: open, up to date, tagged, kept small, counted. Start here."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from pyiceberg.table import Table
from sqlalchemy import Engine

from flybill_pipeline.stores.files.duck import Limits, duck, parquet_rows
from flybill_pipeline.stores.usage.lake.days import rollup_path
from flybill_pipeline.stores.usage.lake.guard import Guard
from flybill_pipeline.stores.usage.lake.storage import Storage
from flybill_pipeline.stores.usage.published import commits, upkeep
from flybill_pipeline.stores.usage.published.catalogs import OWN, hint, opened_catalog, opened_table
from flybill_pipeline.stores.usage.published.schemas import DAILY, EVENTS, LEFT_OUT, TABLES

EPOCH = date(1970, 1, 1)
OF_DAYS = (EVENTS.name, LEFT_OUT.name, DAILY.name)
Files = Mapping[str, int | None]


@dataclass
class OpenTables:
    """The tables of the lake in `storage`, in the catalog that `which` names: see catalogs.py."""

    storage: Storage
    engine: Engine
    which: str
    _tables: dict[str, Table] = field(default_factory=dict)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Opens the tables, or makes them. Raises LakeError when they, or the lake, are another deployment's."""
        Guard(self.storage, self.engine).require_own()
        with opened_catalog(self.which, self.engine, self.storage) as catalog:
            for name, table in TABLES.items():
                self._tables[name] = opened_table(catalog, table, self.storage, ours=self.which == OWN)
            yield
        self._tables.clear()

    def bring(self, name: str, files: Files) -> int:
        """Makes a table hold just these files; returns how many went and came."""
        return commits.bring(self._tables[name], self.storage, files)

    def tagged(self) -> dict[str, str]:
        """What months were priced from → the tag that each table of days keeps it under."""
        return commits.tags(self._tables[OF_DAYS[-1]])

    def tag(self, name: str, priced_from: str, days: Mapping[str, Files]) -> None:
        """Keeps these days under a tag for good. What an attempt that broke off has tagged already, it leaves."""
        for table in OF_DAYS:
            if priced_from not in commits.tags(self._tables[table]):
                commits.tag(self._tables[table], self.storage, days[table], name, priced_from)

    def keep_small(self, now: datetime) -> int:
        """Expires and sweeps what is due; returns how many files of metadata went."""
        swept = sum(
            upkeep.keep_small(table, self.storage, now, ours=self.which == OWN) for table in self._tables.values()
        )
        for table in self._tables.values():
            hint(table, self.storage)
        return swept

    def published(self, versions: Mapping[date, str]) -> dict[date, str]:
        """Those of these versions of days that the table of totals has; of the others it is told at the next time."""
        there = commits.held(self._tables[DAILY.name])
        return {day: each for day, each in versions.items() if self.storage.address(rollup_path(day, each)) in there}

    def counted(self) -> dict[date, tuple[int, int]]:
        """Day → how many of its events count: rows of `events` less those of `left_out`, and as `daily` says."""
        rows = self._rows(EVENTS.name)
        rows.subtract(self._rows(LEFT_OUT.name))
        sums = self._sums()
        return {day: (rows[day], sums.get(day, 0)) for day in sorted(rows.keys() | sums.keys())}

    def _rows(self, name: str) -> Counter[date]:
        rows = Counter[date]()
        for file in commits.held(self._tables[name]).values():
            rows[EPOCH + timedelta(days=file.partition[0])] += file.record_count
        return rows

    def _sums(self) -> dict[date, int]:
        root = self.storage.root
        files = [self.storage.path(place) for place in commits.held(self._tables[DAILY.name])]
        if not files:
            return {}
        Guard(self.storage, self.engine).require(files, contents=False)
        with duck(root, Limits()) as connection:
            query = f"select day, sum(events)::bigint from {parquet_rows([root / file for file in files])} group by day"  # noqa: S608 - our own paths
            return dict(connection.execute(query).fetchall())
