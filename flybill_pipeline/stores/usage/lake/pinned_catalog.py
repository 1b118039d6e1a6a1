"""The lake's catalog as it once was: days in given versions. Reads only; what is in force now is catalog.py's."""

from collections.abc import Iterable, Mapping
from datetime import date

from sqlalchemy import Engine, select

from flybill_pipeline.billing.usage.files import Manifest
from flybill_pipeline.stores.usage.lake.catalog import LakeCatalog, manifest_of
from flybill_pipeline.stores.usage.lake.days import rollup_path
from flybill_pipeline.stores.usage.lake.tables import usage_day_versions


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
