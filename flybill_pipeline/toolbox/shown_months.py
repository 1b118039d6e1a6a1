"""From which month on Dagster shows partitions. What may be billed is another question: FLYBILL_FIRST_MONTH's."""

from datetime import datetime

from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.local import running_database
from flybill_pipeline.settings import Settings
from flybill_pipeline.stores.invoicing.first_month import first_month

PATIENCE_SECONDS = 5


def shown_from(settings: Settings, now: datetime) -> Month:
    """The first month that has anything; last month at the latest, FLYBILL_FIRST_MONTH at the earliest.

    Asks the database once, and starts none. Where none can be asked, everything since FLYBILL_FIRST_MONTH is shown.
    """
    earliest, last = Month.parse(settings.first_month), Month.of(now).previous()
    url = settings.database_url or running_database(settings.home)
    if url is None:
        return earliest
    engine = create_engine(url, connect_args={"connect_timeout": PATIENCE_SECONDS})
    try:
        return max(earliest, min(first_month(engine) or last, last))
    except SQLAlchemyError:
        return earliest
    finally:
        engine.dispose()
