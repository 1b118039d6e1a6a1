"""Rate limits, in real time, and how the report counts what was sent."""

import time
from concurrent.futures import ThreadPoolExecutor

import stripe

from flybill_pipeline.stripe_emulator.config import EmulatorConfig
from flybill_pipeline.stripe_emulator.limits import RateLimiter, UnderWay
from flybill_pipeline_tests.stripe_emulator.helpers import Shop, code_of, header
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess


def test_window_slides() -> None:
    now = [0.0]
    limiter = RateLimiter(EmulatorConfig(limit_endpoint=2, limit_global=3), monotonic=lambda: now[0])
    assert [limiter.refuse("a", False) for _ in range(3)] == [None, None, "endpoint-rate"]
    assert [limiter.refuse("b", False) for _ in range(2)] == [None, "global-rate"]
    assert limiter.refuse("a", True) == "endpoint-rate"
    now[0] = 0.99
    assert limiter.refuse("a", False) == "global-rate"
    now[0] = 1.0
    assert [limiter.refuse("a", False) for _ in range(3)] == [None, None, "endpoint-rate"]


def test_none_is_unlimited() -> None:
    limiter = RateLimiter(EmulatorConfig(limit_endpoint=None, limit_global=None), monotonic=lambda: 0.0)
    assert {limiter.refuse("a", False) for _ in range(1000)} == {None}


def reason_of_refusal(shop: Shop, path: str) -> str | None:
    """Stripe's reason why the request must wait; None if it was admitted."""
    try:
        shop.get(path)
    except stripe.RateLimitError as error:
        return header(error, "stripe-rate-limited-reason")
    return None


def test_over_http() -> None:
    """Far more than the limits, so that a slow machine changes nothing."""
    with EmulatorProcess(limit_endpoint=2, limit_global=3) as emulator:
        shop = Shop(emulator.url)
        customers = [reason_of_refusal(shop, "customers") for _ in range(30)]
        invoices = [reason_of_refusal(shop, "invoices") for _ in range(30)]
        assert set(customers) >= {None, "endpoint-rate"}
        assert "global-rate" in invoices
        report = emulator.report()
        assert report["requests"] == {"list_customers": 30, "list_invoices": 30}
        assert min(report["peak_per_second"].values()) > 3
        over = [violation["ids"] for violation in report["violations"] if violation["rule"] == "over_limit"]
        assert over == [["list_customers"], ["list_invoices"], ["global"]]


def test_a_rate_limited_request_is_not_saved() -> None:
    with EmulatorProcess(limit_endpoint=1) as emulator:
        shop = Shop(emulator.url)
        for key in map(str, range(50)):
            try:
                shop.post("customers", idempotency_key=key)
            except stripe.RateLimitError:
                break
        time.sleep(1.0)
        answer = shop.call("post", "customers", idempotency_key=key)
        assert (answer.code, "idempotent-replayed" in answer.headers) == (200, False)


def test_requests_under_way_are_limited_and_lock_what_they_write_to() -> None:
    under_way = UnderWay(2)
    for number in range(2):
        under_way.begin(str(number), "a", f"cus_{number}")
    assert (under_way.refuse("a"), under_way.refuse("b")) == ("endpoint-concurrency", None)
    assert (under_way.locked("cus_1"), under_way.locked("cus_2"), under_way.locked(None)) == (True, False, False)
    for number in range(2, 8):
        under_way.begin(str(number), f"{number}", None)
    assert under_way.refuse("b") == "global-concurrency"
    under_way.end("0")
    assert (under_way.refuse("a"), under_way.locked("cus_0")) == (None, False)


def test_two_writes_to_one_customer_at_once_meet_a_lock(emulator: EmulatorProcess, shop: Shop) -> None:
    customer = shop.customer()
    emulator.faults([{"match": {"endpoint": "create", "nth": 1}, "fault": "slow", "seconds": 1.5}])
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(shop.post, "invoices", customer=customer)
        while not emulator.report()["invoices"]:
            time.sleep(0.01)
        error = shop.refused("post", "invoices", customer=customer)
        shop.draft()
    assert (error.http_status, code_of(error)) == (429, "lock_timeout")
    assert header(error, "stripe-rate-limited-reason") is None
    assert first.result()["status"] == "draft"
