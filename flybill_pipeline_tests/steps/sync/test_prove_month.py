"""The proof of a month: our orphan drafts go first, and a list that was not read to its end proves nothing."""

from datetime import datetime

from flybill_pipeline.billing.sync.reconciliation import ListedPage
from flybill_pipeline.billing.sync.values import Answer, Failure
from flybill_pipeline.steps.sync.prove_month import MonthProof, prove_month
from flybill_pipeline.stores.sync.billed import Billed
from flybill_pipeline.stores.sync.ledger import SyncLedger
from flybill_pipeline.stripe_gateway.listing import InvoiceListing
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.chaos.world import World

UNAUTHORIZED = Failure("everyone", "unauthorized", "The key is refused.", "Give another.")


class ListThatEnds(InvoiceListing):
    """Stripe's list, which is refused after so many pages."""

    pages = 99

    def page(self, since: datetime, until: datetime, after: str | None) -> Answer[ListedPage] | Failure:
        self.pages -= 1
        return super().page(since, until, after) if self.pages >= 0 else UNAUTHORIZED


def prove(world: World, pages: int = 99) -> MonthProof:
    theirs = ListThatEnds(world.gateway())
    theirs.pages = pages
    with SyncLedger(world.engine) as ledger:
        return prove_month(
            MONTH, ours=Billed(world.engine), theirs=theirs, ledger=ledger, stripe=world.gateway(), now=world.now()
        )


def draft_beside_the_invoice(world: World) -> str:
    [ours] = world.stripe().v1.invoices.list().data
    metadata = ours.metadata.to_dict() if ours.metadata else {}
    return world.stripe().v1.invoices.create({"customer": str(ours.customer), "metadata": metadata}).id


def test_a_month_is_proven_after_its_orphans_are_swept(world: World) -> None:
    plant(world.engine, 1)
    world.sync()
    draft = draft_beside_the_invoice(world)
    proof = prove(world)
    assert [row["stripe_invoice_id"] for row in proof.removed] == [draft]
    assert proof.unread is None
    assert proof.reconciliation is not None
    assert (proof.reconciliation.proven, proof.reconciliation.matched) == (True, 1)


def test_a_list_that_is_refused_before_or_after_the_sweep_proves_nothing(world: World) -> None:
    plant(world.engine, 1)
    world.sync()
    draft = draft_beside_the_invoice(world)
    proof = prove(world, pages=0)
    assert (proof.reconciliation, list(proof.removed)) == (None, [])
    assert proof.unread == "Stripe's list could not be read: The key is refused."
    proof = prove(world, pages=1)
    assert proof.reconciliation is None
    assert [row["stripe_invoice_id"] for row in proof.removed] == [draft]
    assert proof.unread == "Stripe's list could not be read: The key is refused."


def test_while_calls_are_stopped_for_everybody_the_list_is_not_read(world: World) -> None:
    plant(world.engine, 6)
    world.emulator.faults([{"match": {"endpoint": "create_customer", "times": 99}, "fault": "unauthorized"}])
    world.sync()
    world.emulator.clear_faults()
    proof = prove(world, pages=0)
    assert proof.reconciliation is None
    assert str(proof.unread).startswith("Stripe's list was not read: ")
    assert "refused" not in str(proof.unread)  # it was never asked
