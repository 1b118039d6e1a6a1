"""Rate limits, in real time, and how the report counts what was sent."""

from concurrent.futures import ThreadPoolExecutor

import stripe

from flybill_pipeline.stripe_emulator.config import EmulatorConfig
from flybill_pipeline.stripe_emulator.limits import RateLimiter
from flybill_pipeline_tests.emulator_process import EmulatorProcess
from flybill_pipeline_tests.stripe_emulator.helpers import Shop, header


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


def burst(shop: Shop, paths: list[str]) -> list[str | None]:
    """Sends all at once; the reason of each refusal, None where it was admitted."""

    def send(path: str) -> str | None:
        try:
            shop.get(path)
        except stripe.RateLimitError as error:
            return header(error, "stripe-rate-limited-reason")
        return None

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(send, paths))


def test_over_http() -> None:
    with EmulatorProcess(limit_endpoint=5, limit_global=8) as emulator:
        shop = Shop(emulator.url)
        reasons = burst(shop, ["customers"] * 7 + ["invoices"] * 7)
        assert reasons.count(None) == 8
        assert set(reasons) == {None, "endpoint-rate", "global-rate"}
        report = emulator.report()
        assert report["peak_per_second"] == {"list_customers": 7, "list_invoices": 7}
        assert report["peak_per_second_global"] == 14
        over = [violation["ids"] for violation in report["violations"] if violation["rule"] == "over_limit"]
        assert over == [["list_customers"], ["list_invoices"], ["global"]]


def test_a_rate_limited_request_is_not_saved() -> None:
    with EmulatorProcess(limit_endpoint=1) as emulator:
        shop = Shop(emulator.url)
        shop.post("customers", idempotency_key="a")
        assert shop.refused("post", "customers", idempotency_key="b").http_status == 429
        emulator.restart()
        assert shop.call("post", "customers", idempotency_key="b").code == 200
