"""Events that Stripe pushed and that were not read, each once. Belongs here: rows and counts. Does not: reading."""

from collections.abc import Mapping

from sqlalchemy import Engine, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError

from flybill_pipeline.billing.payments.unread_events import UnreadEvent
from flybill_pipeline.stores.payments.tables import unread_events


class UnreadEvents:
    """The events of one deployment that were not read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, event: UnreadEvent) -> bool:
        """Keeps it, if it is not kept yet; False when the database does not answer."""
        values = {"event_id": event.event_id, "kind": event.kind, "reason": event.reason}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(unread_events).values(values).on_conflict_do_nothing())
        except OperationalError:
            return False
        return True

    def counts(self) -> Mapping[str, int]:
        """How many there are, by their reason."""
        c = unread_events.c
        query = select(c.reason, func.count()).group_by(c.reason).order_by(c.reason)
        with self._engine.connect() as connection:
            return {reason: int(count) for reason, count in connection.execute(query)}
