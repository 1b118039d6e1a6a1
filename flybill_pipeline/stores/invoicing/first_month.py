"""The first month that has anything: usage, a draft or an outcome. Reads only."""

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
