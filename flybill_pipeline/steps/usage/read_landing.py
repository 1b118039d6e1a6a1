"""One look at what has come: what is new in the landing zone is taken in, then the ids of all days are compared.

Not how. Totals of tables are landed before that (`pull_tables`).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from flybill_pipeline.steps.usage.compare_days import Catalog, ComparisonReport, Lake, compare_days
from flybill_pipeline.steps.usage.pull_tables import PullReport
from flybill_pipeline.steps.usage.record_usage import FileCatalog, FileLake, IntakeReport, LandingZone, take_in


class LandingLake(FileLake, Lake, Protocol):
    """Reads landed files, and compares what was read."""


class LandingCatalog(FileCatalog, Catalog, Protocol):
    """Knows which files have arrived, and which of their pieces were compared."""


@dataclass(frozen=True, slots=True)
class LandingReport:
    """What was taken in, and what the comparison came to: None when nothing had arrived since the last one.

    `pulled` is what came of tables before.
    """

    intake: IntakeReport
    comparison: ComparisonReport | None
    pulled: PullReport = field(default_factory=PullReport)


def read_landing(
    landing: LandingZone, lake: LandingLake, catalog: LandingCatalog, now: datetime, pulled: PullReport | None = None
) -> LandingReport:
    """Reads what is new, each file committed by itself; an id that came with two times counts where it came first.

    Raises TablesNotPulledError, after all others were read, when usage of a table did not come before.
    """
    intake = take_in(landing, lake, catalog, now)
    report = LandingReport(intake, compare_days(lake, catalog), pulled or PullReport())
    report.pulled.require_all()
    return report
