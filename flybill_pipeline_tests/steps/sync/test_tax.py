"""With tax, on top of our amounts or within them: invoices and credit notes are right to the cent, and reconciled."""

from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from flybill_pipeline.billing.payments.credit_notes import CreditRequest
from flybill_pipeline.billing.sync.values import TaxBehavior
from flybill_pipeline.steps.payments.issue_credit_note import issue_credit_notes
from flybill_pipeline.steps.sync.ports import Stripe
from flybill_pipeline.steps.sync.reconcile_invoices import reconcile
from flybill_pipeline.stores.invoicing.tables import invoice_lines, invoices, organizations
from flybill_pipeline.stores.payments.credit_notes import CreditNotes
from flybill_pipeline.stores.sync.billed import Billed
from flybill_pipeline.stores.sync.credit_tables import stripe_credit_notes
from flybill_pipeline.stores.sync.tables import stripe_breaker
from flybill_pipeline.stripe_gateway.contents import Contents
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline.stripe_gateway.limiter import Limiter
from flybill_pipeline.stripe_gateway.listing import InvoiceListing
from flybill_pipeline_tests.chaos import months
from flybill_pipeline_tests.chaos.months import MONTH
from flybill_pipeline_tests.chaos.world import World

BEHAVIORS = ("exclusive", "inclusive")
PLACES: dict[str, dict[str, str]] = {
    "usd": {"address_country": "US", "address_state": "NY", "address_postal_code": "10001"},
    "eur": {"address_country": "DE"},
    "jpy": {"address_country": "JP"},
    "gbp": {"address_country": "GB"},
    "pln": {"address_country": "PL"},
    "kwd": {"address_country": "KW"},  # nothing is collected there
}
AMOUNTS = [[1190], [333, 334, 335], [10000, 2500, -3000], [70, 70, 70, -199], [500] * 121, [1000, -1, -2]]


def bill(world: World, number: int, currency: str, amounts: list[int]) -> str:
    """One finalized invoice of an org of its own, with these lines."""
    step = 10 if currency == "kwd" else 1
    invoice = months._invoice(number, 0, MONTH)
    invoice |= {"subtotal_minor": sum(amounts) * step, "line_count": len(amounts), "currency": currency}
    org = {"org_id": invoice["org_id"], "name": f"Org {number}", "currency": currency, "shard": number % 16}
    with world.engine.begin() as connection:
        connection.execute(insert(organizations), {**org, "email": "a@example.com", **PLACES[currency]})
        connection.execute(insert(invoices), invoice)
        lines = [
            {**months._line(number, nth, MONTH), "amount_minor": amount * step, "currency": currency}
            for nth, amount in enumerate(amounts)
        ]
        connection.execute(insert(invoice_lines), lines)
    return str(invoice["invoice_id"])


def bill_everything(world: World) -> int:
    every = [(currency, amounts) for currency in PLACES for amounts in AMOUNTS]
    for number, (currency, amounts) in enumerate(every):
        bill(world, number, currency, amounts)
    return len(every)


def taxed(world: World, behavior: TaxBehavior) -> Any:
    def gateway(_: Stripe) -> Stripe:
        contents = Contents(automatic_tax=True, tax_behavior=behavior)
        return Gateway("sk_test_tax", base=world.emulator.url, limiter=Limiter(999, 999), contents=contents)

    return gateway


def compared(world: World) -> list[Any]:
    """What differs between our side and Stripe's list."""
    found = reconcile(MONTH, ours=Billed(world.engine), theirs=InvoiceListing(world.gateway()), sleep=world.sleep)
    assert found.failure is None
    rows: list[Any] = found.differences.to_dict("records")
    return rows


def listed(world: World) -> dict[str, Any]:
    """Stripe's invoices by our ids."""
    every = world.stripe().v1.invoices.list({"limit": 100}).auto_paging_iter()
    shown: list[dict[str, Any]] = [each.to_dict() for each in every]
    return {str(each["metadata"]["flybill_invoice_id"]): each for each in shown}


@pytest.mark.parametrize("default", [*BEHAVIORS, "inferred_by_currency"])
@pytest.mark.parametrize("behavior", BEHAVIORS)
def test_every_invoice_is_right_to_the_cent_whatever_the_accounts_default_is(
    behavior: TaxBehavior, default: str, world: World
) -> None:
    world.emulator.control("POST", "tax", {"behavior": default})
    if default != behavior:  # one month of everything is enough for each behavior
        bill(world, 0, "usd", [1190, -190])
        bill(world, 1, "eur", [1190])
        count = 2
    else:
        count = bill_everything(world)
    report = world.sync(stripe_of=taxed(world, behavior), workers=8)
    assert (report.finalized, report.failures) == (count, [])
    for invoice in listed(world).values():
        ours, tax = (
            int(invoice["metadata"]["flybill_subtotal_minor"]),
            sum(each["amount"] for each in invoice["total_taxes"]),
        )
        assert invoice["subtotal"] == ours
        assert invoice["total"] == (ours + tax if behavior == "exclusive" else ours)
        assert (tax > 0) is (invoice["currency"] != "kwd") or ours < 100
    assert compared(world) == []
    assert world.emulator.report()["violations"] == []


def credit(world: World, number: int, amount: str, line: int = 1) -> Any:
    """One credit note, issued; its row."""
    with closing(CreditNotes(world.engine)) as ledger:
        request = CreditRequest(f"org{number:05d}", MONTH, line, amount, "sorry", "ada", 1)
        note = ledger.request(request, world.now())
        issue_credit_notes(
            ledger.pending(MONTH),
            ledger=ledger,
            stripe=world.gateway(),
            patience=timedelta(seconds=5),
            clock=world.now,
            sleep=world.sleep,
        )
    with world.engine.connect() as connection:
        where = stripe_credit_notes.c.credit_note_id == note.credit_note_id
        return connection.execute(select(stripe_credit_notes).where(where)).one()


@pytest.mark.parametrize("behavior", BEHAVIORS)
@pytest.mark.parametrize("standing", ["open", "paid", "part paid"])
def test_a_credit_note_gives_back_what_we_decided_with_its_tax(
    standing: str, behavior: TaxBehavior, world: World
) -> None:
    invoice_id = bill(world, 0, "eur", [11900, 2380])
    assert world.sync(stripe_of=taxed(world, behavior)).complete
    there = listed(world)[invoice_id]
    if standing == "paid":
        world.stripe().v1.invoices.pay(there["id"], {"paid_out_of_band": True})
    elif standing == "part paid":
        world.emulator.control("POST", f"invoices/{there['id']}/part_payment", {"amount": there["total"] - 1000})
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
