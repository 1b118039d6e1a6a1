"""Idempotency keys: what is saved, for how long, and what is refused."""

import threading
import time

import stripe

from flybill_pipeline_tests.stripe_emulator.helpers import DAY, Shop, code_of, header
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess


def replayed(answer: stripe.StripeResponse) -> bool:
    return (answer.headers or {}).get("idempotent-replayed") == "true"


def test_the_same_key_replays_the_first_answer(shop: Shop) -> None:
    first = shop.call("post", "customers", name="a", idempotency_key="k")
    second = shop.call("post", "customers", name="a", idempotency_key="k")
    assert (replayed(first), replayed(second)) == (False, True)
    assert first.data == second.data
    assert second.headers["original-request"] == first.request_id
    assert second.request_id != first.request_id
    assert len(shop.get("customers")["data"]) == 1


def test_other_parameters_under_a_key_are_refused(shop: Shop) -> None:
    shop.call("post", "customers", name="a", idempotency_key="k")
    error = shop.refused("post", "customers", name="b", idempotency_key="k")
    assert isinstance(error, stripe.IdempotencyError)
    assert (error.http_status, "same parameters" in str(error)) == (400, True)


def test_another_path_under_a_key_is_refused(shop: Shop) -> None:
    customer = shop.post("customers", idempotency_key="k")["id"]
    error = shop.refused("post", f"customers/{customer}", idempotency_key="k")
    assert isinstance(error, stripe.IdempotencyError)
    assert "same endpoint" in str(error)


def test_failed_validation_is_not_saved(shop: Shop) -> None:
    shop.refused("post", "customers", nonsense=1, idempotency_key="k")
    assert not replayed(shop.call("post", "customers", name="a", idempotency_key="k"))


def test_errors_of_an_endpoint_are_saved(shop: Shop) -> None:
    first = shop.refused("post", "invoices", customer="cus_none", idempotency_key="k")
    second = shop.refused("post", "invoices", customer="cus_none", idempotency_key="k")
    assert (header(first, "idempotent-replayed"), header(second, "idempotent-replayed")) == (None, "true")
    assert code_of(second) == "resource_missing"


def test_a_key_is_forgotten_after_24_hours(shop: Shop, emulator: EmulatorProcess) -> None:
    first = shop.post("customers", idempotency_key="k")
    emulator.advance(DAY - 60)
    assert shop.post("customers", idempotency_key="k")["id"] == first["id"]
    emulator.advance(120)
    assert shop.post("customers", idempotency_key="k")["id"] != first["id"]


def test_a_deleted_draft_is_still_replayed(shop: Shop) -> None:
    customer = shop.customer()
    invoice = shop.post("invoices", customer=customer, idempotency_key="k")["id"]
    shop.delete(f"invoices/{invoice}")
    assert shop.post("invoices", customer=customer, idempotency_key="k")["id"] == invoice
    assert shop.refused("get", f"invoices/{invoice}").http_status == 404


def test_a_key_in_flight_is_refused_and_not_saved(shop: Shop, emulator: EmulatorProcess) -> None:
    emulator.faults([{"match": {"endpoint": "create_customer", "nth": 1}, "fault": "slow", "seconds": 1.0}])
    first = threading.Thread(target=lambda: shop.post("customers", idempotency_key="k"))
    first.start()
    while not emulator.requests(last=1):
        time.sleep(0.01)
    error = shop.refused("post", "customers", idempotency_key="k")
    assert (error.http_status, code_of(error)) == (409, "idempotency_key_in_use")
    first.join()
    assert replayed(shop.call("post", "customers", idempotency_key="k"))


def test_keys_on_get_are_ignored(shop: Shop) -> None:
    customer = shop.customer()
    shop.get(f"customers/{customer}", idempotency_key="k")
    assert shop.get("customers", idempotency_key="k")["object"] == "list"


def test_too_long_a_key_is_refused(shop: Shop) -> None:
    assert shop.refused("post", "customers", idempotency_key="k" * 256).http_status == 400
