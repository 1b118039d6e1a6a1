"""Every object has the fields of Stripe's own samples, with their types. The samples lie beside the project.

What stripe-python declares is the other witness: test_published_types. The samples tell what is there although it may
be absent.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flybill_pipeline_tests.stripe_emulator.helpers import Json, Shop
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess

FIXTURES = Path(__file__).parents[2] / ".." / "shared" / "stripe" / "fixtures3.json"
pytestmark = pytest.mark.skipif(not FIXTURES.exists(), reason="Stripe's sample objects are not beside the project")


GONE = {"invoice": {"subscription"}}
"""What the samples still have and Stripe's description has no more."""


def samples() -> Json:
    found: Json = json.loads(FIXTURES.read_text())["resources"]
    return {
        kind: {name: value for name, value in fields.items() if name not in GONE.get(kind, ())}
        for kind, fields in found.items()
    }


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


@pytest.fixture
def world(shop: Shop, emulator: EmulatorProcess) -> dict[str, Json]:
    customer = shop.payer(name="Acme", email="a@b.test", address={"country": "DE"})
    invoice = shop.finalized(
        1000, 500, customer=customer, automatic_tax={"enabled": True}, rendering={"pdf": {"page_size": "a4"}}
    )
    line = {"type": "invoice_line_item", "invoice_line_item": invoice["lines"]["data"][0]["id"], "amount": 100}
    return {
        "customer": shop.get(f"customers/{customer}"),
        "draft": shop.get(f"invoices/{shop.draft(5)}"),
        "invoice": invoice,
        "line_item": shop.get(f"invoices/{invoice['id']}/lines")["data"][0],
        "credit_note": shop.post("credit_notes", invoice=invoice["id"], lines=[line], memo="x"),
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


def objects_in(answer: Any) -> Iterator[Json]:
    """Every object with a name, however deep inside."""
    if isinstance(answer, dict):
        if isinstance(answer.get("object"), str):
            yield answer
        for value in answer.values():
            yield from objects_in(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from objects_in(value)


def test_every_object_in_every_answer_has_all_fields(
    world: dict[str, Json], shop: Shop, emulator: EmulatorProcess
) -> None:
    """Wherever an object turns up: in lists, in other objects, in the events of everything that happened."""
    emulator.control("POST", f"customers/{world['customer']['id']}/coupon", {"id": "c10", "percent_off": 10})
    shop.post(f"invoices/{shop.draft(700, customer=world['customer']['id'])}/finalize")
    named = ("account", "customers", "invoices", "credit_notes", "events")
    answers = [shop.get(name, **({} if name == "account" else {"limit": 100})) for name in named]
    known = samples()
    seen, problems = set(), list[str]()
    for obj in objects_in(json.loads(json.dumps([*world.values(), *answers]))):
        kind = obj["object"]
        if kind in known and not obj.get("deleted"):
            seen.add(kind)
            problems += [f"{kind}.{name}: missing" for name in known[kind] if name not in obj]
            compare(obj, {**known[kind], "data": {}} if kind == "event" else known[kind], kind, problems)
    assert sorted(set(problems)) == []
    assert seen == {
        "account",
        "customer",
        "discount",
        "invoice",
        "line_item",
        "credit_note",
        "credit_note_line_item",
        "event",
        "invoice_payment",
        "refund",
        "dispute",
    }


def test_deleted_objects_and_lists(shop: Shop) -> None:
    assert shop.delete(f"customers/{shop.customer()}").keys() == samples()["deleted_customer"].keys()
    assert shop.delete(f"invoices/{shop.draft()}").keys() == samples()["deleted_invoice"].keys()
    assert shop.get("customers").keys() == {"object", "data", "has_more", "url"}


def test_the_library_can_hold_what_we_answer(shop: Shop) -> None:
    """Typed objects parse decimals and nested objects; a wrong one raises."""
    invoice = shop.client.v1.invoices.retrieve(shop.finalized(1000)["id"])
    assert invoice.lines.data[0].quantity_decimal == 1
