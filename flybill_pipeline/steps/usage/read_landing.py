"""One look into the landing zone: what is new is taken in, then the ids of all days are compared. Not how."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from flybill_pipeline.steps.usage.compare_days import Catalog, ComparisonReport, Lake, compare_days
from flybill_pipeline.steps.usage.record_usage import FileCatalog, FileLake, IntakeReport, LandingZone, take_in


class LandingLake(FileLake, Lake, Protocol):
    """Reads landed files, and compares what was read."""


class LandingCatalog(FileCatalog, Catalog, Protocol):
    """Knows which files have arrived, and which of their pieces were compared."""


@dataclass(frozen=True, slots=True)
class LandingReport:
    """What was taken in, and what the comparison came to: None when nothing had arrived since the last one."""

    intake: IntakeReport
    comparison: ComparisonReport | None


def read_landing(landing: LandingZone, lake: LandingLake, catalog: LandingCatalog, now: datetime) -> LandingReport:
    """Reads what is new, each file committed by itself; an id that came with two times counts where it came first."""
    intake = take_in(landing, lake, catalog, now)
    return LandingReport(intake, compare_days(lake, catalog))
