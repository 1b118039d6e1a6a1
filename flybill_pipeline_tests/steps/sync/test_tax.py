"""With tax, on top of our amounts or within them: invoices and credit notes are right to the cent, and reconciled."""

import pytest
from sqlalchemy import select

from flybill_pipeline.billing.sync.values import TaxBehavior
from flybill_pipeline.stores.invoicing.tables import organizations
from flybill_pipeline.stores.sync.tables import stripe_breaker
from flybill_pipeline_tests.chaos import months
from flybill_pipeline_tests.chaos.world import World
from flybill_pipeline_tests.steps.sync.taxed_months import BEHAVIORS, PLACES, bill, compared, credit, listed, pay, taxed


@pytest.mark.parametrize("default", [*BEHAVIORS, "inferred_by_currency"])
@pytest.mark.parametrize("behavior", BEHAVIORS)
def test_every_invoice_is_right_to_the_cent_whatever_the_accounts_default_is(
    behavior: TaxBehavior, default: str, world: World
) -> None:
    world.emulator.control("POST", "tax", {"behavior": default})
    for number, (currency, amounts) in enumerate([("usd", [1190, -190]), ("eur", [1190]), ("jpy", [1000, -1, -2])]):
        bill(world, number, currency, amounts)
    report = world.sync(stripe_of=taxed(world, behavior), workers=8)
    assert (report.finalized, report.failures) == (3, [])
    for invoice in listed(world).values():
        ours, tax = (
            int(invoice["metadata"]["flybill_subtotal_minor"]),
            sum(each["amount"] for each in invoice["total_taxes"]),
        )
        assert invoice["subtotal"] == ours
        assert invoice["total"] == (ours + tax if behavior == "exclusive" else ours)
        assert tax > 0
    assert compared(world) == []
    assert world.emulator.report()["violations"] == []


@pytest.mark.parametrize("behavior", BEHAVIORS)
@pytest.mark.parametrize("standing", ["open", "paid", "part paid"])
def test_a_credit_note_gives_back_what_we_decided_with_its_tax(
    standing: str, behavior: TaxBehavior, world: World
) -> None:
    invoice_id = bill(world, 0, "eur", [11900, 2380])
    assert world.sync(stripe_of=taxed(world, behavior)).complete
    there = listed(world)[invoice_id]
    pay(world, there, standing)
    for amount, line in (("20.00", 1), ("99.00", 1), ("23.80", 2)):
        row = credit(world, 0, amount, line)
        assert (row.state, row.error_message) == ("issued", None), amount
    notes = world.stripe().v1.credit_notes.list({"limit": 10}).data
    assert sorted(note.subtotal for note in notes) == [2000, 2380, 9900]
    tax = sum(each.amount for note in notes for each in note.total_taxes or [])
    assert tax == {"exclusive": 380 + 452 + 1881, "inclusive": 319 + 380 + 1581}[behavior]
    assert sum(note.amount for note in notes) == 14280 + (tax if behavior == "exclusive" else 0)
    after = listed(world)[invoice_id]
    credited = after["pre_payment_credit_notes_amount"] + after["post_payment_credit_notes_amount"]
    assert credited == after["total"], "the whole invoice is given back"
    assert compared(world) == []
    assert world.emulator.report()["violations"] == []


def test_what_no_tax_comes_to_and_what_a_line_no_longer_has_is_told_with_words(world: World) -> None:
    bill(world, 0, "eur", [1190, 500, -300])
    bill(world, 1, "eur", [1190])
    assert world.sync(stripe_of=taxed(world, "inclusive")).complete
    too_much = credit(world, 0, "11.00")
    assert (too_much.state, too_much.error_code) == ("blocked", "too_much_there")
    assert "979 minor units only" in too_much.error_message
    between = credit(world, 1, "0.03")  # 0.02 has no tax yet, 0.03 without its tax has one already
    assert (between.state, between.error_code) == ("blocked", "between_cents")
    assert compared(world) == []


def test_an_account_without_tax_is_told_once_before_the_first_invoice(world: World) -> None:
    world.emulator.control("POST", "tax", {"status": "pending"})
    months.plant(world.engine, 4)
    report = world.sync(stripe_of=taxed(world, "exclusive"))
    assert report.stopped is not None
    assert report.stopped.startswith("Stripe Tax is not active in this account")
    assert (report.blocked, report.calls) == (0, 0)
    assert world.emulator.report()["invoices"] == {}
    with world.engine.connect() as connection:
        assert connection.scalar(select(stripe_breaker.c.code)) == "tax_inactive"
    world.emulator.control("POST", "tax", {"status": "active"})
    with world.engine.begin() as connection:
        connection.execute(organizations.update().values(**PLACES["eur"]))
    assert world.sync(stripe_of=taxed(world, "exclusive")).complete


def test_a_draft_that_was_made_with_the_other_behavior_is_made_again(world: World) -> None:
    invoice_id = bill(world, 0, "eur", [1190])
    world.emulator.faults([{"match": {"endpoint": "finalize", "times": 99}, "fault": "http_503"}])
    world.sync(stripe_of=taxed(world, "inclusive"), patience=1)
    world.emulator.clear_faults()
    assert world.sync(stripe_of=taxed(world, "exclusive")).complete
    assert listed(world)[invoice_id]["total"] == 1190 + 226
    assert compared(world) == []
