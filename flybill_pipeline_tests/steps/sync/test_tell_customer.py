"""What changes of an organization is told to Stripe once, before its next invoice; what is somebody else's stays."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from flybill_pipeline.steps.sync.sent_keys import LATEST
from flybill_pipeline.stores.invoicing.tables import organizations
from flybill_pipeline.stores.sync.ledger import SyncLedger
from flybill_pipeline.stores.sync.tables import stripe_profiles
from flybill_pipeline.stores.sync.untold import untold
from flybill_pipeline_tests.chaos.crashes import crash_at
from flybill_pipeline_tests.chaos.machine import StillWorld
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.chaos.world import World

ADDRESS = {
    "address_line1": "Platz 1",
    "address_city": "Berlin",
    "address_postal_code": "10115",
    "address_country": "DE",
}
BERLIN = {"line1": "Platz 1", "line2": None, "city": "Berlin", "postal_code": "10115", "state": None, "country": "DE"}
FAULTS = ("reset_before", "reset_after", "late_commit", "http_500_before", "http_500_after", "lock_timeout_cached")


def change(world: World, **columns: Any) -> None:
    """An import that says something else of all organizations."""
    with world.engine.begin() as connection:
        connection.execute(organizations.update().values(**columns))


def bill_again(world: World) -> None:
    """As if it were next month: the same invoices once more, nothing of them sent."""
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "update flybill.stripe_sync set state = 'new', step = null, step_key = null, first_sent_at = null,"
                " stripe_invoice_id = null, generation = generation + 1"
            )
        )


def customer(world: World) -> dict[str, Any]:
    (only,) = world.stripe().v1.customers.list().data
    shown: dict[str, Any] = only.to_dict()
    return shown


def tax_ids(world: World) -> list[tuple[str, str]]:
    listed = world.stripe().raw_request("get", f"/v1/customers/{customer(world)['id']}/tax_ids").data["data"]
    return sorted((each["type"], each["value"]) for each in listed)


def linked(world: World, **known: Any) -> str:
    """A customer that a person made and linked."""
    params: Any = {"name": "by hand", **known}
    made = world.stripe().v1.customers.create(params).id
    plant(world.engine, 1, customers=[made])
    return made


def another(world: World) -> str:
    """A customer that another organization has, says its metadata."""
    return world.stripe().v1.customers.create({"name": "by hand", "metadata": {"flybill_org_id": "org00008"}}).id


def repair(world: World, org_id: str = "org00000") -> None:
    with SyncLedger(world.engine) as ledger:
        ledger.reopen(MONTH, [org_id])


def test_nothing_is_told_where_nothing_changed(world: World) -> None:
    plant(world.engine, 3)
    assert world.sync().calls == 3 * 4
    bill_again(world)
    assert world.sync().calls == 3 * 3


def test_what_changed_is_told_once_before_the_next_invoice(world: World) -> None:
    plant(world.engine, 1)
    world.sync()
    change(world, name="Renamed", email="new@example.com", tax_id="DE123456789", **ADDRESS)
    bill_again(world)
    assert world.sync().calls == 3 + 3  # the customer, its tax ids, the new one
    there = customer(world)
    assert (there["name"], there["email"], there["address"]) == ("Renamed", "new@example.com", BERLIN)
    assert tax_ids(world) == [("eu_vat", "DE123456789")]
    newest = world.stripe().v1.invoices.list().data[0]
    assert (newest.customer_name, newest.customer_email) == ("Renamed", "new@example.com")
    bill_again(world)
    assert world.sync().calls == 3


def test_what_waits_to_be_told_is_known_and_what_failed_with_its_reason(world: World) -> None:
    plant(world.engine, 2)
    change(world, address_city="Paris", address_country="FR")
    assert (untold(world.engine), world.sync().complete, untold(world.engine)) == ([], True, [])
    with world.engine.begin() as connection:
        of_one = organizations.update().where(organizations.c.org_id == "org00001")
        connection.execute(of_one.values(name="Renamed", address_city="Lyon", email=None, tax_id="eu_vat:hello"))
    (waits,) = untold(world.engine)
    assert (waits.org_id, waits.what, waits.code) == ("org00001", "name, email, address, tax id", None)
    bill_again(world)
    world.sync()
    (failed,) = untold(world.engine)
    assert (failed.what, failed.code, "tax_id" in failed.remedy) == ("tax id", "tax_id_invalid", True)
    change(world, tax_id=None)
    repair(world, "org00001")
    assert (world.sync().complete, untold(world.engine)) == (True, [])


def test_a_customer_that_may_be_anothers_is_among_what_was_not_told(world: World) -> None:
    linked(world, metadata={"flybill_org_id": "org00007"})
    world.sync()
    assert [(each.org_id, each.what, each.code) for each in untold(world.engine)] == [
        ("org00000", "its customer", "customer_of_another")
    ]


def test_an_address_is_there_from_the_beginning_and_a_part_that_is_taken_away_goes(world: World) -> None:
    plant(world.engine, 1)
    change(world, tax_id="DE123456789", **ADDRESS)
    assert world.sync().complete
    assert (customer(world)["address"], tax_ids(world)) == (BERLIN, [("eu_vat", "DE123456789")])
    change(world, email=None, address_line1=None, tax_id=None)
    bill_again(world)
    assert world.sync().complete
    there = customer(world)
    assert (there["email"], there["address"], tax_ids(world)) == (None, BERLIN | {"line1": None}, [])
    assert there["name"] == "Org 0"


def test_the_old_tax_id_goes_and_those_of_others_stay(world: World) -> None:
    plant(world.engine, 1)
    change(world, tax_id="DE123456789")
    world.sync()
    path = f"/v1/customers/{customer(world)['id']}/tax_ids"
    world.stripe().raw_request("post", path, type="us_ein", value="12-3456789")
    change(world, tax_id="FR12345678901")
    bill_again(world)
    assert world.sync().complete
    assert tax_ids(world) == [("eu_vat", "FR12345678901"), ("us_ein", "12-3456789")]
    change(world, tax_id="us_ein:123456789")  # stands there already, otherwise written
    bill_again(world)
    assert world.sync().complete
    assert tax_ids(world) == [("us_ein", "12-3456789")]


def test_what_stands_at_a_linked_customer_is_not_overwritten_until_it_changes_here(world: World) -> None:
    linked(world, address={"city": "Paris", "country": "FR"})
    change(world, **ADDRESS)
    world.sync()
    there = customer(world)
    assert (there["name"], there["email"]) == ("by hand", "org0@example.com")  # the address was missing there
    assert there["address"]["city"] == "Paris"
    change(world, name="Org 0 GmbH")
    bill_again(world)
    assert world.sync().calls == 3 + 1
    there = customer(world)
    assert (there["name"], there["address"]["city"]) == ("Org 0 GmbH", "Paris")


def test_what_an_operator_adds_at_a_customer_of_ours_stays(world: World) -> None:
    plant(world.engine, 1)
    world.sync()
    world.stripe().v1.customers.update(customer(world)["id"], {"address": {"city": "Paris", "country": "FR"}})
    change(world, name="Renamed")
    bill_again(world)
    assert world.sync().complete
    there = customer(world)
    assert (there["name"], there["address"]["city"]) == ("Renamed", "Paris")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", ["update_customer", "create_tax_id"])
def test_whatever_becomes_of_a_call_the_newest_is_there_in_the_end(call: str, fault: str, world: World) -> None:
    plant(world.engine, 1)
    change(world, tax_id="DE111111111")
    world.sync()
    change(world, name="Second", tax_id="DE222222222")
    bill_again(world)
    world.emulator.faults([{"match": {"endpoint": call, "nth": 1}, "fault": fault, "seconds": 0.2}])
    crash_at(world, f"after {'update_profile' if call == 'update_customer' else call}")
    world.emulator.clear_faults()
    change(world, name="Org 0", tax_id="DE333333333")  # the name that was told first, again
    assert world.sync().complete
    world.emulator.release()
    assert (customer(world)["name"], tax_ids(world)) == ("Org 0", [("eu_vat", "DE333333333")])
    rules = {violation["rule"] for violation in world.emulator.report()["violations"]}
    assert rules <= {"duplicate_invoice"}  # the test itself bills twice


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "http_500_after", "lock_timeout"])
@pytest.mark.parametrize("call", ["update_customer", "create_tax_id"])
def test_what_failed_goes_out_again_at_once_when_it_says_the_same(call: str, fault: str, world: World) -> None:
    plant(world.engine, 1)
    world.sync()
    change(world, name="Renamed", tax_id="DE123456789")
    bill_again(world)
    still = StillWorld(world.engine, world.emulator)
    world.emulator.faults([{"match": {"endpoint": call, "nth": 1}, "fault": fault}])
    assert still.sync(workers=1).complete
    assert still.skipped < timedelta(seconds=2)
    assert (customer(world)["name"], tax_ids(world)) == ("Renamed", [("eu_vat", "DE123456789")])


def test_what_was_never_answered_is_over_before_something_else_is_told(world: World) -> None:
    plant(world.engine, 1)
    world.sync()
    change(world, tax_id="DE111111111")
    bill_again(world)
    world.emulator.faults([{"match": {"endpoint": "create_tax_id", "nth": 1}, "fault": "late_commit", "seconds": 3600}])
    assert crash_at(world, "after create_tax_id")
    change(world, name="Renamed", tax_id=None)  # the name is another call, and of the tax id nothing is to be sent
    still = StillWorld(world.engine, world.emulator)
    assert still.sync(workers=1).complete
    assert still.skipped >= LATEST
    assert (customer(world)["name"], tax_ids(world)) == ("Renamed", [])


def test_a_tax_id_that_stripe_refuses_is_the_orgs_and_a_repair_goes_on(world: World) -> None:
    plant(world.engine, 2)
    with world.engine.begin() as connection:
        wrong = organizations.update().where(organizations.c.org_id == "org00000")
        connection.execute(wrong.values(tax_id="eu_vat:hello"))
    report = world.sync()
    assert (report.finalized, [failure.code for failure in report.failures]) == (1, ["tax_id_invalid"])
    assert "tax_id" in report.failures[0].remedy
    change(world, tax_id="DE123456789")
    repair(world)
    assert world.sync().complete


@pytest.mark.parametrize(
    ("known", "words"),
    [({"metadata": {"flybill_org_id": "org00007"}}, "another organization"), ({}, "billed in eur")],
)
def test_a_customer_that_looks_like_anothers_is_not_billed_until_a_person_says_so(
    known: dict[str, Any], words: str, world: World
) -> None:
    made = linked(world, **known)
    if not known:
        world.stripe().v1.invoices.create({"customer": made, "currency": "eur"})
    report = world.sync()
    assert [(failure.code, failure.state) for failure in report.failures] == [("customer_of_another", "blocked")]
    assert words in report.failures[0].message
    repair(world)
    assert world.sync().complete
    billed = world.stripe().v1.invoices.list({"customer": made, "status": "open"}).data
    assert [invoice.currency for invoice in billed] == ["usd"]


def test_a_repair_confirms_only_the_customer_that_a_person_was_asked_about(world: World) -> None:
    asked, unseen = linked(world, metadata={"flybill_org_id": "org00007"}), another(world)
    assert [asked in failure.message for failure in world.sync().failures] == [True]
    change(world, stripe_customer_id=unseen)  # an import, between what the operator read and the repair
    repair(world)
    (asked_anew,) = world.sync().failures
    assert (asked_anew.code, unseen in asked_anew.message) == ("customer_of_another", True)
    change(world, stripe_customer_id=asked)
    repair(world)
    assert [asked in failure.message for failure in world.sync().failures] == [True]
    repair(world)
    assert world.sync().complete


def test_a_repair_for_another_reason_confirms_no_customer(world: World) -> None:
    linked(world)
    change(world, tax_id="eu_vat:hello")
    assert [failure.code for failure in world.sync().failures] == ["tax_id_invalid"]
    change(world, tax_id=None, stripe_customer_id=another(world))
    repair(world)
    assert [failure.code for failure in world.sync().failures] == ["customer_of_another"]


def test_a_tax_id_that_was_refused_is_sent_again_after_a_repair_that_changed_nothing(world: World) -> None:
    plant(world.engine, 1)
    change(world, tax_id="DE123456789")
    world.emulator.faults([{"match": {"endpoint": "create_tax_id", "nth": 1}, "fault": "forbidden"}])
    assert not world.sync().complete
    repair(world)
    assert world.sync().complete
    assert tax_ids(world) == [("eu_vat", "DE123456789")]


def test_a_customer_of_an_older_version_that_changed_is_told_and_others_are_not(world: World) -> None:
    plant(world.engine, 2)
    world.sync()
    with world.engine.begin() as connection:
        connection.execute(stripe_profiles.delete())
        changed = organizations.update().where(organizations.c.org_id == "org00001")
        connection.execute(changed.values(email="late@example.com"))
    bill_again(world)
    assert world.sync().calls == 3 + 3 + 1
    assert {each.email for each in world.stripe().v1.customers.list().data} == {"org0@example.com", "late@example.com"}


def test_an_address_for_a_customer_of_an_older_version_leaves_what_an_operator_corrected_there(world: World) -> None:
    plant(world.engine, 1)
    world.sync()
    with world.engine.begin() as connection:
        connection.execute(stripe_profiles.delete())
    world.stripe().v1.customers.update(customer(world)["id"], {"email": "corrected@example.com"})
    change(world, **ADDRESS)
    bill_again(world)
    assert world.sync().complete
    assert (customer(world)["email"], customer(world)["address"]) == ("corrected@example.com", BERLIN)


def test_a_key_that_may_not_read_customers_bills_a_linked_one(world: World) -> None:
    linked(world)
    world.emulator.faults([{"match": {"endpoint": "retrieve_customer"}, "fault": "forbidden"}])
    assert world.sync().complete
    assert customer(world)["name"] == "by hand"
