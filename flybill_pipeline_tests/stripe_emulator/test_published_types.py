"""Every answer of every endpoint, refusals too, is what Stripe publishes of it; and what is not would be seen."""

import copy
import typing
from typing import Any

import pytest
import stripe

from flybill_pipeline.stripe_emulator.router import ENDPOINTS
from flybill_pipeline_tests.stripe_emulator.helpers import DAY, Json, Shop, plain
from flybill_pipeline_tests.stripe_emulator.published_types import faults, paths
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess

OURS = "emulator_unsupported"
"""The one code that is not Stripe's: the emulator says by it what it cannot do."""


class Witness(Shop):
    """A shop that keeps every answer, and goes on after a refusal."""

    def __init__(self, url: str | None) -> None:
        super().__init__(url)
        self.answers: list[Json] = []

    def call(self, method: str, path: str, **params: Any) -> stripe.StripeResponse:
        try:
            answer = super().call(method, path, **params)
        except stripe.StripeError as error:
            if error.json_body is not None:
                self.answers.append(typing.cast(Json, error.json_body))
            raise
        self.answers.append(plain(answer))
        return answer

    @property
    def codes(self) -> set[str]:
        """The codes of all refusals."""
        return {answer["error"]["code"] for answer in self.answers if "code" in answer.get("error", ())}


def rich_invoice(shop: Witness, emulator: EmulatorProcess) -> Json:
    """A finalized invoice that has all that one can have, and a life as a draft behind it."""
    customer = shop.payer(name="Acme", email="a@b.test", address={"country": "DE"}, balance=-20, metadata={"a": "b"})
    shop.post(f"customers/{customer}", phone="1", invoice_settings={"custom_fields": [{"name": "PO", "value": "7"}]})
    tax_id = shop.post(f"customers/{customer}/tax_ids", type="eu_vat", value="DE123456789")["id"]
    shop.get(f"customers/{customer}/tax_ids")
    shop.refused("post", f"customers/{customer}/tax_ids", type="eu_vat", value="1")
    shop.delete(f"customers/{customer}/tax_ids/{tax_id}")
    shop.post(f"customers/{customer}/tax_ids", type="eu_vat", value="DE123456789")
    emulator.control("POST", f"customers/{customer}/coupon", {"id": "c10", "percent_off": 10})
    extras = {"automatic_tax": {"enabled": True}, "rendering": {"pdf": {"page_size": "a4"}}, "footer": "f"}
    price = {"currency": "usd", "product_data": {"name": "x"}, "unit_amount_decimal": "0.5"}
    draft = shop.draft(1000, 500, customer=customer, auto_advance=True, **extras)
    lined = shop.post(f"invoices/{draft}/add_lines", lines=[{"price_data": price, "quantity_decimal": "2.5"}])
    ids = [line["id"] for line in lined["lines"]["data"]]
    shop.post(f"invoices/{draft}/update_lines", lines=[{"id": ids[0], "description": "new"}])
    shop.post(f"invoices/{draft}/remove_lines", lines=[{"id": ids[1], "behavior": "delete"}])
    shop.post(f"invoices/{draft}", description="d", metadata={"x": "y"})
    return shop.post(f"invoices/{draft}/finalize")


def live(shop: Witness, emulator: EmulatorProcess) -> None:
    """The life of some customers, through every endpoint."""
    final = rich_invoice(shop, emulator)
    _give_back(shop, emulator, final)
    _end(shop, final["customer"])
    emulator.advance(DAY)
    _read(shop)


def _give_back(shop: Witness, emulator: EmulatorProcess, final: Json) -> None:
    """Credit notes before and after the payment, a refund, a dispute."""
    line = {"type": "invoice_line_item", "invoice_line_item": final["lines"]["data"][0]["id"]}
    shop.get("credit_notes/preview", invoice=final["id"], lines=[{**line, "amount": 100}])
    note = shop.post("credit_notes", invoice=final["id"], lines=[{**line, "amount": 100}], memo="m")
    shop.post(f"credit_notes/{note['id']}/void")
    shop.get(f"credit_notes/{note['id']}")
    emulator.control("POST", f"invoices/{final['id']}/part_payment", {"amount": 300})
    shop.post(f"invoices/{final['id']}/pay")
    back = {"credit_amount": 30, "refund_amount": 50, "out_of_band_amount": 10}
    shop.refused("post", "credit_notes", invoice=final["id"], lines=[{**line, "amount": 90}], **back)
    shop.post("credit_notes", invoice=final["id"], lines=[{**line, "amount": 90}], **{**back, "credit_amount": 47})
    payment = shop.get("invoice_payments", invoice=final["id"])["data"][0]
    shop.get(f"invoice_payments/{payment['id']}")
    refund = shop.post("refunds", payment_intent=payment["payment"]["payment_intent"], amount=5)
    shop.get(f"refunds/{refund['id']}")
    dispute = emulator.control("POST", f"invoices/{final['id']}/dispute", {})["id"]
    emulator.control("POST", f"disputes/{dispute}", {"status": "under_review"})
    shop.post(f"disputes/{dispute}/close")
    shop.get(f"disputes/{dispute}")


def _end(shop: Witness, customer: str) -> None:
    """Every other end of an invoice, and every refusal that a state can bring."""
    terms = {"collection_method": "send_invoice", "days_until_due": 30}
    shop.refused("post", "invoices", customer=shop.customer(), **terms)
    sent = shop.draft(700, customer=customer, discounts="", **terms)
    shop.post(f"invoices/{sent}/send")
    for refused in (f"invoices/{sent}/finalize", f"invoices/{sent}/add_lines"):
        shop.refused("post", refused, **({"lines": [{"amount": 1}]} if "lines" in refused else {}))
    shop.refused("delete", f"invoices/{sent}")
    shop.post(f"invoices/{sent}/mark_uncollectible")
    shop.post(f"invoices/{sent}/void")
    shop.refused("post", f"invoices/{sent}/pay")
    shop.finalized(customer=customer)
    shop.finalized(500, customer=customer, currency="eur", auto_advance=True)
    declined = shop.finalized(900, customer=shop.payer("pm_card_chargeDeclined"))["id"]
    shop.refused("post", f"invoices/{declined}/pay")
    nowhere = shop.draft(900, automatic_tax={"enabled": True})
    shop.refused("post", f"invoices/{nowhere}/finalize")
    shop.get(f"invoices/{nowhere}")
    shop.refused("post", "invoices", customer=customer, shipping_cost={"shipping_rate": "shr_1"})
    shop.refused("post", "customers", email="nobody")
    gone = shop.draft(5)
    shop.delete(f"invoices/{gone}")
    left = shop.customer()
    shop.delete(f"customers/{left}")
    shop.get(f"customers/{left}")


def _read(shop: Witness) -> None:
    """Every list, and what is behind the first entry of it."""
    for name in ("customers", "invoices", "credit_notes", "invoice_payments", "refunds", "disputes", "events"):
        first = shop.get(name, limit=100)["data"][0]
        shop.get(f"{name}/{first['id']}")
    shop.get(f"invoices/{shop.get('invoices')['data'][0]['id']}/lines")
    shop.get("account")
    shop.get("tax/settings")
    shop.post("tax/settings", defaults={"tax_behavior": "inclusive"})
    for path in ("nonsense", "invoices/in_none", "events/evt_none", "customers/cus_none"):
        shop.refused("get", path)


@pytest.fixture
def witness(emulator: EmulatorProcess) -> Witness:
    return Witness(emulator.url)


def test_every_answer_of_every_endpoint_is_what_stripe_publishes(witness: Witness, emulator: EmulatorProcess) -> None:
    live(witness, emulator)
    for fault in ("http_503", "unauthorized", "forbidden", "rate_limited", "lock_timeout", "key_in_use"):
        emulator.faults([{"fault": fault, "match": {"endpoint": "list_customers", "times": 1}}])
        witness.refused("get", "customers")
    wrong = sorted({fault for answer in witness.answers for fault in faults(answer)})
    assert not wrong, "\n".join(wrong)
    assert set(emulator.report()["requests"]) - {"unknown"} == set(ENDPOINTS)
    (listed,) = (
        set(typing.get_args(each))
        for each in typing.get_args(stripe.Invoice.LastFinalizationError.__annotations__["code"])
        if typing.get_origin(each) is typing.Literal
    )
    assert witness.codes - {OURS} <= listed
    assert len(witness.codes) > 8


def test_whatever_is_planted_in_an_answer_is_found(witness: Witness, emulator: EmulatorProcess) -> None:
    """Each member in turn with another type; each object in turn with a member that nobody knows."""
    invoice = rich_invoice(witness, emulator)
    assert faults(invoice) == []
    ways = [way for way in paths(invoice) if way[-1] != "total_count"]
    assert len(ways) > 150
    for way in ways:
        planted = copy.deepcopy(invoice)
        inner: Any = planted
        for step in way[:-1]:
            inner = inner[step]
        known = inner[way[-1]]
        inner[way[-1]] = {**(known if isinstance(known, dict) else {}), "planted": 1}
        assert any(str(way[-1]) in fault for fault in faults(planted)), way
    for name in ("status_transitions", "amount_due", "lines", "total"):
        assert f"invoice.{name}: absent" in faults({key: invoice[key] for key in invoice if key != name})[0]
