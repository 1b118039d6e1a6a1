"""The breaker of all calls to Stripe, as rows; at most one is open. Belongs here: its state. Not: judging.

It is durable so that it outlives every process, and shared so that the first run that finds Stripe down, or the key
refused, speaks for all others. A closed row stays: each is one problem, with its beginning and its end.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, Select, select, update
from sqlalchemy.dialects.postgresql import insert

from flybill_pipeline.billing.sync.breaker import Admission, Failing, OpenBreaker, wait_before_probe
from flybill_pipeline.stores.sync.tables import stripe_breaker, stripe_failing
from flybill_pipeline.stores.sync.waves import let_wait

_COLUMNS = [stripe_breaker.c[name] for name in OpenBreaker.__slots__]


class SyncBreaker:
    """`key_mark` names the API key in use without telling anything of it: with another one a probe is due at once."""

    def __init__(self, engine: Engine, key_mark: str = "") -> None:
        self._engine = engine
        self._key_mark = key_mark

    def state(self, now: datetime | None = None) -> OpenBreaker | None:
        """The open breaker, None when calls may be made. `now` bounds how long it may rest."""
        with self._engine.connect() as connection:
            breaker = _open(connection, select(*_COLUMNS).where(stripe_breaker.c.is_open))
        return breaker if breaker is None or now is None else breaker.bounded(now)

    def may_call(self, now: datetime) -> bool:
        """Whether a call may be made: it is closed, a probe is due, or the key is another one. Spends no probe."""
        row = stripe_breaker.c
        query = select(*_COLUMNS, row.key_mark).where(row.is_open)
        with self._engine.connect() as connection:
            row_open = connection.execute(query).one_or_none()
        return (
            row_open is None or row_open.key_mark != self._key_mark or _read(row_open).bounded(now).next_probe_at <= now
        )

    def admit(self, now: datetime) -> Admission:
        """Whether a run may call. A probe that is due is given to the run that asks first, and is due again later."""
        row = stripe_breaker.c
        with self._engine.begin() as connection:
            locked = connection.execute(
                select(*_COLUMNS, row.key_mark, row.breaker_id).where(row.is_open).with_for_update()
            ).one_or_none()
            if locked is None:
                return Admission(None)
            known = _read(locked).bounded(now)
            if known.next_probe_at > now and locked.key_mark == self._key_mark:
                return Admission(known)
            probe = {
                "probes": locked.probes + 1,
                "key_mark": self._key_mark,
                "next_probe_at": now + wait_before_probe(locked.cause, locked.probes + 1),
            }
            changed = update(stripe_breaker).where(row.breaker_id == locked.breaker_id).values(probe)
            return Admission(_read(connection.execute(changed.returning(*_COLUMNS)).one()), probing=True)

    def trip(self, breaker: OpenBreaker, orgs: Collection[str] = ()) -> OpenBreaker:
        """Opens it, and returns what is open now: a problem that is known already stays one row.

        The invoices of `orgs` that wait for a person because of it wait for it to close instead.
        """
        row = stripe_breaker.c
        values = {name: getattr(breaker, name) for name in OpenBreaker.__slots__} | {"key_mark": self._key_mark}
        with self._engine.begin() as connection:
            let_wait(connection, orgs, breaker.code)
            known = _open(connection, select(*_COLUMNS).where(row.is_open).with_for_update())
            if known is not None and _same(known, breaker):
                told = {"orgs": breaker.orgs, "message": breaker.message, "request_id": breaker.request_id}
                connection.execute(update(stripe_breaker).where(row.is_open).values(told))
            else:
                _close(connection, breaker.opened_at)
                connection.execute(insert(stripe_breaker).values(values).on_conflict_do_nothing())
            return _open(connection, select(*_COLUMNS).where(row.is_open)) or breaker

    def failing(self) -> Mapping[str, Failing]:
        """The orgs whose last failure may be everybody's."""
        row = stripe_failing.c
        query = select(row.org_id, row.code, row.failed_at, row.others_passed).where(row.code.is_not(None))
        with self._engine.connect() as connection:
            return {org: Failing(*failure) for org, *failure in connection.execute(query)}

    def failed(self, org_ids: Collection[str], code: str, now: datetime) -> None:
        """Remembers that these orgs failed with this code."""
        new = insert(stripe_failing).values([{"org_id": org, "code": code, "failed_at": now} for org in org_ids])
        changed = {"code": code, "failed_at": now, "others_passed": False}
        with self._engine.begin() as connection:
            connection.execute(new.on_conflict_do_update(index_elements=["org_id"], set_=changed))

    def passed(self, org_id: str) -> None:
        """An org got through: what the others failed of is not everybody's."""
        row = stripe_failing.c
        with self._engine.begin() as connection:
            connection.execute(update(stripe_failing).where(row.org_id == org_id).values(code=None))
            connection.execute(
                update(stripe_failing).where(row.org_id != org_id, ~row.others_passed).values(others_passed=True)
            )

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
