"""The exact usage totals that rating receives. How events become totals belongs to the usage store, not here."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from types import MappingProxyType
from typing import NamedTuple

from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.billing.usage.texts import without_nul

Measures = Mapping[Aggregation, frozenset[str]]
"""Which meters must be measured by more than sum and count, by aggregation."""
EACH_DAY = date.min
"""From which day on totals are wanted by day, where that is all of them."""


class LevelTrail(NamedTuple):
    """How a level moved: the `changes` of a day in order of time (UTC), what the month began with among the first
    day's. What they come to is held `until` then.
    """

    changes: tuple[tuple[datetime, Decimal], ...]
    until: datetime


class UsageTotal(NamedTuple):
    """What one organization used of one meter with one set of dimensions on one day (in all the month: `day` is None).

    `quantity` is the exact sum of what was recorded, whatever the meter's aggregation, negative where corrections
    outweigh usage; `events` is how many raw records it is made of, `corrections` how many of them are negative.
    `measures` has what other aggregations than sum and count make of the day, as far as they were asked for;
    aggregation.py says what each of them holds. `last_at` is the time of the last event, where something is measured;
    `trail` is there where a level of the org's meter was below zero at some time of the month. `told_by` are the
    sources that told what levels of the org's meter are, on any day of the month: then `quantity` says nothing.
    """

    org_id: str
    meter: str
    dimensions: Mapping[str, str]
    quantity: Decimal
    day: date | None = None
    events: int = 0
    measures: Mapping[Aggregation, Decimal] = MappingProxyType({})
    corrections: int = 0
    last_at: datetime | None = None
    trail: LevelTrail | None = None
    told_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrgUsage:
    """All usage of one organization in one month; `up_to` is the time (UTC) of its latest event."""

    org_id: str
    totals: tuple[UsageTotal, ...]
    up_to: datetime


def recorded(totals: Iterable[UsageTotal]) -> Decimal:
    """The sum of the quantities of `totals` as they were recorded, whatever the meters' aggregations."""
    with exact():
        return sum([total.quantity for total in totals], ZERO)


@lru_cache(maxsize=10_000)  # what many organizations use is read once
def dimensions_of(text: str) -> Mapping[str, str]:
    """The dimensions that a canonical JSON text of the usage store holds, as a database can keep them."""
    dimensions = json.loads(text)
    return {name: without_nul(value) for name, value in dimensions.items()}


def dimensions_text(dimensions: Mapping[str, str]) -> str:
    """The dimensions as a JSON text, as they stand; by hand, since every line has some."""
    return f"{{{','.join([f'{quoted(name)}:{quoted(value)}' for name, value in dimensions.items()])}}}"
