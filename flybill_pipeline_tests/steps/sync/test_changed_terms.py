"""What an org is billed by changes between two attempts: the new terms go out, once, and no key stands for two."""

from typing import Any, cast

import pytest

from flybill_pipeline.billing.sync.values import Answer, Failure, StripeInvoice, SyncInvoice
from flybill_pipeline.steps.sync.ports import Stripe
from flybill_pipeline.stores.invoicing.tables import organizations
from flybill_pipeline_tests.chaos.bugs import NO_BUG, Bug, KeysWithoutContent
from flybill_pipeline_tests.chaos.crashes import crash_at
from flybill_pipeline_tests.chaos.months import plant
from flybill_pipeline_tests.chaos.people import People
from flybill_pipeline_tests.chaos.world import World

CALLS = ("create_customer", "create_invoice", "add_lines")
FAULTS = ("reset_before", "reset_after", "late_commit", "http_500_before", "http_500_after", "lock_timeout_cached")


def change(world: World, **terms: Any) -> None:
    with world.engine.begin() as connection:
        connection.execute(organizations.update().values(**terms))


def crash_or_fault(world: World, call: str, fault: str) -> None:
    """An attempt that ends at this call, the outcome of which stays unknown."""
    endpoint = call.removesuffix("_invoice")
    if fault != "crash":
        world.emulator.faults([{"match": {"endpoint": endpoint, "nth": 1}, "fault": fault, "seconds": 0.2}])
    assert crash_at(world, f"after {call}")
    world.emulator.clear_faults()


@pytest.mark.parametrize("fault", ["crash", *FAULTS])
@pytest.mark.parametrize("call", CALLS)
def test_new_terms_of_payment_are_on_the_invoice(call: str, fault: str, world: World) -> None:
    plant(world.engine, 1)
    crash_or_fault(world, call, fault)
    change(world, collection_method="send_invoice", days_until_due=14)
    assert world.sync().complete
    (invoice,) = People(world.engine, world.stripe()).invoices()
    assert (invoice["collection_method"], invoice["due_date"]) == ("send_invoice", invoice["created"] + 14 * 86400)
    assert world.problems() == []


@pytest.mark.parametrize("fault", ["crash", *FAULTS])
def test_a_new_name_and_address_are_on_the_one_customer(fault: str, world: World) -> None:
    plant(world.engine, 1)
    crash_or_fault(world, "create_customer", fault)
    change(world, name="Renamed", email="new@example.com")
    assert world.sync().complete
    (customer,) = world.stripe().v1.customers.list().data
    assert (customer.name, customer.email) == ("Renamed", "new@example.com")
    assert world.problems() == []


def test_terms_that_change_while_the_outcome_of_the_finalizing_is_unknown_do_not_undo_it(world: World) -> None:
    plant(world.engine, 1)
    assert crash_at(world, "after finalize_invoice")
    change(world, collection_method="send_invoice", days_until_due=14)
    assert world.sync().complete
    (invoice,) = People(world.engine, world.stripe()).invoices()
    assert (invoice["collection_method"], invoice["status"]) == ("charge_automatically", "open")
    assert world.problems() == []


def test_terms_that_change_back_and_forth_bill_once(world: World) -> None:
    plant(world.engine, 1)
    for days in (14, 30, 14, None, 14):
        method = "charge_automatically" if days is None else "send_invoice"
        change(world, collection_method=method, days_until_due=days)
        crash_or_fault(world, "create_invoice", "late_commit")
    assert world.sync().complete
    (invoice,) = People(world.engine, world.stripe()).invoices()
    assert invoice["due_date"] == invoice["created"] + 14 * 86400
    assert world.problems() == []


class ChangedMeanwhile:
    """The org's terms change while the first draft is made, of which we never hear."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._made = 0

    def __call__(self, port: Stripe) -> Stripe:
        self._port = port
        return cast(Stripe, self)

    def __getattr__(self, name: str) -> object:
        return getattr(self._port, name)

    def create_invoice(self, invoice: SyncInvoice, key: str) -> Answer[StripeInvoice] | Failure:
        self._made += 1
        if self._made == 1:
            change(self._world, collection_method="send_invoice", days_until_due=14)
        return self._port.create_invoice(invoice, key)


def changed_within_a_run(world: World, bug: Bug) -> list[str]:
    """What is wrong after it."""
    plant(world.engine, 1)
    world.emulator.faults([{"match": {"endpoint": "create", "nth": 1}, "fault": "reset_after"}])
    meanwhile = ChangedMeanwhile(world)
    world.sync(stripe_of=lambda stripe: bug.stripe_of(meanwhile(stripe)), workers=1)
    return world.problems()


def test_terms_that_change_within_a_run_are_sent_under_a_key_of_their_own(world: World) -> None:
    assert changed_within_a_run(world, NO_BUG) == []
    (invoice,) = People(world.engine, world.stripe()).invoices()
    assert invoice["collection_method"] == "send_invoice"


def test_keys_that_do_not_name_their_content_are_caught(world: World) -> None:
    found = changed_within_a_run(world, Bug(stripe=KeysWithoutContent))
    assert any(problem.startswith("key_reused") for problem in found)
