"""What a credit note does at Stripe, what is refused there, and how both sides are compared."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from flybill_pipeline.billing.payments.credit_note_sync import CreditWork
from flybill_pipeline.billing.payments.credit_notes import CreditNote, CreditRefusedError, CreditRequest
from flybill_pipeline.steps.sync.reconcile_invoices import reconcile
from flybill_pipeline.stores.invoicing.tables import audit
from flybill_pipeline.stores.payments.credit_notes import CreditNotes
from flybill_pipeline.stores.sync.billed import Billed
from flybill_pipeline.stores.sync.credit_tables import stripe_credit_notes
from flybill_pipeline.stores.sync.tables import stripe_sync
from flybill_pipeline.stripe_gateway.listing import InvoiceListing
from flybill_pipeline_tests.chaos.crashes import Boundaries, Crash
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.steps.payments.credit_desk import LINE, ORG, Desk, pay


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
    assert died.names[-2:] == ["after commit", "before mark_sending"]
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
    assert line.description == "meter2, 2026-10: 6,407 seconds in 43 lines"  # line 290 is meter 289 % 7
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
    assert "amount before tax is 7 instead of 10" in (desk.ledger.find(note.credit_note_id).error_message or "")
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
