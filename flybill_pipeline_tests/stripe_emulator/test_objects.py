"""Every object has the fields of Stripe's own samples, with their types. The samples lie beside the project."""

import json
from pathlib import Path
from typing import Any

import pytest
import stripe

from flybill_pipeline_tests.emulator_process import EmulatorProcess
from flybill_pipeline_tests.stripe_emulator.helpers import Json, Shop

FIXTURES = Path(__file__).parents[2] / ".." / "shared" / "stripe" / "fixtures3.json"
pytestmark = pytest.mark.skipif(not FIXTURES.exists(), reason="Stripe's sample objects are not beside the project")


def sample(name: str) -> Json:
    found: Json = json.loads(FIXTURES.read_text())["resources"][name]
    return found


def compare(ours: Any, theirs: Any, path: str, problems: list[str]) -> None:
    """Notes each field that is missing or has another JSON type; null on either side has no type to compare."""
    if ours is None or theirs is None:
        return
    if type(ours) is not type(theirs):
        problems.append(f"{path}: {type(ours).__name__} instead of {type(theirs).__name__}")
    elif isinstance(theirs, dict):
        for name, value in theirs.items():
            if name not in ours:
                problems.append(f"{path}.{name}: missing")
            else:
                compare(ours[name], value, f"{path}.{name}", problems)
    elif isinstance(theirs, list) and theirs and ours:
        compare(ours[0], theirs[0], f"{path}[0]", problems)


def nulls(obj: Json, model: type) -> set[str]:
    """The fields that are null although the library declares them always present."""
    hints = {name: str(hint) for name, hint in model.__annotations__.items()}
    return {
        name
        for name, value in obj.items()
        if value is None and "None" not in hints.get(name, "None").replace("Optional", "None")
    }


@pytest.fixture
def world(shop: Shop, emulator: EmulatorProcess) -> dict[str, Json]:
    customer = shop.payer(name="Acme", email="a@b.test", address={"country": "DE"})
    invoice = shop.finalized(
        1000, 500, customer=customer, automatic_tax={"enabled": True}, rendering={"pdf": {"page_size": "a4"}}
    )
    return {
        "customer": shop.get(f"customers/{customer}"),
        "draft": shop.get(f"invoices/{shop.draft(5)}"),
        "invoice": invoice,
        "line_item": shop.get(f"invoices/{invoice['id']}/lines")["data"][0],
        "credit_note": shop.post("credit_notes", invoice=invoice["id"], amount=100, memo="x"),
        "event": shop.get("events")["data"][0],
        "paid": shop.post(f"invoices/{invoice['id']}/pay"),
        **money_back(shop, emulator, invoice["id"]),
    }


def money_back(shop: Shop, emulator: EmulatorProcess, invoice: str) -> dict[str, Json]:
    payment = shop.get("invoice_payments", invoice=invoice)["data"][0]
    return {
        "invoice_payment": payment,
        "refund": shop.post("refunds", payment_intent=payment["payment"]["payment_intent"], amount=1),
        "dispute": emulator.control("POST", f"invoices/{invoice}/dispute", {}),
    }


@pytest.mark.parametrize(
    ("ours", "theirs", "model"),
    [
        ("customer", "customer", stripe.Customer),
        ("draft", "invoice", stripe.Invoice),
        ("invoice", "invoice", stripe.Invoice),
        ("paid", "invoice", stripe.Invoice),
        ("line_item", "line_item", stripe.InvoiceLineItem),
        ("credit_note", "credit_note", stripe.CreditNote),
        ("event", "event", stripe.Event),
        ("invoice_payment", "invoice_payment", stripe.InvoicePayment),
        ("refund", "refund", stripe.Refund),
    ],
)
def test_fields(ours: str, theirs: str, model: type, world: dict[str, Json]) -> None:
    obj: Json = json.loads(json.dumps(world[ours]))
    expected = sample(theirs)
    if theirs == "event":
        expected["data"]["object"] = {}
    problems: list[str] = []
    compare(obj, expected, ours, problems)
    assert problems == []
    assert nulls(obj, model) == set()


def test_deleted_objects_and_lists(shop: Shop) -> None:
    assert shop.delete(f"customers/{shop.customer()}").keys() == sample("deleted_customer").keys()
    assert shop.delete(f"invoices/{shop.draft()}").keys() == sample("deleted_invoice").keys()
    assert shop.get("customers").keys() == {"object", "data", "has_more", "url"}


def test_the_library_can_hold_what_we_answer(shop: Shop) -> None:
    """Typed objects parse decimals and nested objects; a wrong one raises."""
    invoice = shop.client.v1.invoices.retrieve(shop.finalized(1000)["id"])
    assert invoice.lines.data[0].quantity_decimal == 1
