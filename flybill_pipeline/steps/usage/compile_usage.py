"""Compiles a recorded day of usage into its exact totals. Which rows count was decided when the day was recorded."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from flybill_pipeline.billing.usage.files import Manifest, Rollup


class RollupLake(Protocol):
    """Sums the rows that count."""

    def make_rollup(self, manifest: Manifest) -> Rollup: ...


class RollupCatalog(Protocol):
    """Knows what was recorded for a day, and keeps where its totals are."""

    def working_on(self, what: str) -> AbstractContextManager[None]: ...
    def manifest(self, day: date) -> Manifest | None: ...
    def compiled(self, rollup: Rollup) -> None: ...


@dataclass(frozen=True, slots=True)
class RollupReport:
    """A compiled day: `rows` totals of org, meter, dimensions and day of arrival, made of `events` events."""

    day: date
    rows: int
    events: int


def compile_day(day: date, lake: RollupLake, catalog: RollupCatalog) -> RollupReport:
    """Writes the exact totals of `day` as it was last recorded; a day that never was has none, and is no error."""
    with catalog.working_on(f"day {day}"):
        manifest = catalog.manifest(day)
        if manifest is None:
            return RollupReport(day, 0, 0)
        rollup = lake.make_rollup(manifest)
        catalog.compiled(rollup)
    return RollupReport(day, rollup.groups, rollup.events)
