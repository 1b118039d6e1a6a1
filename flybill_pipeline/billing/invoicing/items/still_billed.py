"""Which months of an organization an invoice can still bill, when an item is dated back. Nothing is billed here."""

from collections.abc import Collection, Iterator
from datetime import datetime

from flybill_pipeline.billing.money.period import Month


def still_billed(
    month: Month,
    settled: Collection[Month],
    lookback_months: int,
    held: Collection[Month] = (),
) -> Month:
    """The first month from `month` on that a later invoice bills: one that is not settled, or still looks back to it.

    Without a settled month it is `month` itself. No month before the first settled one is closed any more, but for
    those that are `held`.
    """
    if not settled:
        return month
    first = min(settled)
    while all(
        later in settled or (later < first and later not in held) for later in _looking_back_to(month, lookback_months)
    ):
        month = month.next()
    return month


def all_billed(first: Month, end: datetime, settled: Collection[Month], held: Collection[Month] = ()) -> bool:
    """Whether no invoice to come is of a month between `first` and the instant `end`: each that could be is settled.

    A month that is `held` is billed some day, also where a later one was settled before.
    """
    if not settled or any(first <= month and month.start < end for month in held):
        return False
    month = max(first, min(settled))
    while month.start < end:
        if month not in settled:
            return False
        month = month.next()
    return True


def _looking_back_to(month: Month, lookback_months: int) -> Iterator[Month]:
    for _ in range(lookback_months + 1):
        yield month
        month = month.next()
