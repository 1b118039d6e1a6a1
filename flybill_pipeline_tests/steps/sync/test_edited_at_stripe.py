"""Somebody's tool overwrites what we wrote on an invoice at Stripe: the id that we were given tells that it is ours."""

from typing import Any

import pytest

from flybill_pipeline.steps.sync.reconcile_invoices import reconcile
from flybill_pipeline.stores.sync.billed import Billed
from flybill_pipeline.stripe_gateway.listing import InvoiceListing
from flybill_pipeline_tests.chaos.bugs import Bug, ForgetsTheId
from flybill_pipeline_tests.chaos.crashes import crash_at
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.chaos.people import People
from flybill_pipeline_tests.chaos.world import World
from flybill_pipeline_tests.steps.sync.test_failures import repair

EDITS: dict[str, dict[str, Any]] = {
    "all metadata gone": {"metadata": ""},
    "our id gone": {"metadata": {"flybill_invoice_id": ""}},
    "another id": {"metadata": {"flybill_invoice_id": "inv_2026-10_00007"}},
    "another hash and number": {"metadata": {"flybill_content_hash": "0", "flybill_number": "FB-1"}},
}
RENAMED: dict[str, dict[str, Any]] = {"renamed": {"number": "ACME-7", "description": "our invoice"}}


def edit_all(world: World, change: dict[str, Any]) -> None:
    for invoice in People(world.engine, world.stripe()).invoices():
        world.stripe().raw_request("post", f"/v1/invoices/{invoice['id']}", **change)


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("hours", [0, 1, 30])
def test_an_invoice_that_was_edited_before_we_knew_that_it_is_final_stands_once(
    hours: int, edit: str, world: World
) -> None:
    plant(world.engine, 1)
    assert crash_at(world, "after finalize_invoice")
    edit_all(world, EDITS[edit])
    if hours:
        world.pass_hours(hours)
    assert world.sync().complete
    assert world.emulator.report()["invoices"] == {"open": 1}
    assert world.problems() == []


@pytest.mark.parametrize("edit", [*EDITS, *RENAMED])
@pytest.mark.parametrize("call", ["create_invoice", "add_lines"])
def test_a_draft_that_was_edited_meanwhile_is_finalized_once_as_we_made_it(call: str, edit: str, world: World) -> None:
    plant(world.engine, 1)
    assert crash_at(world, f"after {call}")
    edit_all(world, (EDITS | RENAMED)[edit])
    assert world.sync().complete
    (invoice,) = [each for each in People(world.engine, world.stripe()).invoices() if each["status"] != "draft"]
    assert invoice["metadata"]["flybill_invoice_id"] == "inv_2026-10_00000"
    assert world.emulator.report()["violations"] == []


def test_the_comparison_with_stripes_list_goes_by_ids_too(world: World) -> None:
    plant(world.engine, 2)
    world.sync()
    edit_all(world, EDITS["all metadata gone"])
    result = reconcile(MONTH, ours=Billed(world.engine), theirs=InvoiceListing(world.gateway()))
    assert (result.matched, result.proven) == (2, True)


def test_a_finalized_invoice_of_a_customer_that_was_merged_into_another_stands(world: World) -> None:
    """The customer is deleted, and the org linked to the one that is left."""
    plant(world.engine, 1)
    assert crash_at(world, "after finalize_invoice")
    people = People(world.engine, world.stripe())
    edit_all(world, EDITS["all metadata gone"])
    people.delete_customer("org00000")
    people.link("org00000")
    world.pass_hours(30)
    assert world.sync().complete
    assert world.emulator.report()["invoices"] == {"open": 1}


def test_a_look_that_forgets_the_known_id_is_caught(world: World) -> None:
    plant(world.engine, 1)
    bug = Bug(stripe=ForgetsTheId)
    assert crash_at(world, "after finalize_invoice", bug)
    edit_all(world, EDITS["all metadata gone"])
    world.pass_hours(30)
    world.sync(**bug.ports())
    assert world.emulator.report()["invoices"] == {"open": 2}


def paid_and_wrong(world: World, how: str) -> str:
    """The only invoice, which a person made final before we had, and which is paid now; Stripe's id of it."""
    plant(world.engine, 1)
    assert crash_at(world, "after create_invoice")
    (draft,) = People(world.engine, world.stripe()).invoices()
    path = f"/v1/invoices/{draft['id']}"
    if how == "with another line":
        world.stripe().raw_request("post", f"{path}/add_lines", lines=[{"amount": 700, "description": "a favour"}])
    world.stripe().raw_request("post", f"{path}/finalize")
    if how == "with another line":
        world.stripe().raw_request("post", f"{path}/pay", paid_out_of_band=True)
    (failure,) = world.sync().failures
    assert failure.code == "mismatch"
    assert "cannot be voided" in failure.remedy
    assert "set flybill_invoice_id to withdrawn in its metadata" in failure.remedy
    return str(draft["id"])


def reconciled(world: World) -> bool:
    return reconcile(MONTH, ours=Billed(world.engine), theirs=InvoiceListing(world.gateway())).proven


@pytest.mark.parametrize("how", ["empty", "with another line"])
def test_a_wrong_copy_that_is_paid_is_made_again_once_a_person_withdraws_it(how: str, world: World) -> None:
    """It cannot be voided, so the org would wait for ever."""
    wrong = paid_and_wrong(world, how)
    world.stripe().raw_request("post", f"/v1/invoices/{wrong}", metadata={"flybill_invoice_id": "withdrawn"})
    assert not world.sync().complete
    assert not reconciled(world)
    repair(world, "org00000")
    assert world.sync().complete
    assert world.emulator.report()["invoices"] == {"open": 1, "paid": 1}
    assert reconciled(world)
    world.pass_hours(30)
    assert world.sync().complete
    assert world.emulator.report()["invoices"] == {"open": 1, "paid": 1}


@pytest.mark.parametrize("edit", [None, *EDITS])
def test_a_wrong_copy_that_is_paid_stays_the_only_one_while_nobody_withdraws_it(edit: str | None, world: World) -> None:
    paid_and_wrong(world, "with another line")
    if edit:
        edit_all(world, EDITS[edit])
    repair(world, "org00000")
    assert [failure.code for failure in world.sync().failures] == ["mismatch"]
    assert world.emulator.report()["invoices"] == {"paid": 1}
