"""Credit notes get to Stripe exactly once: whatever Stripe answers, wherever the process dies, whoever is at it."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from flybill_pipeline.billing.credit_note_sync import CreditTask, CreditWork
from flybill_pipeline.billing.credit_notes import CreditNote, CreditRefusedError, CreditRequest
from flybill_pipeline.billing.sync import Answer
from flybill_pipeline.steps.issue_credit_note import CreditReport, Ledger, Stripe, issue_credit_notes
from flybill_pipeline.steps.reconcile_invoices import reconcile
from flybill_pipeline.stores.billed import Billed
from flybill_pipeline.stores.credit_notes import CreditNotes
from flybill_pipeline.stores.credit_tables import credit_notes, stripe_credit_notes
from flybill_pipeline.stores.tables import audit, stripe_sync
from flybill_pipeline.stripe_gateway.listing import InvoiceListing
from flybill_pipeline_tests.chaos.bugs import NO_BUG, Bug, NewKeyAfterTimeout, RandomKeys, WrittenAfterTheCall
from flybill_pipeline_tests.chaos.crashes import Boundaries, Crash, Crashing
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.chaos.world import World

ORG = "org00000"
LINE = 2
"""Amounts to 101 minor units."""
WAYS: dict[str, list[dict[str, Any]]] = {
    "healthy": [],
    "answered 500, was done": [{"match": {"endpoint": "create_credit_note", "nth": 1}, "fault": "http_500_after"}],
    "answered 500, not done": [{"match": {"endpoint": "create_credit_note", "nth": 1}, "fault": "http_500_before"}],
    "never answered, was done": [{"match": {"endpoint": "create_credit_note", "nth": 1}, "fault": "reset_after"}],
    "done late": [{"match": {"endpoint": "create_credit_note", "nth": 1}, "fault": "late_commit", "seconds": 0.1}],
}
FAULTS = (
    "reset_before",
    "reset_after",
    "http_500_after",
    "late_commit",
    "lock_timeout",
    "lock_timeout_cached",
    "key_in_use",
    "rate_limited",
    "http_503",
    "cut_body",
    "html_502",
)


class Blind:
    """A look that never finds anything."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def find_credit_notes(self, *_: Any) -> Answer[list[Any]]:
        return Answer([])


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
                patience=patience,
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


def crash_everywhere(desk: Desk, plan: list[dict[str, Any]], *, hours: int = 0, bug: Bug = NO_BUG) -> int:
    """For a new note each time: a crash at the next boundary, then a second process. Returns how many there were."""
    number = 0
    while True:
        desk.note(reason=f"crash {number}")
        desk.world.emulator.faults([{**rule, "match": dict(rule["match"])} for rule in plan])
        boundaries = Boundaries(lambda crossed, number=number: crossed == number)  # type: ignore[misc]
        crashed = False
        try:
            desk.issue(boundaries, bug)
        except Crash:
            crashed = True
        if hours:
            desk.world.pass_hours(hours)
        desk.issue(bug=bug)
        desk.world.emulator.clear_faults()
        if not crashed:
            return number
        number += 1


@pytest.mark.parametrize("way", ["never answered, was done", "answered 500, not done"])
def test_a_crash_anywhere_credits_once(desk: Desk, way: str) -> None:
    assert crash_everywhere(desk, WAYS[way]) >= 12
    assert desk.problems() == []


def test_the_same_when_the_next_process_comes_after_stripe_has_forgotten_the_keys(desk: Desk) -> None:
    assert crash_everywhere(desk, WAYS["healthy"], hours=30) >= 12
    assert desk.problems() == []


def test_every_fault_of_the_call_itself_is_survived(desk: Desk) -> None:
    for fault in FAULTS:
        desk.note(reason=fault)
        desk.world.emulator.faults([{"match": {"endpoint": "create_credit_note", "nth": 1}, "fault": fault}])
        assert desk.issue().issued == 1, fault
        desk.world.emulator.clear_faults()
    assert desk.problems() == []


def test_so_is_every_fault_of_a_look(desk: Desk) -> None:
    for endpoint in ("retrieve_invoice", "list_lines", "list_credit_notes"):
        for fault in ("reset_after", "rate_limited", "http_500_after", "html_502"):
            desk.note(reason=f"{endpoint} {fault}")
            first = {"match": {"endpoint": "create_credit_note", "nth": 1}, "fault": "http_500_after"}
            desk.world.emulator.faults([first, {"match": {"endpoint": endpoint, "nth": 1}, "fault": fault}])
            assert desk.issue().issued == 1, (endpoint, fault)
            desk.world.emulator.clear_faults()
    assert desk.problems() == []


class TestPlantedBugs:
    """Each known wrong design is caught by what the tests above look at."""

    def once(self, desk: Desk, way: str, bug: Bug) -> None:
        desk.note()
        desk.world.emulator.faults(WAYS[way])
        desk.issue(bug=bug)

    def test_random_keys(self, desk: Desk) -> None:
        self.once(desk, "never answered, was done", Bug(stripe=RandomKeys))
        assert desk.problems() != []

    def test_a_new_key_after_a_bare_timeout(self, desk: Desk) -> None:
        self.once(desk, "done late", Bug(stripe=NewKeyAfterTimeout))
        assert desk.problems() != []

    def test_a_look_that_sees_nothing(self, desk: Desk) -> None:
        self.once(desk, "answered 500, was done", Bug(stripe=Blind))
        assert desk.problems() != []

    def test_a_row_that_is_written_after_the_call(self, desk: Desk) -> None:
        desk.note()
        healthy = Boundaries()
        desk.issue(healthy)
        desk.note(reason="again")
        sent = Boundaries(lambda crossed: crossed == healthy.names.index("after create_credit_note"))
        bug = Bug(rows=WrittenAfterTheCall)
        with pytest.raises(Crash):
            desk.issue(sent, bug)
        desk.world.pass_hours(30)
        desk.issue(bug=bug)
        assert desk.problems() != []


def test_several_processes_at_once_issue_each_note_once(desk: Desk) -> None:
    def operator(number: int) -> None:
        own = CreditNotes(desk.world.engine)
        try:
            own.request(CreditRequest(ORG, MONTH, LINE, "0.05", "outage", f"op{number}"), desk.world.now())
            own.request(CreditRequest(ORG, MONTH, LINE, "0.02", f"op{number}", f"op{number}"), desk.world.now())
        finally:
            own.close()
        desk.issue()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(operator, range(4)))
    desk.issue()
    assert sorted(note.amount for note in desk.there()) == [2, 2, 2, 2, 5]
    assert desk.world.emulator.report()["requests"]["create_credit_note"] == 5
    assert desk.problems() == []


def test_many_operators_at_once_never_credit_more_than_the_line(desk: Desk) -> None:
    def operator(number: int) -> bool:
        own = CreditNotes(desk.world.engine)
        try:
            own.request(CreditRequest(ORG, MONTH, LINE, "0.30", f"op{number}", "ada"), desk.world.now())
        except CreditRefusedError:
            return False
        finally:
            own.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(operator, range(8))) == 3
    assert desk.issue().issued == 3
    assert desk.problems() == []


def test_an_open_invoice_asks_for_less_and_a_paid_one_fills_the_balance(desk: Desk) -> None:
    desk.note("0.40")
    desk.issue()
    (bill,) = desk.world.stripe().v1.invoices.list().data
    assert (bill.status, bill.amount_due, bill.pre_payment_credit_notes_amount) == ("open", 263, 40)
    pay(desk)
    note = desk.note("0.25")
    desk.issue()
    assert desk.ledger.find(note.credit_note_id).balance_minor == 25
    (customer,) = desk.world.stripe().v1.customers.list().data
    assert customer.balance == -25
    assert desk.problems() == []


@pytest.mark.parametrize("fault", [None, "http_500_before", "lock_timeout_cached"])
def test_an_invoice_that_is_paid_between_the_plan_and_the_call_is_planned_again(desk: Desk, fault: str | None) -> None:
    note = desk.note("0.25")
    if fault:
        desk.world.emulator.faults([{"match": {"endpoint": "create_credit_note", "nth": 2}, "fault": fault}])
    died = Boundaries(lambda crossed: crossed == 6)  # the plan is committed, nothing is sent
    with pytest.raises(Crash):
        desk.issue(died)
    assert died.names[-2:] == ["after record", "before mark_sending"]
    pay(desk)
    assert desk.issue().issued == 1
    found = desk.ledger.find(note.credit_note_id)
    assert (found.state, found.balance_minor) == ("issued", 25)
    assert desk.problems() == []


def test_an_answer_that_never_came_is_asked_for_by_the_same_plan_though_the_invoice_was_paid(desk: Desk) -> None:
    desk.note("0.25")
    desk.world.emulator.faults([{"match": {"endpoint": "create_credit_note", "nth": 1}, "fault": "reset_after"}])
    died = Boundaries(lambda crossed: died.names[crossed] == "after create_credit_note")
    with pytest.raises(Crash):
        desk.issue(died)
    pay(desk)
    assert desk.issue().issued == 1
    assert desk.problems() == []


def test_an_invoice_that_is_void_at_stripe_is_refused_and_takes_nothing_away(desk: Desk) -> None:
    (bill,) = desk.world.stripe().v1.invoices.list().data
    desk.world.stripe().v1.invoices.void_invoice(bill.id)
    note = desk.note("1.01")
    report = desk.issue()
    assert (report.blocked, report.issued) == (1, 0)
    found = desk.ledger.find(note.credit_note_id)
    assert found.state == "blocked"
    assert "void" in (found.error_message or "")
    assert desk.issue().calls == 0
    assert desk.note("0.50", reason="other").state == "new"
    with pytest.raises(CreditRefusedError):
        desk.note("1.01")


def test_a_refused_note_is_issued_by_the_same_request_once_it_can_be(desk: Desk) -> None:
    client = desk.world.stripe()
    (bill,) = client.v1.invoices.list().data
    client.v1.invoices.mark_uncollectible(bill.id)
    note = desk.note("0.50")
    assert desk.issue().blocked == 1
    assert desk.ledger.pending(MONTH) == []
    pay(desk)
    assert desk.note("0.50").credit_note_id == note.credit_note_id
    assert desk.issue().issued == 1
    assert desk.problems() == []


def test_what_somebody_credited_at_stripe_counts(desk: Desk) -> None:
    (bill,) = desk.world.stripe().v1.invoices.list().data
    desk.world.stripe().v1.credit_notes.create({"invoice": bill.id, "amount": 300})
    note = desk.note("0.50")
    assert desk.issue().blocked == 1
    assert "Stripe has 3 minor units left" in (desk.ledger.find(note.credit_note_id).error_message or "")


def test_what_stripe_refuses_twice_for_the_same_plan_waits_for_a_person(desk: Desk) -> None:
    (bill,) = desk.world.stripe().v1.invoices.list().data
    line = bill.lines.data[LINE - 1]
    desk.world.stripe().v1.credit_notes.create(
        {"invoice": bill.id, "lines": [{"type": "invoice_line_item", "invoice_line_item": line.id, "amount": 101}]}
    )
    note = desk.note("0.50")  # the invoice has enough left at Stripe, the line has not
    assert desk.issue().blocked == 1
    found = desk.ledger.find(note.credit_note_id)
    assert "refused" in (found.error_message or "")
    assert "flybill credit" in (found.error_remedy or "")


def test_a_bad_key_stops_at_once_and_leaves_the_note_pending(desk: Desk) -> None:
    desk.note()
    desk.world.emulator.faults([{"match": {}, "fault": "unauthorized"}])
    report = desk.issue()
    assert (report.waiting, report.calls) == (1, 1)
    assert report.failure is not None
    desk.world.emulator.clear_faults()
    assert desk.issue().issued == 1
    assert desk.problems() == []


def test_a_rolled_up_invoice_is_credited_on_the_line_that_holds_ours(desk: Desk) -> None:
    plant(desk.world.engine, 1, lines=300, first=7)
    assert desk.world.sync().complete
    request = CreditRequest("org00007", MONTH, 290, "3.00", "sorry", "ada")
    note = desk.ledger.request(request, desk.world.now())
    assert desk.issue().issued == 1
    with desk.world.engine.connect() as connection:
        mine = select(stripe_credit_notes.c.stripe_line_id).where(
            stripe_credit_notes.c.credit_note_id == note.credit_note_id
        )
        line_id = connection.execute(mine).scalar_one()
        bill = connection.execute(select(stripe_sync.c.stripe_invoice_id).order_by(stripe_sync.c.invoice_id)).scalars()
        lines = desk.world.stripe().v1.invoices.line_items.list(list(bill)[1] or "", {"limit": 100}).data
    (line,) = [line for line in lines if line.id == line_id]
    assert (line.description or "").startswith("meter2, 2026-10: 43 lines")  # line 290 is meter 289 % 7
    assert desk.problems() == []


def test_who_and_why_is_in_the_audit_and_a_note_never_changes(desk: Desk) -> None:
    note = desk.note("0.10", reason="slow disks")
    desk.note("0.10", reason="slow disks")
    with desk.world.engine.connect() as connection:
        (entry,) = connection.execute(select(audit)).all()
        for change in ("update flybill.credit_notes set amount_minor = 1", "delete from flybill.credit_notes"):
            with pytest.raises(DBAPIError, match="insert-only"), connection.begin_nested():
                connection.exec_driver_sql(change)
    assert (entry.action, entry.by, entry.reason) == ("credited", "ada", "slow disks")
    assert (entry.code, entry.total_minor, entry.org_id) == (note.number, 10, ORG)


def test_a_note_that_differs_at_stripe_waits_for_a_person(desk: Desk) -> None:
    note = desk.note("0.10")
    (bill,) = desk.world.stripe().v1.invoices.list().data
    mine: Mapping[str, str] = {"flybill_credit_note_id": note.credit_note_id}
    desk.world.stripe().v1.credit_notes.create({"invoice": bill.id, "amount": 7, "metadata": dict(mine)})
    with desk.world.engine.begin() as connection:
        connection.execute(update(stripe_credit_notes).values(step="look"))
    report = desk.issue()
    assert (report.mismatch, report.issued) == (1, 0)
    assert "amount is 7 instead of 10" in (desk.ledger.find(note.credit_note_id).error_message or "")
    assert replace(desk.note("0.10"), state="new").credit_note_id == note.credit_note_id
    assert len(desk.there()) == 1


def differences(desk: Desk) -> list[tuple[Any, ...]]:
    """What the reconciliation finds: its name, and what was credited at either side."""
    found = reconcile(MONTH, ours=Billed(desk.world.engine), theirs=InvoiceListing(desk.world.gateway()))
    columns = ["difference", "credited_minor_ours", "credited_minor_theirs"]
    return [tuple(row) for row in found.differences[columns].to_numpy().tolist()]


def test_the_reconciliation_shows_what_only_one_side_credited_with_both_values(desk: Desk) -> None:
    note = desk.note("0.30")
    assert differences(desk) == []  # pending: neither side has it
    desk.issue()
    assert differences(desk) == []
    (bill,) = desk.world.stripe().v1.invoices.list().data
    desk.world.stripe().v1.credit_notes.create({"invoice": bill.id, "amount": 7})
    assert differences(desk) == [("credited", 30, 37)]
    desk.note("0.10")
    with desk.world.engine.begin() as connection:  # as if ours had gone from Stripe
        connection.execute(update(stripe_credit_notes).values(state="issued"))
    assert differences(desk) == [("credited", 40, 37)]
    assert desk.ledger.find(note.credit_note_id).state == "issued"


@contextmanager
def held(desk: Desk, note: CreditNote) -> Iterator[None]:
    other = CreditNotes(desk.world.engine)
    with other.claim(CreditWork(note.credit_note_id, ORG)) as task:
        assert task is not None
        yield
    other.close()


def test_an_org_that_another_process_is_busy_with_waits(desk: Desk) -> None:
    note = desk.note()
    with held(desk, note):
        report = desk.issue(patience=3)
    assert (report.waiting, report.calls, report.failure) == (1, 0, None)
    assert desk.issue().issued == 1
