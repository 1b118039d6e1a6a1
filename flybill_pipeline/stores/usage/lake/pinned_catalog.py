"""The lake's catalog at one moment: days in given versions, or as they are when it is asked first. Reads only.

What is in force now: catalog.py.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cached_property

from sqlalchemy import Engine, select

from flybill_pipeline.billing.usage.files import Manifest
from flybill_pipeline.stores.usage.lake.catalog import LakeCatalog, manifest_of
from flybill_pipeline.stores.usage.lake.days import rollup_path
from flybill_pipeline.stores.usage.lake.tables import usage_day_versions, usage_days


class PinnedCatalog(LakeCatalog):
    """A catalog in which just these days were compiled, each in its version. The files of a version never change."""

    def __init__(self, engine: Engine, versions: Mapping[date, str]) -> None:
        super().__init__(engine)
        self._versions = dict(versions)

    def rollups(self, days: Iterable[date]) -> dict[date, str]:
        return {day: rollup_path(day, self._versions[day]) for day in sorted(days) if day in self._versions}

    def rollups_before(self, day: date) -> dict[date, str]:
        return self.rollups(pinned for pinned in self._versions if pinned < day)

    def manifests(self, days: Iterable[date] | None = None) -> dict[date, Manifest]:
        wanted = self._versions.keys() if days is None else self._versions.keys() & set(days)
        query = select(usage_day_versions).where(usage_day_versions.c.day.in_(sorted(wanted)))
        with self.engine.connect() as connection:
            rows = connection.execute(query.order_by(usage_day_versions.c.day)).all()
        return {row.day: manifest_of(row) for row in rows if row.version == self._versions[row.day]}

    def needs(self) -> set[str]:
        """All that the days are made of, and their totals."""
        made_of = {file for manifest in self.manifests().values() for file in manifest.files}
        return made_of | set(self.rollups(self._versions).values())


class CatalogOfMoment(LakeCatalog):
    """The catalog for one answer: where the totals of days are is asked once, for all days from `first` on."""

    def __init__(self, engine: Engine, first: date) -> None:
        super().__init__(engine)
        self._first = first

    @cached_property
    def _since_first(self) -> dict[date, str]:
        return self._rollups(usage_days.c.day >= self._first)

    def rollups(self, days: Iterable[date]) -> dict[date, str]:
        wanted = sorted(days)
        if wanted and wanted[0] < self._first:
            return super().rollups(wanted)
        return {day: self._since_first[day] for day in wanted if day in self._since_first}
