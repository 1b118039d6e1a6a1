"""What Stripe's own list says of a month, in words that a person can act on, kept for who asks later."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import stripe
from sqlalchemy import update

from flybill_pipeline.billing.sync.verdicts import MOST_KEPT, Verdict
from flybill_pipeline.cli.render.reconciliation import verdict_data
from flybill_pipeline.steps.sync.judge_month import judge_month
from flybill_pipeline.steps.sync.prove_month import MonthProof, prove_month
from flybill_pipeline.steps.sync.reconcile_invoices import COLUMNS, Reconciliation
from flybill_pipeline.stores.invoicing.tables import invoices
from flybill_pipeline.stores.sync.billed import Billed
from flybill_pipeline.stores.sync.ledger import SyncLedger
from flybill_pipeline.stores.sync.verdicts import Verdicts
from flybill_pipeline.stripe_gateway.listing import InvoiceListing
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.chaos.world import World


def judged(world: World) -> Verdict:
    with SyncLedger(world.engine) as ledger:
        proof = prove_month(
            MONTH,
            ours=Billed(world.engine),
            theirs=InvoiceListing(world.gateway()),
            ledger=ledger,
            stripe=world.gateway(),
            now=world.now(),
        )
    return judge_month(MONTH, proof, [], None, world.now())


def billed(world: World, count: int) -> list[stripe.Invoice]:
    """So many invoices at Stripe, by the numbers of their orgs."""
    plant(world.engine, count)
    assert world.sync().complete
    listed = world.stripe().v1.invoices.list({"limit": 100}).data
    return sorted(listed, key=lambda invoice: invoice.subtotal)


def words(verdict: Verdict) -> dict[str | None, str]:
    return {each.org_id: each.what for each in verdict.differs}


def test_what_is_the_same_is_told_in_one_sentence(world: World) -> None:
    billed(world, 2)
    verdict = judged(world)
    assert (verdict.state, verdict.message) == ("matches", "2 invoices are the same here and in Stripe's own list.")
    assert not verdict.is_wrong()


def test_a_voided_invoice_is_told_as_one_with_its_day_and_one_written_off_is_no_difference(world: World) -> None:
    first, second, _ = billed(world, 3)
    world.stripe().v1.invoices.void_invoice(first.id)
    world.stripe().v1.invoices.mark_uncollectible(second.id)
    verdict = judged(world)
    day = f"{world.time():%Y-%m-%d}"
    assert verdict.state == "differs"
    assert words(verdict) == {"org00000": f"it was voided at Stripe on {day}, by somebody there"}
    [row] = verdict.differs
    assert (row.amount_minor_ours, row.amount_minor_theirs, row.currency, row.status) == (303, 303, "usd", "void")
    [lost] = verdict.written_off
    assert (lost.org_id, lost.what) == (
        "org00001",
        f"it was marked as uncollectible at Stripe on {day}, by somebody or by its own rules",
    )
    assert verdict.message == "2 invoices are the same here and in Stripe's own list, 1 not."
    assert verdict.is_wrong(["org00000"])
    assert not verdict.is_wrong(["org00002"])


def test_another_amount_is_told_with_both(world: World) -> None:
    billed(world, 2)
    with world.engine.begin() as connection:
        connection.exec_driver_sql("set session_replication_role = replica")  # past the triggers
        connection.execute(update(invoices).where(invoices.c.org_id == "org00000").values(subtotal_minor=1234))
    verdict = judged(world)
    assert words(verdict) == {"org00000": "it comes to $12.34 here, $3.03 there"}


def test_an_invoice_that_stripe_had_and_has_no_more(world: World) -> None:
    billed(world, 2)
    world.emulator.reset()
    assert set(words(judged(world)).values()) == {"Stripe had finalized it, and has no such invoice now"}


def test_another_invoice_of_the_same_customer_and_amount_without_our_mark_is_worth_a_row(world: World) -> None:
    first, second = billed(world, 2)
    copy_by_hand(world, str(first.customer), first.subtotal)
    copy_by_hand(world, str(second.customer), first.subtotal)  # of another amount than that customer's
    verdict = judged(world)
    assert words(verdict) == {
        "org00000": "the customer has another invoice of this amount, without our mark: was it billed twice?"
    }
    assert [(row.amount_minor_ours, row.amount_minor_theirs) for row in verdict.differs] == [(303, 303)]


def copy_by_hand(world: World, customer: str, amount: int) -> None:
    client = world.stripe()
    draft = client.v1.invoices.create({"customer": customer, "currency": "usd"}).id
    lines: Any = [{"amount": amount, "description": "by hand"}]
    client.v1.invoices.add_lines(draft, {"lines": lines})
    client.v1.invoices.finalize_invoice(draft)


def test_what_is_not_sent_yet_is_no_difference_of_the_lists(world: World) -> None:
    billed(world, 1)
    plant(world.engine, 2, first=1)
    verdict = judged(world)
    assert (verdict.state, verdict.matched, verdict.unsent, list(verdict.differs)) == ("matches", 1, 2, [])
    assert verdict.message == "1 invoice is the same here and in Stripe's own list, 2 not sent yet."


def test_a_verdict_is_kept_as_it_is_and_stands_while_the_list_cannot_be_read(world: World) -> None:
    first, _ = billed(world, 2)
    world.stripe().v1.invoices.void_invoice(first.id)
    kept = Verdicts(world.engine)
    assert kept.of(MONTH).state == "not_compared"
    verdict = judged(world)
    kept.keep(MONTH, verdict)
    assert verdict_data(kept.of(MONTH)) == verdict_data(verdict)
    kept.keep(MONTH, Verdict("not_compared", not_read="Stripe's list could not be read: down"))
    assert (kept.of(MONTH).state, kept.of(MONTH).not_read) == ("differs", "Stripe's list could not be read: down")
    kept.keep(MONTH, verdict)
    assert kept.of(MONTH).not_read is None


def test_of_very_many_that_differ_all_are_counted_and_some_are_kept() -> None:
    row = dict.fromkeys(COLUMNS) | {"difference": "missing_here"}
    differences = pd.DataFrame([row] * (MOST_KEPT + 5), dtype=object)
    proof = MonthProof(Reconciliation(0, differences, {}, 1))
    verdict = judge_month(MONTH, proof, [], None, datetime(2026, 11, 3, tzinfo=UTC))
    assert (verdict.state, verdict.differing, len(verdict.differs)) == ("differs", MOST_KEPT + 5, MOST_KEPT)
