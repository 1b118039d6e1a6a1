"""The three calls of a sync, typed and raw, and the shape of what comes back."""

import base64
import json
import urllib.error
import urllib.request

import pytest
import stripe
from stripe import StripeClient
from stripe.params import InvoiceAddLinesParamsLinePeriod

from flybill_pipeline_tests.stripe_emulator.helpers import Shop
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess

SEPTEMBER: InvoiceAddLinesParamsLinePeriod = {"start": 1788220800, "end": 1790812799}


def test_three_typed_calls_make_an_open_invoice(emulator: EmulatorProcess) -> None:
    client = StripeClient("sk_test_1", base_addresses={"api": emulator.url})
    customer = client.v1.customers.create(
        {"name": "Acme", "email": "a@acme.test", "metadata": {"flybill_org_id": "o1"}}
    )
    draft = client.v1.invoices.create(
        {
            "customer": customer.id,
            "currency": "usd",
            "auto_advance": False,
            "discounts": "",
            "pending_invoice_items_behavior": "exclude",
            "automatic_tax": {"enabled": False},
            "metadata": {"flybill_invoice_id": "i1", "flybill_subtotal_minor": "1250", "flybill_lines": "2"},
        }
    )
    assert (draft.status, draft.number, draft.lines.data) == ("draft", None, [])
    lined = client.v1.invoices.add_lines(
        draft.id,
        {
            "lines": [
                {
                    "amount": 1000,
                    "description": "shared-cpu-1x",
                    "period": SEPTEMBER,
                    "metadata": {"flybill_line": "1"},
                },
                {"amount": 250, "description": "egress"},
            ]
        },
    )
    assert (lined.subtotal, lined.total_excluding_tax, lined.status) == (1250, 1250, "draft")
    assert [line.description for line in lined.lines.data] == ["shared-cpu-1x", "egress"]
    final = client.v1.invoices.finalize_invoice(draft.id, {"auto_advance": True})
    assert (final.status, final.amount_due, final.amount_remaining) == ("open", 1250, 1250)
    assert final.number is not None and final.number.endswith("-0001")
    assert final.hosted_invoice_url and final.invoice_pdf and final.status_transitions.finalized_at
    assert final.lines.data[0].metadata["flybill_line"] == "1"
    report = emulator.report()
    assert report["violations"] == []
    assert report["requests"] == {"create_customer": 1, "create_invoice": 1, "add_lines": 1, "finalize_invoice": 1}
    assert (report["customers"], report["invoices"], report["lines"]) == (1, {"open": 1}, 2)


def test_raw_requests_answer_the_same_objects(shop: Shop) -> None:
    invoice = shop.draft(700, 50, description="September")
    final = shop.post(f"invoices/{invoice}/finalize")
    assert shop.get(f"invoices/{invoice}") == final
    assert final["description"] == "September"
    assert final["lines"]["total_count"] == 2


def test_every_answer_carries_stripes_headers(shop: Shop) -> None:
    answer = shop.call("post", "customers", idempotency_key="k1", stripe_version="2026-10-28.endive")
    assert answer.headers["request-id"].startswith("req_")
    assert answer.idempotency_key == "k1"
    assert answer.headers["stripe-version"] == "2026-10-28.endive"
    error = shop.refused("get", "customers/cus_none")
    assert error.request_id and error.request_id.startswith("req_")


def test_unknown_urls_and_bad_keys(shop: Shop, emulator: EmulatorProcess) -> None:
    error = shop.refused("get", "coupons")
    assert (error.http_status, "Unrecognized request URL (GET: /v1/coupons)" in str(error)) == (404, True)
    assert shop.refused("post", "invoices/in_1/attach_payment").http_status == 404
    assert isinstance(Shop(emulator.url, "hello").refused("get", "customers"), stripe.AuthenticationError)


def test_the_key_decides_livemode_and_modes_do_not_mix(shop: Shop, emulator: EmulatorProcess) -> None:
    customer = shop.customer()
    live = Shop(emulator.url, "sk_live_1")
    assert live.post("customers")["livemode"] is True
    error = live.refused("post", "invoices", customer=customer)
    assert "a similar object exists in test mode, but a live mode key was used" in str(error)
    assert [found["id"] for found in shop.get("customers")["data"]] == [customer]


def test_account(shop: Shop) -> None:
    assert shop.get("account")["object"] == "account"


@pytest.mark.parametrize("given", [b"sk_test_1:", b"sk_test_1:ignored", b"sk_test_1", b":sk_test_1", b"", b"\xff:"])
def test_a_key_may_be_the_name_of_basic_authentication(given: bytes, emulator: EmulatorProcess) -> None:
    """As in Stripe's own examples: `curl -u sk_test_1:`."""
    asked = urllib.request.Request(f"{emulator.url}/v1/customers")
    asked.add_header("Authorization", f"Basic {base64.b64encode(given).decode()}")
    if given.startswith(b"sk_test_1"):
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert json.load(answer)["object"] == "list"
    else:
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(asked, timeout=30)
        assert caught.value.code == 401
