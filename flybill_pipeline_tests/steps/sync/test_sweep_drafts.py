"""Orphan drafts: how one comes about, and that the sweep removes it and nothing else."""

import stripe

from flybill_pipeline.steps.sync.reconcile_invoices import Reconciliation, reconcile
from flybill_pipeline.steps.sync.sweep_drafts import sweep_drafts
from flybill_pipeline.stores.sync.billed import Billed
from flybill_pipeline.stores.sync.ledger import SyncLedger
from flybill_pipeline.stripe_gateway.listing import InvoiceListing
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.chaos.world import World


def compare(world: World) -> Reconciliation:
    return reconcile(MONTH, ours=Billed(world.engine), theirs=InvoiceListing(world.gateway()))


def sweep(world: World) -> list[str]:
    with SyncLedger(world.engine) as ledger:
        return [row["stripe_invoice_id"] for row in sweep_drafts(compare(world), ledger, world.gateway())]


def copy_by_hand(world: World, of: stripe.Invoice) -> str:
    metadata = of.metadata.to_dict() if of.metadata else {}
    return world.stripe().v1.invoices.create({"customer": str(of.customer), "metadata": metadata}).id


def test_a_draft_beside_the_finalized_invoice_is_removed(world: World) -> None:
    """As it is left when an org is relinked while the create of its draft is still on its way at Stripe."""
    plant(world.engine, 2)
    assert world.sync().complete
    drafts = {copy_by_hand(world, ours) for ours in world.stripe().v1.invoices.list().data}
    assert len(drafts) == 2
    assert not compare(world).proven
    assert set(sweep(world)) == drafts
    assert compare(world).proven
    assert world.emulator.report()["violations"] == []
    assert world.emulator.report()["invoices"] == {"open": 2}


def test_what_is_finalized_foreign_or_still_on_its_way_is_left_alone(world: World) -> None:
    plant(world.engine, 1)
    assert world.sync().complete
    [first] = world.stripe().v1.invoices.list().data
    again = copy_by_hand(world, first)
    world.stripe().v1.invoices.finalize_invoice(again)
    foreign = world.stripe().v1.invoices.create({"customer": str(first.customer)}).id
    plant(world.engine, 1, first=1)
    world.emulator.faults([{"match": {"endpoint": "add_lines", "times": 99}, "fault": "http_503"}])
    world.sync(patience=1)
    world.emulator.clear_faults()
    under_way = {draft.id for draft in world.stripe().v1.invoices.list({"status": "draft"}).data} - {foreign}
    assert len(under_way) == 1
    assert sweep(world) == []
    standing = {invoice.id for invoice in world.stripe().v1.invoices.list().data}
    assert standing == {first.id, again, foreign, *under_way}


def test_a_draft_of_an_invoice_that_we_do_not_know_is_left_to_a_person(world: World) -> None:
    plant(world.engine, 1)
    world.sync()
    [ours] = world.stripe().v1.invoices.list().data
    metadata = {**(ours.metadata.to_dict() if ours.metadata else {}), "flybill_invoice_id": "inv_of_another_database"}
    world.stripe().v1.invoices.create({"customer": str(ours.customer), "metadata": metadata})
    assert sweep(world) == []
    assert not compare(world).proven
