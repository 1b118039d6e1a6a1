"""Every kind of fault: what the client sees, what was executed, and what the same key answers afterwards."""

import time
from typing import NamedTuple

import pytest
import stripe

from flybill_pipeline.stripe_emulator.faults import KINDS
from flybill_pipeline_tests.stripe_emulator.helpers import Shop, code_of, header
from flybill_pipeline_tests.worlds.emulator import ControlError, EmulatorProcess


class Expected(NamedTuple):
    """What a fault on one creation of a customer does."""

    error: type[stripe.StripeError] | None
    status: int | None
    executed: bool
    then_replayed: bool
    then_status: int = 200


NO_ANSWER, BUSY, BROKEN = stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError

EXPECTED = {
    "reset_before": Expected(NO_ANSWER, None, executed=False, then_replayed=False),
    "reset_after": Expected(NO_ANSWER, None, executed=True, then_replayed=True),
    "cut_body": Expected(NO_ANSWER, None, executed=True, then_replayed=True),
    "late_commit": Expected(NO_ANSWER, None, executed=False, then_replayed=False, then_status=409),
    "http_500_before": Expected(BROKEN, 500, executed=False, then_replayed=True, then_status=500),
    "http_500_after": Expected(BROKEN, 500, executed=True, then_replayed=True, then_status=500),
    "http_503": Expected(BROKEN, 503, executed=False, then_replayed=False),
    "html_502": Expected(BROKEN, 502, executed=False, then_replayed=False),
    "rate_limited": Expected(BUSY, 429, executed=False, then_replayed=False),
    "lock_timeout": Expected(BUSY, 429, executed=False, then_replayed=False),
    "lock_timeout_cached": Expected(BUSY, 429, executed=False, then_replayed=True, then_status=429),
    "key_in_use": Expected(BROKEN, 409, executed=False, then_replayed=False),
    "slow": Expected(None, 200, executed=True, then_replayed=True),
    "forbidden": Expected(stripe.PermissionError, 403, executed=False, then_replayed=False),
    "refused": Expected(stripe.InvalidRequestError, 400, executed=False, then_replayed=True, then_status=400),
    "unauthorized": Expected(stripe.AuthenticationError, 401, executed=False, then_replayed=False),
}


def test_every_kind_is_tested() -> None:
    assert EXPECTED.keys() == KINDS.keys()


def again(shop: Shop) -> tuple[int | None, bool]:
    """Sends the same request with the same key; its status, and whether it was a replay."""
    try:
        answer = shop.call("post", "customers", idempotency_key="k")
    except stripe.StripeError as error:
        return error.http_status, header(error, "idempotent-replayed") == "true"
    return answer.code, answer.headers.get("idempotent-replayed") == "true"


@pytest.mark.parametrize("kind", EXPECTED)
def test_kind(kind: str, shop: Shop, emulator: EmulatorProcess) -> None:
    expected = EXPECTED[kind]
    seconds = 0.05 if kind == "slow" else 60.0
    emulator.faults([{"match": {"endpoint": "create_customer", "nth": 1}, "fault": kind, "seconds": seconds}])
    if expected.error is None:
        assert shop.call("post", "customers", idempotency_key="k").code == expected.status
    else:
        error = shop.refused("post", "customers", idempotency_key="k")
        assert (type(error), error.http_status) == (expected.error, expected.status)
    assert emulator.report()["customers"] == int(expected.executed)

    assert again(shop) == (expected.then_status, expected.then_replayed)
    assert [fault["fault"] for fault in emulator.report()["faults_fired"]] == [kind]


def test_headers_tell_rate_limits_from_locks(shop: Shop, emulator: EmulatorProcess) -> None:
    emulator.faults([{"match": {"nth": 1}, "fault": "rate_limited"}, {"match": {"nth": 2}, "fault": "lock_timeout"}])
    limited, locked = shop.refused("post", "customers"), shop.refused("post", "customers")
    assert (header(limited, "stripe-rate-limited-reason"), header(limited, "stripe-should-retry")) == (
        "endpoint-rate",
        None,
    )
    assert (header(locked, "stripe-rate-limited-reason"), header(locked, "stripe-should-retry")) == (None, "true")
    assert (code_of(limited), code_of(locked)) == ("rate_limit", "lock_timeout")


def test_a_late_commit_happens_once_after_its_time(shop: Shop, emulator: EmulatorProcess) -> None:
    emulator.faults([{"match": {"endpoint": "create_customer", "nth": 1}, "fault": "late_commit", "seconds": 0.1}])
    shop.refused("post", "customers", name="late", idempotency_key="k")
    shop.post("customers", name="other")
    deadline = time.monotonic() + 10
    while emulator.report()["customers"] < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    answer = shop.call("post", "customers", name="late", idempotency_key="k")
    assert answer.headers["idempotent-replayed"] == "true"
    assert sorted(customer["name"] for customer in shop.get("customers")["data"]) == ["late", "other"]


def test_held_commits_can_be_released(shop: Shop, emulator: EmulatorProcess) -> None:
    emulator.faults(
        [
            {
                "match": {},
                "fault": "late_commit",
                "seconds": 60,
            }
        ]
    )
    shop.refused("post", "customers", idempotency_key="k")
    assert emulator.release() == 1
    assert emulator.release() == 0
    assert emulator.report()["customers"] == 1


def test_a_fault_of_the_endpoint_does_not_touch_a_replay(shop: Shop, emulator: EmulatorProcess) -> None:
    shop.post("customers", idempotency_key="k")
    emulator.faults([{"match": {}, "fault": "http_500_before"}])
    assert shop.call("post", "customers", idempotency_key="k").code == 200
    assert emulator.report()["faults_fired"] == []


def test_match_by_customer_and_invoice(shop: Shop, emulator: EmulatorProcess) -> None:
    one, other = shop.customer(), shop.customer()
    spared, hit = shop.draft(100, customer=one), shop.draft(100, customer=other)
    emulator.faults([{"match": {"customer": other, "endpoint": "finalize"}, "fault": "http_503"}])
    emulator.faults([{"match": {"invoice": spared, "endpoint": "retrieve"}, "fault": "html_502"}])
    assert shop.post(f"invoices/{spared}/finalize")["status"] == "open"
    assert shop.refused("post", f"invoices/{hit}/finalize").http_status == 503
    assert shop.get(f"invoices/{hit}")["status"] == "draft"
    assert shop.refused("get", f"invoices/{spared}").http_status == 502


def test_nth_counts_from_the_plan_and_times_bounds(shop: Shop, emulator: EmulatorProcess) -> None:
    shop.customer()
    emulator.faults([{"match": {"endpoint": "create_customer", "nth": 2}, "fault": "http_503"}])
    shop.customer()
    assert shop.refused("post", "customers").http_status == 503
    shop.customer()
    emulator.clear_faults()
    emulator.faults([{"match": {"endpoint": "create_customer", "times": 2}, "fault": "http_503"}])
    assert [shop.refused("post", "customers").http_status for _ in range(2)] == [503, 503]
    shop.customer()


def outcomes(shop: Shop, count: int) -> list[str]:
    seen = []
    for number in range(count):
        try:
            shop.post("customers", idempotency_key=f"k{number}")
            seen.append("ok")
        except stripe.StripeError as error:
            seen.append(f"{type(error).__name__} {error.http_status}")
    return seen


def test_random_faults_repeat_with_their_seed(shop: Shop, emulator: EmulatorProcess) -> None:
    plan = {
        "seed": 7,
        "rate": 0.3,
        "kinds": ["reset_before", "http_503", "http_500_after"],
        "endpoints": ["create_customer"],
    }
    runs = []
    for seed in (7, 7, 8):
        emulator.reset()
        emulator.faults({**plan, "seed": seed})
        runs.append(outcomes(shop, 40))
    assert runs[0] == runs[1] != runs[2]
    assert 5 <= 40 - runs[0].count("ok") <= 20


def test_random_faults_have_sensible_default_kinds(shop: Shop, emulator: EmulatorProcess) -> None:
    emulator.faults({"seed": 3, "rate": 1.0})
    outcomes(shop, 60)
    kinds = {fault["fault"] for fault in emulator.report()["faults_fired"]}
    assert "unauthorized" not in kinds
    assert len(kinds) > 8


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        ([{"match": {"endpoint": "nope"}, "fault": "slow"}], "Unknown endpoint 'nope'. Known: create_customer"),
        ([{"fault": "explode"}], "Unknown fault 'explode'. Known: reset_before"),
        ([{"match": {"enpoint": "create"}, "fault": "slow"}], "Unknown member of match: enpoint"),
        ([{"match": {"nth": 0}, "fault": "slow"}], "match.nth is 0, but must be a positive whole number"),
        ({"seed": 1, "rate": 2}, "rate from 0 to 1"),
        ([{"fault": "slow", "seconds": -1}], "seconds is -1"),
        ("slow", "A fault plan is a list of objects"),
    ],
)
def test_a_wrong_plan_is_refused_with_a_sentence(plan: object, sentence: str, emulator: EmulatorProcess) -> None:
    with pytest.raises(ControlError, match=sentence.replace("'", ".").replace("(", "\\(")):
        emulator.control("POST", "faults", plan)
