"""What a meter's daily totals come to in a month, in the unit that is billed. Reading events is the usage store's."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from flybill_pipeline.billing.money.decimals import ZERO, divide, exact
from flybill_pipeline.billing.usage.meters import Aggregation, Meter, Rounding
from flybill_pipeline.billing.usage.time_weighted import MICROSECONDS_OF_AN_HOUR
from flybill_pipeline.billing.usage.totals import UsageTotal


def billed_quantity(meter: Meter, totals: Iterable[UsageTotal]) -> Decimal:
    """The one quantity of all `totals` (one meter), converted into the meter's unit."""
    if meter.distinct is not None:
        return convert(meter, Decimal(len({total.dimensions.get(meter.distinct, "") for total in totals})))
    return convert(meter, aggregate(meter.aggregation, totals))


def aggregate(aggregation: Aggregation, totals: Iterable[UsageTotal]) -> Decimal:
    """The quantity of `totals`: one for each series (a set of dimensions), and series add up.

    What `measures` of a day must hold, and what the month makes of it:

    - `sum`, `count`: nothing; quantities and numbers of events add up.
    - `max`: the day's largest quantity; the highest day counts.
    - `latest`: the quantity of the day's last event (of several at one instant the largest); the last day counts.
    - `unique_count`: how many quantities came for the first time in the month; days add up.
    - `time_weighted`: level x microseconds (see time_weighted.py); days add up, and come out in level x hours.

    Raises ValueError when a measure is missing: it was not asked for when the usage was read.
    """
    with exact():
        match aggregation:
            case Aggregation.SUM:
                return sum([total.quantity for total in totals], ZERO)
            case Aggregation.COUNT:
                return Decimal(sum([total.events for total in totals]))
            case Aggregation.MAX:
                peaks = (max(_measure(total, aggregation) for total in series) for series in _series(totals))
                return sum(peaks, ZERO)
            case Aggregation.LATEST:
                return sum((_measure(max(series, key=_day), aggregation) for series in _series(totals)), ZERO)
            case Aggregation.UNIQUE_COUNT:
                return sum((_measure(total, aggregation) for total in totals), ZERO)
            case Aggregation.TIME_WEIGHTED:
                level_time = sum((_measure(total, aggregation) for total in totals), ZERO)
                return divide(level_time, MICROSECONDS_OF_AN_HOUR)


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


def _series(totals: Iterable[UsageTotal]) -> Iterable[list[UsageTotal]]:
    """The totals of each set of dimensions that have events: a level without any has a measure of its own only."""
    series: dict[tuple[tuple[str, str], ...], list[UsageTotal]] = {}
    for total in totals:
        if total.events:
            series.setdefault(tuple(sorted(total.dimensions.items())), []).append(total)
    return series.values()


def _day(total: UsageTotal) -> date:
    return total.day or date.max
