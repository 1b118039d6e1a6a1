"""What is measured: meters, how their events become one number, in which unit. No prices and no quantities here."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from flybill_pipeline.billing.usage.service_categories import OTHER


class Aggregation(StrEnum):
    """How a meter's events become one number; aggregation.py says what each means."""

    SUM = "sum"
    COUNT = "count"
    MAX = "max"
    LATEST = "latest"
    UNIQUE_COUNT = "unique_count"
    TIME_WEIGHTED = "time_weighted"

    @property
    def adds_up(self) -> bool:
        """Whether the days of a month add up to it; else the month has one measure, which no day has a part of."""
        return self in (Aggregation.SUM, Aggregation.COUNT, Aggregation.TIME_WEIGHTED)

    @property
    def grows(self) -> bool:
        """Whether more days make it more, as much as they are: of the others only a higher day, or the last, counts."""
        return self.adds_up or self is Aggregation.UNIQUE_COUNT

    @property
    def goes_on_by_itself(self) -> bool:
        """Whether time alone adds to it, with no event."""
        return self is Aggregation.TIME_WEIGHTED

    @property
    def is_told_by_sums(self) -> bool:
        """Whether the sum of a day's events says all of them: then it may come in their place."""
        return self is Aggregation.SUM

    @property
    def has_series(self) -> bool:
        """Whether it is a level, of a volume, say: each volume has a series of its own, and none is below zero."""
        return self in (Aggregation.MAX, Aggregation.LATEST, Aggregation.TIME_WEIGHTED)


class Rounding(StrEnum):
    """What becomes of the fraction when a meter converts its unit."""

    NONE = "none"
    UP = "up"
    NEAREST = "nearest"


@dataclass(frozen=True, slots=True)
class Meter:
    """What is measured, and the unit that it is billed in: quantity x `multiply_by` / `divide_by`, then `round`.

    `distinct` (of a unique_count only) names the dimension whose different values are counted, once for each line;
    None counts different quantities, in each set of dimensions. `per` (of peaks, last values and levels) names the
    dimensions whose values are series of their own, which add up; other labels make no second series. `title` is what
    people read instead of the name, which stays the id, and `service_category` what FinOps tools take it for; neither
    is a part of what is priced, so books may differ in them. `hours_of_month` bills by the month what is measured
    by the hour: `in_month` says what it is divided by.
    """

    name: str
    aggregation: Aggregation
    unit: str
    multiply_by: Decimal = Decimal(1)
    divide_by: Decimal = Decimal(1)
    round: Rounding = Rounding.NONE
    distinct: str | None = None
    per: tuple[str, ...] = ()
    hours_of_month: bool = field(default=False, repr=False)  # in fingerprints as what a month's meter is divided by
    title: str = field(default="", compare=False, repr=False)  # not in fingerprints: a word changes no bill
    service_category: str = field(default=OTHER, compare=False, repr=False)

    @property
    def adds_sums(self) -> bool:
        """Whether what days recorded only adds up: a day is put to the days before it, whatever these were made of."""
        return self.aggregation in (Aggregation.SUM, Aggregation.COUNT) and self.distinct is None

    def in_month(self, hours: int) -> "Meter":
        """The meter in a month of so many hours."""
        if not self.hours_of_month:
            return self
        return replace(self, divide_by=self.divide_by * hours, hours_of_month=False)

    @property
    def shown(self) -> str:
        """What people read of it: its title, or its name where it has none."""
        return self.title or self.name
