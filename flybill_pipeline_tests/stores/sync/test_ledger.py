"""The sync's durable rows and claims: what is committed when, who is fenced off, who may work."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select, update

from flybill_pipeline.billing.sync.values import SyncTask, SyncWork
from flybill_pipeline.stores.invoicing.tables import organizations
from flybill_pipeline.stores.sync.ledger import SyncLedger
from flybill_pipeline.stores.sync.tables import stripe_customers, stripe_sync
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.worlds.waiting import wait_until

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)


def claimed(ledger: SyncLedger, work: SyncWork) -> SyncTask | None:
    with ledger.claim(work) as task:
        return task


def test_the_work_list_has_the_biggest_first_and_makes_the_rows(engine: Engine) -> None:
    ids = plant(engine, 3)
    with SyncLedger(engine) as ledger:
        assert [work.invoice_id for work in ledger.open_work(MONTH)] == ids[::-1]
        assert ledger.states(MONTH) == {"new": 3}
        assert ledger.open_work(MONTH) == ledger.open_work(MONTH)
    with engine.connect() as connection:
        assert len(connection.execute(select(stripe_sync)).all()) == 3
        assert len(connection.execute(select(stripe_customers)).all()) == 3


def test_settled_invoices_are_no_work(engine: Engine) -> None:
    plant(engine, 3)
    with SyncLedger(engine) as ledger:
        works = ledger.open_work(MONTH)
        for work, state in zip(works, ("finalized", "blocked"), strict=False):
            ledger.invoices.commit(work.invoice_id, 0, {"state": state}, NOW)
        assert list(ledger.open_work(MONTH)) == [works[2]]
        assert ledger.states(MONTH) == {"finalized": 1, "blocked": 1, "new": 1}


def test_a_task_holds_the_invoice_with_its_lines_in_order(engine: Engine) -> None:
    plant(engine, 1, lines=12, customers=["cus_1"])
    with SyncLedger(engine) as ledger:
        task = claimed(ledger, ledger.open_work(MONTH)[0])
    assert task is not None
    assert [line.line_id for line in task.invoice.lines] == [f"line{n:04d}" for n in range(12)]
    assert sum(line.amount_minor for line in task.invoice.lines) == task.invoice.subtotal_minor
    assert task.invoice.org.customer_id == "cus_1"
    assert task.customer_row is None
    assert task.row.state == "new"


def test_a_mark_is_committed_and_keeps_the_time_of_the_first_sending(engine: Engine) -> None:
    [invoice] = plant(engine, 1)
    later = NOW + timedelta(hours=2)
    with SyncLedger(engine) as ledger:
        ledger.open_work(MONTH)
        ledger.invoices.mark_sending(invoice, 0, "create", "key1", NOW)
        again = ledger.invoices.mark_sending(invoice, 1, "create", "key1", later)
        assert again is not None
        assert (again.step_first_sent_at, again.first_sent_at, again.attempts) == (NOW, NOW, 2)
        other = ledger.invoices.mark_sending(invoice, 2, "lines0", "key2", later)
        assert other is not None
        assert (other.step_first_sent_at, other.first_sent_at) == (later, NOW)
    with engine.connect() as connection:
        row = connection.execute(select(stripe_sync)).one()
    assert (row.step_key, row.calls) == ("key2", 3)


def test_a_mark_carries_what_became_of_the_call_before_or_nothing_at_all(engine: Engine) -> None:
    [invoice] = plant(engine, 1)
    with SyncLedger(engine) as ledger:
        ledger.open_work(MONTH)
        created = {"state": "created", "step": None, "stripe_invoice_id": "in_1"}
        assert ledger.invoices.mark_sending(invoice, 7, "lines0", "key", NOW, created) is None
        assert ledger.states(MONTH) == {"new": 1}
        marked = ledger.invoices.mark_sending(invoice, 0, "lines0", "key", NOW, created)
        assert marked is not None
        assert (marked.state, marked.step, marked.stripe_invoice_id, marked.attempts) == (
            "created",
            "lines0",
            "in_1",
            1,
        )
        assert ledger.states(MONTH) == {"created": 1}


def test_who_has_read_an_older_row_can_neither_mark_nor_record(engine: Engine) -> None:
    [invoice] = plant(engine, 1)
    with SyncLedger(engine) as ledger:
        ledger.open_work(MONTH)
        ledger.invoices.mark_sending(invoice, 0, "create", "key", NOW)
        assert ledger.invoices.mark_sending(invoice, 0, "create", "key", NOW) is None
        assert ledger.invoices.commit(invoice, 0, {"state": "finalized"}, NOW) is None
        assert ledger.states(MONTH) == {"new": 1}
        assert ledger.invoices.commit(invoice, 1, {"state": "created"}, NOW) is not None


def test_an_org_is_claimed_by_one_worker_only_in_this_process_and_in_others(engine: Engine) -> None:
    plant(engine, 2)
    with SyncLedger(engine) as one, SyncLedger(engine) as other:
        first, second = one.open_work(MONTH)
        with one.claim(first) as task:
            assert task is not None
            assert claimed(one, first) is None
            assert claimed(other, first) is None
            assert claimed(other, second) is not None
        assert claimed(other, first) is not None


def test_the_claims_of_a_dead_process_are_free_at_once(engine: Engine) -> None:
    plant(engine, 1)
    dead = SyncLedger(engine)
    [work] = dead.open_work(MONTH)
    claim = dead.claim(work)
    assert claim.__enter__() is not None
    connection = dead._claims._connection
    assert connection is not None
    connection.invalidate()  # what the death of a process does to its connections
    with SyncLedger(engine) as living:
        # Postgres sees it when it next looks at the connection, which takes a moment on a busy machine.
        wait_until(lambda: claimed(living, work), "the end of a dead process's claim", seconds=10)


def test_a_claim_ends_when_the_work_fails(engine: Engine) -> None:
    plant(engine, 1)
    with SyncLedger(engine) as ledger, SyncLedger(engine) as other:
        [work] = ledger.open_work(MONTH)
        with pytest.raises(ZeroDivisionError), ledger.claim(work):
            raise ZeroDivisionError
        assert claimed(other, work) is not None


def test_a_new_customer_is_linked_in_the_same_transaction_unless_somebody_was_first(engine: Engine) -> None:
    plant(engine, 2)
    with SyncLedger(engine) as ledger:
        ledger.open_work(MONTH)
        with engine.begin() as connection:
            connection.execute(
                update(organizations)
                .where(organizations.c.org_id == "org00001")
                .values(stripe_customer_id="cus_import")
            )
        for number in range(2):
            ledger.customers.commit(f"org0000{number}", 0, {"stripe_customer_id": f"cus_{number}"}, NOW)
    with engine.connect() as connection:
        linked = connection.execute(select(organizations.c.stripe_customer_id).order_by(organizations.c.org_id))
        assert linked.scalars().all() == ["cus_0", "cus_import"]


def test_reopening_touches_only_what_a_person_must_mend_and_fences_off_old_workers(engine: Engine) -> None:
    ids = plant(engine, 3)
    with SyncLedger(engine) as ledger:
        ledger.open_work(MONTH)
        failed = {"state": "blocked", "error_kind": "org", "error_code": "x", "stripe_invoice_id": "in_1"}
        ledger.invoices.commit(ids[0], 0, failed, NOW)
        ledger.invoices.commit(ids[1], 0, {"state": "finalized"}, NOW)
        assert [failure.code for failure in ledger.failures(MONTH)] == ["x"]
        assert ledger.reopen(MONTH, ["org00000", "org00001", "org00002"]) == 1
        assert ledger.failures(MONTH) == []
        assert ledger.states(MONTH) == {"new": 2, "finalized": 1}
        assert ledger.invoices.commit(ids[0], 0, {"state": "finalized"}, NOW) is None
    with engine.connect() as connection:
        row = connection.execute(select(stripe_sync).where(stripe_sync.c.invoice_id == ids[0])).one()
    assert (row.step, row.generation, row.stripe_invoice_id) == ("repair", 1, "in_1")
