"""Takes in what was seen of payments at Stripe, and keeps how far the events are read. What it means is derived later.

Observations and the cursor are written in one transaction: the cursor never passes an event that is not kept.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError

from flybill_pipeline.billing.payments.polls import Kept, Poll, Via
from flybill_pipeline.billing.payments.standing import NOT_KEPT, Observation, edited_at_stripe
from flybill_pipeline.stores.invoicing.tables import invoices
from flybill_pipeline.stores.payments.tables import payment_observations, payment_polls
from flybill_pipeline.stores.postgres.sessions import require_own_sessions
from flybill_pipeline.stores.sync.credit_tables import credit_notes, stripe_credit_notes
from flybill_pipeline.stores.sync.tables import stripe_sync

NAME = "stripe_events"
_OBSERVED = payment_observations.c
_STORED = [field.name for field in fields(Observation) if field.name not in NOT_KEPT]
_TAKE = "select pg_try_advisory_lock(hashtextextended('flybill reads payments', 0))"
_LET_GO = "select pg_advisory_unlock(hashtextextended('flybill reads payments', 0))"
_ENDED = ("paid", "void")
"""The states of an invoice at Stripe that it never leaves by itself."""
_VOIDED = {
    "error_kind": "org",
    "error_code": "voided_there",
    "error_message": "Somebody voided the credit note at Stripe, so nothing is credited",
    "error_remedy": "Nothing, where that was meant; else give the same `flybill credit` again.",
}


class PaymentIntake:
    """The observations and the cursor of one deployment."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def claim(self) -> Iterator[bool]:
        """True inside for one poller at a time, False for any other; ends with the process, however it ends."""
        require_own_sessions(self._engine)
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            held = bool(connection.execute(text(_TAKE)).scalar_one())
            try:
                yield held
            finally:
                if held:
                    connection.execute(text(_LET_GO))

    def poll(self) -> Poll:
        """How far the events are read."""
        query = select(*(payment_polls.c[field.name] for field in fields(Poll))).where(payment_polls.c.name == NAME)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return Poll() if row is None else Poll(**row._mapping)

    def known(self, observation_ids: Collection[str]) -> set[str]:
        """Those of the ids that are kept already."""
        query = select(_OBSERVED.observation_id).where(_OBSERVED.observation_id == func.any(list(observation_ids)))
        with self._engine.connect() as connection:
            return set(connection.execute(query).scalars())

    def invoices_paid_by(self, payment_intents: Collection[str]) -> dict[str, str]:
        """Payment intent to Stripe invoice, as far as payments were seen."""
        query = select(_OBSERVED.payment_intent, _OBSERVED.stripe_invoice_id).where(
            _OBSERVED.kind == "payment",
            _OBSERVED.payment_intent == func.any(list(payment_intents)),
            _OBSERVED.stripe_invoice_id.is_not(None),
        )
        with self._engine.connect() as connection:
            return {str(intent): str(invoice) for intent, invoice in connection.execute(query)}

    def open_since(self) -> datetime | None:
        """When the oldest invoice that Stripe may still change by itself was first sent; None when there is none.

        By Stripe's clock; where that was not known yet, by ours, but not after Stripe was last heard of it.
        """
        c = stripe_sync.c
        ours = func.least(c.first_sent_at, func.coalesce(c.heard_at, c.updated_at))
        ended = _of_it(_OBSERVED.status.in_(_ENDED)).exists()
        query = select(func.min(func.coalesce(c.sent_after, ours))).where(
            c.first_sent_at.is_not(None), func.coalesce(c.stripe_status, "").not_in(_ENDED), ~ended
        )
        with self._engine.connect() as connection:
            oldest: datetime | None = connection.execute(query).scalar_one()
        return oldest

    def pushed_since(self, moment: datetime) -> bool:
        """Whether Stripe pushed something that happened after that moment, by its own clock."""
        pushed = select(_OBSERVED.observation_id).where(_OBSERVED.via == "webhook", _OBSERVED.seen_at > moment).exists()
        with self._engine.connect() as connection:
            return bool(connection.execute(select(pushed)).scalar_one())

    def unheard_of(self, since: datetime, most: int) -> dict[str, int]:
        """Some unpaid invoices at Stripe without news since then, each with how many attempts have failed.

        In no order: one that Stripe does not show keeps no other waiting.
        """
        c = stripe_sync.c
        failed = _of_it().with_only_columns(func.max(_OBSERVED.attempts)).scalar_subquery()
        done = _of_it(_OBSERVED.status.in_(_ENDED) | (_OBSERVED.seen_at >= since)).exists()
        query = (
            select(c.stripe_invoice_id, func.coalesce(failed, 0))
            .where(c.state == "finalized", c.stripe_invoice_id.is_not(None))
            .where(func.coalesce(c.stripe_status, "").not_in(_ENDED))
            .where(func.coalesce(c.heard_at, c.updated_at) < since, ~done)
            .order_by(func.random())
            .limit(most)
        )
        with self._engine.connect() as connection:
            return {str(invoice): int(failed) for invoice, failed in connection.execute(query)}

    def push(self, seen: Observation) -> bool:
        """Keeps what Stripe pushed, and moves no cursor; False when the database does not answer.

        A refund or dispute whose payment was not seen yet is left to the poll, which can ask for its invoice.
        """
        try:
            if seen.stripe_invoice_id is None:
                named = self.invoices_paid_by([seen.payment_intent or ""])
                seen = replace(seen, stripe_invoice_id=named.get(seen.payment_intent or ""))
            if seen.stripe_invoice_id is not None:
                with self._engine.begin() as connection:
                    _keep(connection, [seen], "webhook")
        except OperationalError:
            return False
        return True

    def advance(self, observations: Sequence[Observation], via: Via, read_up_to: datetime, *, fell_back: bool) -> Kept:
        """Keeps what is new and moves the cursor, both or neither.

        The cursor goes back only where the objects themselves were read, because it was wrong.
        """
        values: dict[str, Any] = {"tried_at": read_up_to, "failing_since": None, "failure": None, "remedy": None}
        if fell_back:
            values["fell_back_at"] = read_up_to
        further = read_up_to if fell_back else func.greatest(payment_polls.c.read_up_to, read_up_to)
        with self._engine.begin() as connection:
            kept = _keep(connection, observations, via)
            _put(connection, values | {"read_up_to": read_up_to}, {**values, "read_up_to": further})
        return kept

    def failed(self, at: datetime, failure: str, remedy: str) -> None:
        """Records that nothing could be read; the time of the first failure in a row stands."""
        values: dict[str, Any] = {"tried_at": at, "failure": failure, "remedy": remedy}
        since = func.coalesce(payment_polls.c.failing_since, at)
        with self._engine.begin() as connection:
            _put(connection, values | {"failing_since": at}, {**values, "failing_since": since})


def _put(connection: Connection, first: Mapping[str, Any], later: Mapping[str, Any]) -> None:
    row = insert(payment_polls).values(name=NAME, **first)
    connection.execute(row.on_conflict_do_update(index_elements=["name"], set_=later))


def _keep(connection: Connection, observations: Sequence[Observation], via: Via) -> Kept:
    """Inserts what is not there yet, each with the invoice of ours that it is about, if any.

    A credit note that was voided gives nothing from then on. An invoice that was edited is another one from then on.
    """
    unique = list({seen.observation_id: seen for seen in observations}.values())
    if not unique:
        return Kept()
    _follow_edits(connection, unique)  # first, so that nobody is told that it was voided
    ours = _ours(connection, unique)
    rows = [
        {name: getattr(seen, name) for name in _STORED}
        | {"via": via, "invoice_id": ours.get(str(seen.stripe_invoice_id))}
        for seen in unique
    ]
    statement = insert(payment_observations).on_conflict_do_nothing().returning(_OBSERVED.observation_id)
    inserted = set(connection.execute(statement, rows).scalars())
    new = [row for row in rows if row["observation_id"] in inserted]
    if any(seen.kind == "credit_note" for seen in unique):
        _take_back_voided_notes(connection)
    arrived = {
        (seen.object_id, seen.currency): seen.paid_minor
        for seen in unique
        if seen.observation_id in inserted and seen.status == "paid" and ours.get(str(seen.stripe_invoice_id))
    }
    totals: dict[str, int] = {}
    for (_, currency), minor in arrived.items():
        totals[currency] = totals.get(currency, 0) + minor
    return Kept(new=sum(1 for row in new if row["invoice_id"]), not_ours=_strangers(new), arrived=totals)


def _follow_edits(connection: Connection, observations: Sequence[Observation]) -> None:
    """What took the place of an invoice that a person edited at Stripe is ours from then on: it is paid there."""
    there, other = stripe_sync.c, stripe_sync.alias().c
    for edited, last in edited_at_stripe(observations).items():
        taken = select(other.invoice_id).where(other.stripe_invoice_id == last).exists()
        ours = update(stripe_sync).where(there.stripe_invoice_id == edited, there.state == "finalized", ~taken)
        connection.execute(ours.values(stripe_invoice_id=last))


def _take_back_voided_notes(connection: Connection) -> None:
    """A credit note of ours that somebody voided at Stripe gives nothing any more, like one that Stripe refused."""
    there = stripe_credit_notes.c
    voided = (
        select(_OBSERVED.observation_id)
        .join(credit_notes, credit_notes.c.invoice_id == _OBSERVED.invoice_id)
        .where(credit_notes.c.credit_note_id == there.credit_note_id, _OBSERVED.kind == "credit_note")
        .where(_OBSERVED.object_id == there.stripe_credit_note_id, _OBSERVED.status == "void")
        .exists()
    )
    taken_back = update(stripe_credit_notes).where(there.state.in_(("issued", "mismatch")), voided)
    connection.execute(taken_back.values(state="blocked", **_VOIDED))


def _of_it(*conditions: ColumnElement[bool]) -> Select[Any]:
    """What was seen of the invoice of a row of stripe_sync, for `exists`.

    Not for `in`: where its memory is too small for all of them, Postgres compares each with each.
    """
    sent = stripe_sync.c
    of_it = (_OBSERVED.invoice_id == sent.invoice_id, _OBSERVED.stripe_invoice_id == sent.stripe_invoice_id)
    found = select(_OBSERVED.observation_id).where(_OBSERVED.kind == "invoice", *of_it, *conditions)
    return found.correlate(stripe_sync)


def _strangers(rows: Sequence[Mapping[str, Any]]) -> int:
    return sum(1 for row in rows if row["invoice_id"] is None)


def _ours(connection: Connection, observations: Sequence[Observation]) -> dict[str, str]:
    """Stripe invoice to our invoice: by the sync's row, by the metadata, or by what was seen of it before."""
    named = {str(seen.stripe_invoice_id): seen.flybill_invoice_id for seen in observations if seen.flybill_invoice_id}
    there = list({seen.stripe_invoice_id for seen in observations if seen.stripe_invoice_id})
    real = select(invoices.c.invoice_id).where(invoices.c.invoice_id == func.any(list(named.values())))
    exists = set(connection.execute(real).scalars())
    seen_before = select(_OBSERVED.stripe_invoice_id, _OBSERVED.invoice_id).where(
        _OBSERVED.kind == "invoice", _OBSERVED.object_id == func.any(there), _OBSERVED.invoice_id.is_not(None)
    )
    synced = select(stripe_sync.c.stripe_invoice_id, stripe_sync.c.invoice_id).where(
        stripe_sync.c.stripe_invoice_id == func.any(there)
    )
    by_metadata = {stripe_id: ours for stripe_id, ours in named.items() if ours in exists}
    return by_metadata | _pairs(connection, seen_before) | _pairs(connection, synced)


def _pairs(connection: Connection, query: Any) -> dict[str, str]:
    return {str(theirs): str(ours) for theirs, ours in connection.execute(query)}
