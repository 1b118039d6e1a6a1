"""The exact usage totals that rating receives. How events become totals belongs to the usage store, not here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """What one organization used of one meter with one set of dimensions on one day (in all the month: `day` is None).

    `quantity` is exact, in the meter's unit, negative where corrections outweigh usage; `events` is how many raw
    records it is made of. What a day's quantity means is the meter's aggregation (see aggregation.py).
    """

    org_id: str
    meter: str
    dimensions: Mapping[str, str]
    quantity: Decimal
    day: date | None = None
    events: int = 0


@dataclass(frozen=True, slots=True)
class OrgUsage:
    """All usage of one organization in one month; `up_to` is the time (UTC) of its latest event."""

    org_id: str
    totals: tuple[UsageTotal, ...]
    up_to: datetime
