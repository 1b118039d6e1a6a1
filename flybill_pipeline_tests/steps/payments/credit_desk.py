"""An org with an invoice at Stripe, for tests of its credit notes: record, issue, look at both sides. No assertions."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import select

from flybill_pipeline.billing.payments.credit_note_sync import CreditTask, CreditWork
from flybill_pipeline.billing.payments.credit_notes import CreditNote, CreditRequest
from flybill_pipeline.steps.payments.issue_credit_note import CreditReport, Ledger, Stripe, issue_credit_notes
from flybill_pipeline.stores.payments.credit_notes import CreditNotes
from flybill_pipeline.stores.sync.credit_tables import credit_notes, stripe_credit_notes
from flybill_pipeline_tests.chaos.bugs import NO_BUG, Bug
from flybill_pipeline_tests.chaos.crashes import Boundaries, Crashing
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.chaos.world import World

ORG = "org00000"
LINE = 2
"""Amounts to 101 minor units."""


@dataclass
class Desk:
    """Where credits are given: one org, whose invoice is at Stripe."""

    world: World
    ledger: CreditNotes

    def note(self, amount: str = "0.01", reason: str = "sorry", nth: int = 1, line: int = LINE) -> CreditNote:
        """Puts a note on record."""
        request = CreditRequest(ORG, MONTH, line, amount, reason, "ada", nth)
        return self.ledger.request(request, self.world.now())

    def issue(self, boundaries: Boundaries | None = None, bug: Bug = NO_BUG, patience: float = 100.0) -> CreditReport:
        """Sends all that is pending, as one process would."""
        fresh = CreditNotes(self.world.engine)
        rows, stripe = bug.rows(fresh.rows) if bug.rows else fresh.rows, bug.stripe_of(cast(Any, self.world.gateway()))
        if boundaries is not None:
            rows, stripe = Crashing(rows, boundaries), cast(Any, Crashing(stripe, boundaries))
        try:
            return issue_credit_notes(
                fresh.pending(MONTH),
                ledger=cast(Ledger, With(fresh, rows)),
                stripe=cast(Stripe, stripe),
                patience=timedelta(seconds=patience),
                clock=self.world.now,
                sleep=self.world.sleep,
            )
        finally:
            fresh.close()

    def there(self) -> list[Any]:
        """All credit notes at Stripe."""
        return list(self.world.stripe().v1.credit_notes.list({"limit": 100}).data)

    def problems(self) -> list[str]:
        """What is wrong once everything is issued; also the emulator's own verdict and the reconciliation's."""
        with self.world.engine.connect() as connection:
            notes = connection.execute(select(credit_notes.c.credit_note_id)).scalars().all()
            open_ = connection.execute(select(stripe_credit_notes.c.state)).scalars().all()
        found = self.world.problems()
        there = sorted(str((note.metadata or {})["flybill_credit_note_id"]) for note in self.there())
        if there != sorted(notes):
            found.append(f"{len(there)} notes at Stripe for {len(notes)} here")
        if set(open_) - {"issued"}:
            found.append(f"not issued: {open_}")
        return found


class With:
    """A ledger with other rows."""

    def __init__(self, ledger: CreditNotes, rows: Any) -> None:
        self.rows, self._ledger = rows, ledger

    def claim(self, work: CreditWork) -> AbstractContextManager[CreditTask | None]:
        return self._ledger.claim(work)


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    plant(world.engine, 1)
    assert world.sync().complete
    ledger = CreditNotes(world.engine)
    yield Desk(world, ledger)
    ledger.close()


def pay(desk: Desk) -> None:
    """The customer pays before anybody notices."""
    (invoice,) = desk.world.stripe().v1.invoices.list().data
    desk.world.stripe().v1.invoices.pay(invoice.id, {"paid_out_of_band": True})
