"""Finalized months in many currencies, synced with Stripe's tax or without, and credit notes. No assertions."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select

from flybill_pipeline.billing.money.currencies import currency_of
from flybill_pipeline.billing.payments.credit_notes import CreditRequest
from flybill_pipeline.billing.sync.values import TaxBehavior
from flybill_pipeline.steps.payments.issue_credit_note import issue_credit_notes
from flybill_pipeline.steps.sync.ports import Stripe
from flybill_pipeline.steps.sync.reconcile_invoices import reconcile
from flybill_pipeline.stores.invoicing.tables import invoice_lines, invoices, organizations
from flybill_pipeline.stores.payments.credit_notes import CreditNotes
from flybill_pipeline.stores.sync.billed import Billed
from flybill_pipeline.stores.sync.credit_tables import stripe_credit_notes
from flybill_pipeline.stripe_gateway.contents import Contents
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline.stripe_gateway.limiter import Limiter
from flybill_pipeline.stripe_gateway.listing import InvoiceListing
from flybill_pipeline_tests.chaos import months
from flybill_pipeline_tests.chaos.months import MONTH
from flybill_pipeline_tests.chaos.world import World

BEHAVIORS = ("exclusive", "inclusive")
PLACES: Mapping[str, Mapping[str, str]] = {
    "usd": {"address_country": "US", "address_state": "NY", "address_postal_code": "10001"},
    "eur": {"address_country": "DE"},
    "gbp": {"address_country": "GB"},
    "pln": {"address_country": "PL"},
    "jpy": {"address_country": "JP"},
    "clp": {"address_country": "CL"},
    "idr": {"address_country": "ID"},
    "kwd": {"address_country": "KW"},  # nothing is collected in this country and the next two
    "isk": {"address_country": "IS"},
    "ugx": {"address_country": "UG"},
}
UNTAXED = {"kwd", "isk", "ugx"}
STEPS = {"kwd": 10, "isk": 100, "ugx": 100, "idr": 10_000}
"""By how much amounts are larger where a minor unit is no amount of money, or where prices have more digits."""
PLAN, CREDIT, DISCOUNT = "subscription", "credit", "discount"
Amounts = Sequence[int | tuple[str, int]]
"""Of an invoice's lines, in minor units before STEPS: usage, or another kind that is named."""
KINDS_OF_LINES: Sequence[Amounts] = (
    [1190, 333, 334, (PLAN, 2500), (CREDIT, -500)],
    [10000, (PLAN, 2500), (DISCOUNT, -3000)],
    [500 + number % 7 for number in range(121)],
    [70, 70, 70, (CREDIT, -199)],
)


def bill(world: World, number: int, currency: str, amounts: Amounts) -> str:
    """One finalized invoice of an org of its own, with these lines."""
    step = STEPS.get(currency, 1)
    lines = [("usage", each) if isinstance(each, int) else each for each in amounts]
    total = sum(amount for _, amount in lines) * step
    invoice = months._invoice(number, 0, MONTH)
    invoice |= {"subtotal_minor": total, "line_count": len(amounts), "currency": currency}
    org = {"org_id": invoice["org_id"], "name": f"Org {number}", "currency": currency, "shard": number % 16}
    rows = [
        {**months._line(number, nth, MONTH), "kind": kind, "amount_minor": amount * step, "currency": currency}
        | ({} if kind == "usage" else {"meter": None})
        for nth, (kind, amount) in enumerate(lines)
    ]
    with world.engine.begin() as connection:
        connection.execute(insert(organizations), {**org, "email": "a@example.com", **PLACES[currency]})
        connection.execute(insert(invoices), invoice)
        connection.execute(insert(invoice_lines), rows)
    return str(invoice["invoice_id"])


def bill_41(world: World) -> list[tuple[str, str]]:
    """Ten currencies with each kind of lines, and 301 lines; the currency and id of each invoice."""
    every = [(currency, amounts) for currency in PLACES for amounts in KINDS_OF_LINES]
    every.append(("usd", [20 + number % 5 for number in range(301)]))
    return [(currency, bill(world, number, currency, amounts)) for number, (currency, amounts) in enumerate(every)]


def taxed(world: World, behavior: TaxBehavior | None) -> Any:
    """What puts a gateway in place whose invoices have Stripe's tax; without one where `behavior` is None."""
    contents = Contents(automatic_tax=behavior is not None, tax_behavior=behavior or "exclusive")

    def gateway(_: Stripe) -> Stripe:
        return Gateway("sk_test_tax", base=world.emulator.url, limiter=Limiter(999, 999), contents=contents)

    return gateway


def compared(world: World) -> list[Any]:
    """What differs between our side and Stripe's list."""
    found = reconcile(MONTH, ours=Billed(world.engine), theirs=InvoiceListing(world.gateway()), sleep=world.sleep)
    rows: list[Any] = found.differences.to_dict("records")
    return rows if found.failure is None else [found.failure]


def listed(world: World) -> dict[str, Any]:
    """Stripe's invoices by our ids."""
    every = world.stripe().v1.invoices.list({"limit": 100}).auto_paging_iter()
    shown: list[dict[str, Any]] = [each.to_dict() for each in every]
    return {str(each["metadata"]["flybill_invoice_id"]): each for each in shown}


def pay(world: World, invoice: Mapping[str, Any], standing: str) -> None:
    """Lets an invoice at Stripe be paid, paid but for a part, or stay open."""
    if standing == "paid":
        world.stripe().v1.invoices.pay(invoice["id"], {"paid_out_of_band": True})
    elif standing == "part paid":
        left = 1000 * STEPS.get(invoice["currency"], 1)
        world.emulator.control("POST", f"invoices/{invoice['id']}/part_payment", {"amount": invoice["total"] - left})


def in_major_units(minor: int, currency: str) -> str:
    """An amount as an operator types it."""
    return str(Decimal(minor) / currency_of(currency).units_per_major)


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
