"""The first month that has anything: usage, a draft or an outcome; and usage of before a month. Reads only."""

from dataclasses import dataclass

from sqlalchemy import Engine, func, select, text

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.tables import drafts, outcomes
from flybill_pipeline.stores.usage.lake.tables import usage_pieces


def first_month(engine: Engine) -> Month | None:
    """None where there is nothing yet, or not even a schema. Each answer is the first entry of an index."""
    with engine.connect() as connection:
        if connection.execute(text("select to_regclass('flybill.drafts')")).scalar_one() is None:
            return None
        months = [connection.execute(select(func.min(table.c.month))).scalar_one() for table in (drafts, outcomes)]
        day = connection.execute(select(func.min(usage_pieces.c.day))).scalar_one()
    found = [Month.parse(month) for month in months if month is not None]
    return min(found + ([] if day is None else [Month.of(day)]), default=None)


@dataclass(frozen=True, slots=True)
class UsageBefore:
    """The oldest and the newest month of before another one that usage came of."""

    oldest: Month
    newest: Month


def usage_before(engine: Engine, month: Month, first: Month) -> UsageBefore | None:
    """The months from `first` on and before `month` that have usage; None without any."""
    day = usage_pieces.c.day
    ends = select(func.min(day), func.max(day)).where(day >= first.first_day, day < month.first_day)
    with engine.connect() as connection:
        oldest, newest = connection.execute(ends).one()
    return None if oldest is None else UsageBefore(Month.of(oldest), Month.of(newest))
