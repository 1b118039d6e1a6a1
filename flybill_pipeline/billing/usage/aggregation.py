"""What a meter's daily totals come to in a month, in the unit that is billed. Reading events is the usage store's."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from flybill_pipeline.billing.money.decimals import ZERO, divide, exact
from flybill_pipeline.billing.usage.meters import Aggregation, Meter, Rounding
from flybill_pipeline.billing.usage.time_weighted import MICROSECONDS_OF_AN_HOUR, held_above_zero, midnight
from flybill_pipeline.billing.usage.totals import UsageTotal

_NEVER = datetime.min.replace(tzinfo=UTC)


def billed_quantity(meter: Meter, totals: Iterable[UsageTotal], before: date | None = None) -> Decimal:
    """The one quantity of all `totals` (of one meter), converted into the meter's unit.

    With `before`, what the month has got to when that day begins: totals must be of days.
    """
    totals = list(totals)
    if before is not None:
        totals = [total for total in totals if total.day is None or total.day < before]
    if meter.distinct is not None:
        return convert(meter, _distinct(meter.distinct, totals))
    return convert(meter, aggregate(meter, totals, before))


def aggregate(meter: Meter, totals: Sequence[UsageTotal], before: date | None = None) -> Decimal:
    """The quantity of `totals`, in the unit that they are recorded in.

    What `measures` of a day must hold, and what the month makes of it:

    - `sum`, `count`: nothing; quantities and numbers of events add up. A correction (below zero) counts as minus one.
    - `max`: the day's largest quantity; the highest of all counts.
    - `latest`: the quantity of the day's last event (of several at one instant the largest); the last of all counts.
    - `unique_count`: how many quantities came for the first time in the month; days add up. One below zero takes its
      positive one back: what is taken back as often as it came does not count.
    - `time_weighted`: level x microseconds (see time_weighted.py); days add up, and come out in level x hours.

    `max`, `latest` and levels are those of each series that the meter names (`per`), and series add up; without names
    there is one. A level cannot be below zero: each series that is counts as zero. Raises ValueError when a measure is
    missing: it was not asked for when the usage was read.
    """
    aggregation = meter.aggregation
    with exact():
        match aggregation:
            case Aggregation.SUM:
                return sum([total.quantity for total in totals], ZERO)
            case Aggregation.COUNT:
                return Decimal(sum([total.events - 2 * total.corrections for total in totals]))
            case Aggregation.MAX | Aggregation.LATEST:
                return sum((max(level, ZERO) for level in _levels(meter, totals)), ZERO)
            case Aggregation.UNIQUE_COUNT:
                return sum((_measure(total, aggregation) for total in totals), ZERO)
            case Aggregation.TIME_WEIGHTED:
                held = sum((_level_time(one, before) for one in _series(meter, totals)), ZERO)
                return divide(held, MICROSECONDS_OF_AN_HOUR)


def used_of_day(meter: Meter, total: UsageTotal) -> Decimal:
    """About how much of what grows a day's total adds to the month: to compare days, not to bill them."""
    if not meter.aggregation.grows:
        return ZERO
    if meter.distinct is not None:
        return Decimal(total.events)
    return aggregate(meter, [total._replace(trail=None)])


def _distinct(name: str, totals: Sequence[UsageTotal]) -> Decimal:
    """How many values of a dimension came more often than they were taken back."""
    came: dict[str, int] = {}
    for total in totals:
        value = total.dimensions.get(name, "")
        came[value] = came.get(value, 0) + total.events - 2 * total.corrections
    return Decimal(sum(times > 0 for times in came.values()))


def levels_below_zero(meter: Meter, totals: Sequence[UsageTotal]) -> int:
    """How many series of a peak or last value are below zero, where they count as zero."""
    if meter.aggregation not in (Aggregation.MAX, Aggregation.LATEST):
        return 0
    return sum(level < 0 for level in _levels(meter, totals))


def hours_below_zero(meter: Meter, totals: Iterable[UsageTotal], start: date, end: date) -> Decimal:
    """For how many hours of the days [start, end) a level was below zero, where it counts as zero; of all series.

    Rounded to hundredths of an hour, but never to none.
    """
    below = ZERO
    with exact():
        for one in _series(meter, [total for total in totals if total.trail is not None]):
            trails = [total.trail for total in one if total.trail is not None]
            until, since = (held_above_zero(trails, midnight(day)).below_zero for day in (end, start))
            below += until - since
        return max(divide(below, MICROSECONDS_OF_AN_HOUR, 2), Decimal("0.01")) if below else ZERO


def convert(meter: Meter, quantity: Decimal) -> Decimal:
    """`quantity` in the billed unit: x `multiply_by` / `divide_by`, rounded as the meter says, negative ones alike.

    Once for a whole line, never for parts of it: 1,400 and 1,300 bytes in started kilobytes are 3, not 4. A quotient
    that does not end is kept to 18 decimals.
    """
    if meter.round is Rounding.NONE and meter.multiply_by == meter.divide_by == 1:
        return quantity
    with exact():
        multiplied = quantity * meter.multiply_by
        if meter.round is Rounding.NONE:
            return multiplied if meter.divide_by == 1 else divide(multiplied, meter.divide_by)
        whole, rest = divmod(abs(multiplied), meter.divide_by)
        started = rest > 0 if meter.round is Rounding.UP else 2 * rest >= meter.divide_by
        return (whole + (1 if started else 0)).copy_sign(multiplied)


def _measure(total: UsageTotal, aggregation: Aggregation) -> Decimal:
    measure = total.measures.get(aggregation)
    if measure is None:
        raise ValueError(f"{total.meter!r} of {total.org_id} was not measured by {aggregation}: ask for it")
    return measure


def _levels(meter: Meter, totals: Sequence[UsageTotal]) -> Iterator[Decimal]:
    """The peak, or the last value, of each series that has events; whatever it is."""
    for one in _told(meter, totals):
        if meter.aggregation is Aggregation.MAX:
            yield max(_measure(total, Aggregation.MAX) for total in one)
        else:
            yield _measure(max(one, key=_last), Aggregation.LATEST)


def _series(meter: Meter, totals: Sequence[UsageTotal]) -> Collection[Sequence[UsageTotal]]:
    """The totals of each combination of values of the dimensions that the meter names; all of them if it names none."""
    if not meter.per:
        return [totals] if totals else []
    series: dict[tuple[str, ...], list[UsageTotal]] = {}
    for total in totals:
        series.setdefault(tuple([total.dimensions.get(name, "") for name in meter.per]), []).append(total)
    return series.values()


def _told(meter: Meter, totals: Sequence[UsageTotal]) -> Collection[Sequence[UsageTotal]]:
    """The series of totals that have events: a level without any has a measure of its own only."""
    return _series(meter, [total for total in totals if total.events])


def _last(total: UsageTotal) -> tuple[date, datetime, Decimal]:
    return total.day or date.max, total.last_at or _NEVER, _measure(total, Aggregation.LATEST)


def _level_time(series: Sequence[UsageTotal], before: date | None) -> Decimal:
    trails = [total.trail for total in series if total.trail is not None]
    if trails:
        return held_above_zero(trails, None if before is None else midnight(before)).level_time
    return sum((_measure(total, Aggregation.TIME_WEIGHTED) for total in series), ZERO)
