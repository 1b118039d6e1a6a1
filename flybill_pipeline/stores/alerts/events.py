"""Events on their way to the platform: what is due, in order for each organization, and what became of it.

Triggers of the schema write events, in the transaction of what they tell; only a used up credit is noted here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, delete, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from flybill_pipeline.billing.alerts.events import Event, Happened
from flybill_pipeline.billing.alerts.problems import Undelivered
from flybill_pipeline.stores.alerts.event_tables import events

_COLUMNS = [events.c[field.name] for field in fields(Event)]
_WAITS = events.c.delivered_at.is_(None) & events.c.given_up_at.is_(None)


class Events:
    """The outbox of one deployment."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, found: Sequence[Happened]) -> None:
        """Writes events down that no trigger writes; what is there already stays as it is."""
        with self._engine.begin() as connection:
            for each in found:
                named = func.flybill.event_id(each.type, each.subject)
                connection.execute(insert(events).values(**asdict(each), event_id=named).on_conflict_do_nothing())

    def take_due(self, now: datetime, until: datetime, most: int) -> list[Event]:
        """The first event that waits of each organization, where it may be sent now; until then nobody else gets it."""
        first = select(func.min(events.c.event_no)).where(_WAITS).group_by(events.c.org_id)
        due = (
            select(events.c.event_no)
            .where(events.c.event_no.in_(first), _due(now))
            .order_by(events.c.event_no)
            .limit(most)
        )
        taken = (
            update(events)
            .where(events.c.event_no.in_(due), _due(now), _WAITS)
            .values(next_attempt_at=until)
            .returning(*_COLUMNS)
        )
        with self._engine.begin() as connection:
            found = [Event(**row._mapping) for row in connection.execute(taken)]
        return sorted(found, key=lambda event: event.event_no)

    def keep_data(self, event: Event, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Keeps what is sent of the event, once: every further sending is the same. Returns what is kept."""
        kept = func.coalesce(events.c.data, literal(dict(data), JSONB))
        mine = update(events).where(events.c.event_no == event.event_no).values(data=kept).returning(events.c.data)
        with self._engine.begin() as connection:
            found: Mapping[str, Any] = connection.execute(mine).scalar_one()
        return found

    def release(self, event: Event) -> None:
        """The event was not sent after all: it is anybody's again."""
        with self._engine.begin() as connection:
            mine = update(events).where(events.c.event_no == event.event_no)
            connection.execute(mine.values(next_attempt_at=None))

    def delivered(self, event: Event, status: int, now: datetime) -> None:
        """The receiver took it."""
        self._note(event, now, status=status, error=None, delivered_at=now)

    def failed(
        self, event: Event, status: int | None, error: str, now: datetime, next_attempt_at: datetime | None
    ) -> None:
        """The receiver did not take it, for this reason; without another attempt it is given up."""
        given_up = {"given_up_at": now} if next_attempt_at is None else {"next_attempt_at": next_attempt_at}
        self._note(event, now, status=status, error=error, **given_up)

    def all(self, org_ids: Collection[str] = (), states: Collection[str] = (), most: int | None = None) -> list[Event]:
        """Events that are kept, the newest first."""
        query = select(*_COLUMNS).order_by(events.c.event_no.desc()).limit(most)
        if org_ids:
            query = query.where(events.c.org_id.in_(org_ids))
        if states:
            query = query.where(or_(*(_STATES[state] for state in states)))
        with self._engine.connect() as connection:
            return [Event(**row._mapping) for row in connection.execute(query)]

    def replay(
        self,
        event_ids: Collection[str] = (),
        org_ids: Collection[str] = (),
        since: datetime | None = None,
    ) -> int:
        """Lets the events be sent again, those that were given up too; returns how many. None are chosen by nothing."""
        chosen = [
            *([events.c.event_id.in_(event_ids)] if event_ids else []),
            *([events.c.org_id.in_(org_ids)] if org_ids else []),
            *([events.c.occurred_at >= since] if since else []),
        ]
        if not chosen:
            return 0
        again = {"delivered_at": None, "given_up_at": None, "attempts": 0, "error": None, "next_attempt_at": None}
        replayed = update(events).where(*chosen).values(replays=events.c.replays + 1, **again)
        with self._engine.begin() as connection:
            return connection.execute(replayed).rowcount

    def hurry(self) -> None:
        """What failed and waits for another attempt may be sent now: somebody says that the receiver is mended."""
        failed = update(events).where(_WAITS, events.c.error.is_not(None))
        with self._engine.begin() as connection:
            connection.execute(failed.values(next_attempt_at=None))

    def waiting(self) -> int:
        """How many are still to be sent."""
        with self._engine.connect() as connection:
            return int(connection.execute(select(func.count()).where(_WAITS)).scalar_one())

    def troubled(self, since: datetime, attempts: int) -> Undelivered | None:
        """How many wait, and were given up, when one from then on was tried so often; None while all goes well."""
        recent = events.c.delivered_at.is_(None) & (events.c.occurred_at >= since)
        tried = (
            select(events.c.error).where(recent, events.c.attempts >= attempts).order_by(events.c.attempted_at.desc())
        )
        given_up = func.count(events.c.given_up_at)
        counts = select(func.count() - given_up, given_up).where(recent)
        with self._engine.connect() as connection:
            error = connection.execute(tried.limit(1)).scalar()
            if error is None:
                return None
            return Undelivered("events", *connection.execute(counts).one(), error)

    def purge(self, before: datetime) -> int:
        """Deletes what happened before then; returns how many."""
        with self._engine.begin() as connection:
            return connection.execute(delete(events).where(events.c.occurred_at < before)).rowcount

    def _note(self, event: Event, now: datetime, **values: Any) -> None:
        mine = update(events).where(events.c.event_no == event.event_no)
        with self._engine.begin() as connection:
            connection.execute(mine.values(attempts=events.c.attempts + 1, attempted_at=now, **values))


def _due(now: datetime) -> ColumnElement[bool]:
    return or_(events.c.next_attempt_at.is_(None), events.c.next_attempt_at <= now)


_STATES = {
    "waiting": _WAITS,
    "delivered": events.c.delivered_at.is_not(None),
    "given_up": events.c.given_up_at.is_not(None) & events.c.delivered_at.is_(None),
}
