"""The breaker of all calls to Stripe, as rows; at most one is open. Belongs here: its state. Not: judging.

It is durable so that it outlives every process, and shared so that the first run that finds Stripe down, or the key
refused, speaks for all others. A closed row stays: each is one problem, with its beginning and its end.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, Select, select, update
from sqlalchemy.dialects.postgresql import insert

from flybill_pipeline.billing.sync.breaker import Admission, OpenBreaker, wait_before_probe
from flybill_pipeline.stores.sync.tables import stripe_breaker

_COLUMNS = [stripe_breaker.c[name] for name in OpenBreaker.__slots__]


class SyncBreaker:
    """`key_mark` names the API key in use without telling anything of it: with another one a probe is due at once."""

    def __init__(self, engine: Engine, key_mark: str = "") -> None:
        self._engine = engine
        self._key_mark = key_mark

    def state(self) -> OpenBreaker | None:
        """The open breaker, None when calls may be made."""
        with self._engine.connect() as connection:
            return _open(connection, select(*_COLUMNS).where(stripe_breaker.c.is_open))

    def admit(self, now: datetime) -> Admission:
        """Whether a run may call. A probe that is due is given to the run that asks first, and is due again later."""
        row = stripe_breaker.c
        with self._engine.begin() as connection:
            locked = connection.execute(
                select(*_COLUMNS, row.key_mark, row.breaker_id).where(row.is_open).with_for_update()
            ).one_or_none()
            if locked is None:
                return Admission(None)
            due = locked.next_probe_at <= now or locked.key_mark != self._key_mark
            if not due:
                return Admission(_read(locked))
            probe = {
                "probes": locked.probes + 1,
                "key_mark": self._key_mark,
                "next_probe_at": now + wait_before_probe(locked.cause, locked.probes + 1),
            }
            changed = update(stripe_breaker).where(row.breaker_id == locked.breaker_id).values(probe)
            return Admission(_read(connection.execute(changed.returning(*_COLUMNS)).one()), probing=True)

    def trip(self, breaker: OpenBreaker) -> OpenBreaker:
        """Opens it, and returns what is open now: a problem that is known already stays one row."""
        row = stripe_breaker.c
        values = {name: getattr(breaker, name) for name in OpenBreaker.__slots__} | {"key_mark": self._key_mark}
        with self._engine.begin() as connection:
            known = _open(connection, select(*_COLUMNS).where(row.is_open).with_for_update())
            if known is not None and _same(known, breaker):
                return known
            _close(connection, breaker.opened_at)
            connection.execute(insert(stripe_breaker).values(values).on_conflict_do_nothing())
            return _open(connection, select(*_COLUMNS).where(row.is_open)) or breaker

    def close(self, now: datetime) -> None:
        """Stripe takes calls again."""
        with self._engine.begin() as connection:
            _close(connection, now)

    def probe_now(self, now: datetime) -> None:
        """A person starts a run: the next probe is due at once."""
        with self._engine.begin() as connection:
            connection.execute(update(stripe_breaker).where(stripe_breaker.c.is_open).values(next_probe_at=now))

    def openings(self, since: datetime) -> Sequence[tuple[datetime, datetime | None]]:
        """When it was opened and closed again, for all that were still open at `since` or later."""
        row = stripe_breaker.c
        query = select(row.opened_at, row.closed_at).where(row.is_open | (row.closed_at >= since))
        with self._engine.connect() as connection:
            return [(opened, closed) for opened, closed in connection.execute(query.order_by(row.breaker_id))]


def _same(known: OpenBreaker, breaker: OpenBreaker) -> bool:
    return known.cause == breaker.cause and (breaker.cause == "outage" or known.code == breaker.code)


def _open(connection: Connection, query: Select[tuple[object, ...]]) -> OpenBreaker | None:
    row = connection.execute(query).one_or_none()
    return None if row is None else _read(row)


def _read(row: object) -> OpenBreaker:
    return OpenBreaker(**{name: getattr(row, name) for name in OpenBreaker.__slots__})


def _close(connection: Connection, now: datetime) -> None:
    row = stripe_breaker.c
    connection.execute(update(stripe_breaker).where(row.is_open).values(is_open=False, closed_at=now))
