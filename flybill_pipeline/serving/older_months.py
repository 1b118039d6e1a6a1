"""Whether usage of months has come that are before those the running UI shows. Nothing is restarted here.

Dagster's partitions begin where they began when its code server loaded them; an older month needs it to load again.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.settings import Settings
from flybill_pipeline.stores.invoicing.first_month import first_month
from flybill_pipeline.toolbox.shown_months import shown_from


@dataclass
class OlderMonths:
    """What a code server shows that was started when this was made."""

    settings: Settings
    engine: Engine
    instance: dg.DagsterInstance

    def __post_init__(self) -> None:
        self.shown = shown_from(self.settings, datetime.now(UTC))

    def came(self) -> bool:
        """True once for each older month, when no run is under way that would lose its code server."""
        try:
            first = first_month(self.engine)
        except SQLAlchemyError:  # asked again soon
            return False
        if first is None:
            return False
        first = max(first, Month.parse(self.settings.first_month))
        if first >= self.shown or self.instance.get_runs_count(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES)):
            return False
        self.shown = first
        return True
