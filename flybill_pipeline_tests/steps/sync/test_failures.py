"""What the sync does when a person is needed: which org is stopped, when everybody is, and how a repair goes on."""

from collections.abc import Callable
from typing import cast

import pytest
import stripe
from sqlalchemy import select

from flybill_pipeline.billing.sync.values import Answer, Failure, StripeInvoice
from flybill_pipeline.steps.sync.ports import Stripe
from flybill_pipeline.steps.sync.sync_invoices import SyncReport
from flybill_pipeline.stores.invoicing.tables import organizations
from flybill_pipeline.stores.sync.ledger import SyncLedger
from flybill_pipeline.stores.sync.tables import stripe_sync
from flybill_pipeline.stripe_gateway.contents import Contents
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline.stripe_gateway.limiter import Limiter
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.chaos.world import World


def codes(report: SyncReport) -> dict[str, str]:
    return {failure.org_id: failure.code for failure in report.failures}


def repair(world: World, *org_ids: str) -> int:
    with SyncLedger(world.engine) as ledger:
        return ledger.reopen(MONTH, org_ids)


def link(world: World, org_id: str, customer: str | None) -> None:
    with world.engine.begin() as connection:
        connection.execute(
            organizations.update().where(organizations.c.org_id == org_id).values(stripe_customer_id=customer)
        )


def deleted_customer(world: World) -> str:
    customer = world.stripe().v1.customers.create({"name": "Gone"})
    world.stripe().v1.customers.delete(customer.id)
    return customer.id


@pytest.mark.parametrize(
    ("customer", "code"),
    [
        (lambda _: "cus_unknown", "customer_missing"),
        (deleted_customer, "customer_missing"),
    ],
)
def test_one_orgs_fault_blocks_that_org_alone_with_words_for_both_sides(
    customer: Callable[[World], str], code: str, world: World
) -> None:
    plant(world.engine, 4, customers=[customer(world)])
    report = world.sync()
    assert (report.finalized, report.blocked, report.waiting, report.stopped) == (3, 1, 0, None)
    failure = report.failures[0]
    assert (failure.org_id, failure.code, failure.state, failure.kind) == ("org00000", code, "blocked", "org")
    assert failure.message
    assert failure.remedy
    assert failure.customer_message
    assert failure.request_id
    assert world.sync().calls == 0


def test_a_repaired_org_goes_through_once_its_customer_is_linked(world: World) -> None:
    plant(world.engine, 2, customers=[deleted_customer(world)])
    world.sync()
    link(world, "org00000", world.stripe().v1.customers.create({"name": "New"}).id)
    assert repair(world, "org00000") == 1
    report = world.sync()
    assert (report.finalized, report.already, report.failures) == (1, 1, [])


def test_a_customer_without_an_address_waits_for_one_while_tax_is_on(world: World) -> None:
    customer = world.stripe().v1.customers.create({"name": "Nowhere"}).id
    plant(world.engine, 1, customers=[customer])

    def taxed(_port: Stripe) -> Stripe:
        return Gateway(
            "sk_test_tax", base=world.emulator.url, limiter=Limiter(999, 999), contents=Contents(automatic_tax=True)
        )

    report = world.sync(stripe_of=taxed)
    assert codes(report) == {"org00000": "address_unusable"}
    assert "your complete billing address" in report.failures[0].customer_message
    world.stripe().v1.customers.update(customer, {"address": {"country": "US", "postal_code": "94107"}})
    repair(world, "org00000")
    assert world.sync(stripe_of=taxed).complete
    assert world.problems() == []


def test_an_org_unlinked_from_the_customer_that_we_made_gets_another(world: World) -> None:
    plant(world.engine, 1)
    world.sync()
    world.stripe().v1.customers.delete(world.stripe().v1.customers.list().data[0].id)
    link(world, "org00000", None)
    fresh = {"state": "new", "step": None, "step_key": None, "generation": 9, "first_sent_at": None}
    with world.engine.begin() as connection:  # as if it were next month
        connection.execute(stripe_sync.update().values(**fresh))
    assert world.sync().complete
    assert world.emulator.report()["customers"] == 1


def test_a_bad_key_stops_the_run_within_ten_calls_and_loses_nothing(world: World) -> None:
    plant(world.engine, 50)
    world.emulator.faults([{"match": {}, "fault": "unauthorized"}])
    report = world.sync(workers=16)
    assert report.calls <= 10
    assert report.stopped is not None
    assert (report.waiting, report.blocked) == (50, 0)
    assert {failure.kind for failure in report.failures} == {"everyone"}
    world.emulator.clear_faults()
    assert world.sync().complete
    assert world.problems() == []


def test_a_key_that_may_not_finalize_stops_the_run_within_ten_calls(world: World) -> None:
    plant(world.engine, 50)
    world.emulator.faults([{"match": {"endpoint": "finalize"}, "fault": "unauthorized"}])
    report = world.sync(workers=16)
    assert report.calls <= 10
    assert report.stopped is not None


def test_a_key_that_is_revoked_half_way_stops_the_run_with_what_is_in_flight(world: World) -> None:
    plant(world.engine, 60)
    world.emulator.faults(
        [{"match": {"endpoint": "finalize", "nth": n}, "fault": "unauthorized"} for n in range(20, 60)]
    )
    report = world.sync(workers=4)
    assert report.stopped is not None
    assert len(report.failures) <= 4
    assert 15 <= report.finalized <= 20


def test_five_orgs_in_a_row_refused_for_one_reason_stop_the_run(world: World) -> None:
    plant(world.engine, 40, customers=[f"cus_unknown{n}" for n in range(40)])
    report = world.sync(workers=16)
    assert report.calls == 5
    assert (report.blocked, report.waiting) == (0, 40)  # the five come back with the others
    assert report.stopped is not None


def test_stripe_down_leaves_everything_waiting_and_says_so(world: World) -> None:
    plant(world.engine, 6)
    world.emulator.faults([{"match": {}, "fault": "http_503"}])
    report = world.sync(patience=3)
    assert (report.finalized, report.waiting) == (0, 6)
    assert report.stopped is not None
    assert "Stripe does not answer" in report.stopped
    assert {failure.kind for failure in report.failures} <= {"transient"}
    assert all(failure.next_attempt_at is not None for failure in report.failures)
    world.emulator.clear_faults()
    assert world.sync().complete
    assert world.problems() == []


def test_a_draft_that_somebody_changed_is_never_finalized(world: World) -> None:
    plant(world.engine, 2)
    world.emulator.faults([{"match": {"endpoint": "finalize", "times": 99}, "fault": "http_503"}])
    world.sync(patience=1, workers=1)
    world.emulator.clear_faults()
    draft = world.stripe().v1.invoices.list({"status": "draft"}).data[0]
    world.stripe().v1.invoices.add_lines(draft.id, {"lines": [{"amount": 5, "description": "by hand"}]})
    with world.engine.begin() as connection:  # the machine has lost its place, and looks
        connection.execute(stripe_sync.update().values(step="look"))
    report = world.sync()
    assert world.emulator.report()["violations"] == []
    assert report.complete  # a draft with a foreign line is ours to delete: it was begun again


def test_a_copy_that_is_wrong_once_it_is_final_waits_for_a_person(world: World) -> None:
    plant(world.engine, 1)
    tampered = Tampering(world)
    report = world.sync(stripe_of=tampered)
    assert (report.mismatch, report.finalized) == (1, 0)
    assert "subtotal" in report.failures[0].message
    assert codes(report) == {"org00000": "mismatch"}


class Tampering:
    """Somebody adds a line just before we finalize."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, port: Stripe) -> Stripe:
        self._port = port
        return cast(Stripe, self)

    def __getattr__(self, name: str) -> object:
        return getattr(self._port, name)

    def finalize_invoice(self, stripe_invoice_id: str, key: str) -> Answer[StripeInvoice] | Failure:
        line: stripe.params.InvoiceAddLinesParamsLine = {"amount": 7, "description": "by hand"}
        self._world.stripe().v1.invoices.add_lines(stripe_invoice_id, {"lines": [line]})
        return self._port.finalize_invoice(stripe_invoice_id, key)


def _another_copy(world: World) -> str:
    """A second finalized copy of the only invoice, as a bug or a person might have made it."""
    first = world.stripe().v1.invoices.list().data[0]
    draft = world.stripe().v1.invoices.create(
        {
            "customer": str(first.customer),
            "metadata": first.metadata.to_dict() if first.metadata else {},
            "discounts": "",
        }
    )
    world.stripe().v1.invoices.add_lines(draft.id, {"lines": [{"amount": first.subtotal, "description": "all"}]})
    return world.stripe().v1.invoices.finalize_invoice(draft.id).id


def test_two_finalized_copies_raise_the_alarm_and_a_void_settles_it(world: World) -> None:
    plant(world.engine, 1)
    world.sync()
    second = _another_copy(world)
    with world.engine.begin() as connection:
        connection.execute(stripe_sync.update().values(state="lined", step="look"))
    report = world.sync()
    assert codes(report) == {"org00000": "finalized_twice"}
    assert second in report.failures[0].message
    world.stripe().v1.invoices.void_invoice(second)
    repair(world, "org00000")
    assert world.sync().complete
    assert world.problems() == []


def test_an_invoice_voided_by_hand_is_made_again_only_when_a_person_repairs_it(world: World) -> None:
    plant(world.engine, 1)
    world.sync()
    world.stripe().v1.invoices.void_invoice(world.stripe().v1.invoices.list().data[0].id)
    with world.engine.begin() as connection:
        connection.execute(stripe_sync.update().values(state="lined", step="look"))
    assert codes(world.sync()) == {"org00000": "mismatch"}
    repair(world, "org00000")
    assert world.sync().complete
    assert world.problems() == []


def test_an_invoice_that_contradicts_itself_is_never_sent(world: World) -> None:
    plant(world.engine, 1)
    with world.engine.begin() as connection:
        connection.exec_driver_sql("set session_replication_role = replica")  # past the triggers
        connection.exec_driver_sql("update flybill.invoice_lines set amount_minor = amount_minor + 1 where line_no = 1")
    report = world.sync()
    assert codes(report) == {"org00000": "lines_do_not_sum"}
    assert world.emulator.report()["invoices"] == {}


def test_no_customers_data_and_no_key_gets_into_a_failure(world: World) -> None:
    plant(world.engine, 1)
    with world.engine.begin() as connection:
        connection.execute(organizations.update().values(email="anna.secret at nowhere"))
    report = world.sync()
    assert codes(report) == {"org00000": "email_invalid"}
    with world.engine.connect() as connection:
        row = str(connection.execute(select(stripe_sync)).one())
    assert "anna" not in row + str(report)
    assert "sk_test" not in row + str(report)
