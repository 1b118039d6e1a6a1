"""The quantity of a line: of the usage that is known, or of a month that goes on. What it costs: usage_lines.py.

Only what is used grows: allowances, tiers, packages, flat amounts and minimums are the month's, and stay what they are.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from flybill_pipeline.billing.money.decimals import ZERO, divide, exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_groups import Group
from flybill_pipeline.billing.pricing.line_heads import LineHead
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.usage.aggregation import billed_quantity, convert, used_of_day
from flybill_pipeline.billing.usage.meters import Meter, Rounding
from flybill_pipeline.billing.usage.time_weighted import midnight
from flybill_pipeline.billing.usage.totals import UsageTotal

Quantities = Callable[[LineHead, Sequence[UsageTotal], date | None], Decimal]
"""The quantity of a line's totals in the month, or when a day begins."""
FINEST = 60
"""Decimals of what one unit is worth: of a cent for the bytes of a month there must be some left."""
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def known_quantity(head: LineHead, totals: Sequence[UsageTotal], before: date | None) -> Decimal:
    """Of what is known: the one that is billed."""
    return billed_quantity(head.meter, totals, before)


class GrownUsage(NamedTuple):
    """The lines of a month's usage at its end: at its pace so far, and with each day left like the cheapest and like
    the dearest of the days that were compared. Both are as at its pace where none was.
    """

    lines: Sequence[LineItem]
    cheapest: Sequence[LineItem]
    dearest: Sequence[LineItem]


@dataclass(frozen=True, slots=True)
class GoingOn:
    """Usage of a running month that is known `up_to` a time, levels as they are `held_until` one, and then goes on.

    Each day left is `like` one of the days before; None: as all before were on average. What came in the first day
    counts as a whole day's: ten seconds say nothing of thirty days. Peaks and last values stay what they are: no day
    has a part of them.
    """

    month: Month
    up_to: datetime
    held_until: datetime
    like: date | None = None

    def quantity(self, head: LineHead, totals: Sequence[UsageTotal], before: date | None) -> Decimal:
        """What `billed_quantity` will be of a line's usage at the end of the month, or when the day `before` begins."""
        meter = replace(head.meter, round=Rounding.NONE)
        since = midnight(head.part.start) if head.whole_month else self.month.start
        known = self._known(head.meter, since)
        end = self.month.end if before is None else midnight(before)
        if end <= known or not head.meter.aggregation.grows:
            return billed_quantity(head.meter, totals, before)
        so_far = billed_quantity(meter, totals)
        with exact():
            if self.like is None:
                grown = divide(so_far * _seconds(end - since), _seconds(known - since))
            else:
                of_day = billed_quantity(meter, totals, self.like + DAY) - billed_quantity(meter, totals, self.like)
                # What was corrected on that day is not corrected again on each day left.
                grown = so_far + divide(max(of_day, ZERO) * _seconds(end - known), _seconds(DAY))
        return convert(replace(head.meter, multiply_by=Decimal(1), divide_by=Decimal(1)), grown)

    def _known(self, meter: Meter, since: datetime) -> datetime:
        if meter.aggregation.goes_on_by_itself:
            return max(self.held_until, since + SECOND)
        return max(self.up_to, since + DAY)


def cheapest_and_dearest(worth: Iterable[tuple[Group, Decimal]], days: Sequence[date]) -> tuple[date, date]:
    """Of some days, by what a month would come to that is like them: what each line is worth is shared among its days
    by their usage.
    """
    of_day = dict.fromkeys(days, ZERO)
    for group, amount in worth:
        used: dict[date, Decimal] = {}
        for total in group.own:
            if total.day is not None:
                used[total.day] = used.get(total.day, ZERO) + used_of_day(group.head.meter, total)
        if all_used := sum(used.values(), ZERO):
            of_each = divide(amount, all_used, FINEST)
            for day in used.keys() & of_day.keys():
                of_day[day] += of_each * used[day]
    return min(days, key=of_day.__getitem__), max(days, key=of_day.__getitem__)


def _seconds(length: timedelta) -> Decimal:
    return Decimal(length // SECOND)
