"""Stripe's clock as the newest answer to any process showed it. Belongs here: that one row. Does not: judging it."""

from datetime import timedelta

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert

from flybill_pipeline.billing.sync.clocks import ClockReading
from flybill_pipeline.stores.sync.tables import stripe_clock


class StripeClock:
    """What is known of Stripe's clock before anything is asked."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def reading(self) -> ClockReading | None:
        """The last reading that was kept, None before the first."""
        query = select(stripe_clock.c.stripe_at, stripe_clock.c.ahead_seconds)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return (
            None
            if row is None or row.stripe_at is None
            else ClockReading(row.stripe_at, timedelta(seconds=row.ahead_seconds))
        )

    def keep(self, reading: ClockReading) -> None:
        """Puts a reading in the place of the last one: the newest answer counts, whatever it shows."""
        values = {"stripe_at": reading.stripe_at, "ahead_seconds": reading.ahead // timedelta(seconds=1)}
        with self._engine.begin() as connection:
            row = insert(stripe_clock).values(one=True, **values)
            connection.execute(row.on_conflict_do_update(index_elements=["one"], set_=values))
