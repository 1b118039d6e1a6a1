"""Which months should have been closed by now and are not. Only tells: closing them is for a schedule, or a person."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from flybill_pipeline.billing.money.period import Month


class OpenMonths(Protocol):
    """The months that were not decided for everybody."""

    def before(self, end: Month) -> Mapping[Month, int]: ...


def overdue_months(months: OpenMonths, first: Month, closing_day: int, now: datetime) -> dict[Month, int]:
    """The months from `first` on whose closing day (of the month after) is over, with how many organizations wait."""
    return {
        month: waiting
        for month, waiting in months.before(Month.of(now)).items()
        if month >= first and now >= month.end + timedelta(days=closing_day)
    }
