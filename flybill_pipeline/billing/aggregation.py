"""What a meter's daily totals come to in a month, in the unit that is billed. Reading events is the usage store's."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from flybill_pipeline.billing.decimals import ZERO, divide, exact
from flybill_pipeline.billing.prices import Aggregation, Meter, Rounding
from flybill_pipeline.billing.usage import UsageTotal


def billed_quantity(meter: Meter, totals: Iterable[UsageTotal]) -> Decimal:
    """The one quantity of all `totals` (one meter), converted into the meter's unit."""
    return convert(meter, aggregate(meter.aggregation, totals))


def aggregate(aggregation: Aggregation, totals: Iterable[UsageTotal]) -> Decimal:
    """The quantity of `totals`: one for each series (a set of dimensions), and series add up.

    What a day's total must be, and what the month makes of it:

    - `sum`, `count`: the day's sum or number of events; days add up.
    - `time_weighted`: the level integrated over the day, such as GB x hours held; days add up.
    - `max`: the day's peak; the highest day counts.
    - `latest`: the day's last value; the last day counts.
    - `unique_count`: distinct values, of the whole month in one total: days cannot be added, as they may share values.
      Raises ValueError when a series comes in several totals.
    """
    with exact():
        match aggregation:
            case Aggregation.SUM | Aggregation.COUNT | Aggregation.TIME_WEIGHTED:
                return sum((total.quantity for total in totals), ZERO)
            case Aggregation.MAX:
                return sum((max(total.quantity for total in series) for series in _series(totals)), ZERO)
            case Aggregation.LATEST:
                return sum((max(series, key=_day).quantity for series in _series(totals)), ZERO)
            case Aggregation.UNIQUE_COUNT:
                return sum((_only(series).quantity for series in _series(totals)), ZERO)


def convert(meter: Meter, quantity: Decimal) -> Decimal:
    """`quantity` in the billed unit: x `multiply_by` / `divide_by`, rounded as the meter says, negative ones alike.

    Once for a whole line, never for parts of it: 1,400 and 1,300 bytes in started kilobytes are 3, not 4. A quotient
    that does not end is kept to 18 decimals.
    """
    with exact():
        multiplied = quantity * meter.multiply_by
        if meter.round is Rounding.NONE:
            return multiplied if meter.divide_by == 1 else divide(multiplied, meter.divide_by)
        whole, rest = divmod(abs(multiplied), meter.divide_by)
        started = rest > 0 if meter.round is Rounding.UP else 2 * rest >= meter.divide_by
        return (whole + (1 if started else 0)).copy_sign(multiplied)


def _series(totals: Iterable[UsageTotal]) -> Iterable[list[UsageTotal]]:
    series: dict[tuple[tuple[str, str], ...], list[UsageTotal]] = {}
    for total in totals:
        series.setdefault(tuple(sorted(total.dimensions.items())), []).append(total)
    return series.values()


def _day(total: UsageTotal) -> date:
    return total.day or date.max


def _only(series: list[UsageTotal]) -> UsageTotal:
    if len(series) > 1:
        raise ValueError(
            f"a unique count cannot be added up from days: hand in one total of the month for {series[0].meter!r}"
        )
    return series[0]
