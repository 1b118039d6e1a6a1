"""The sensor of payments: one question to Stripe, a run where there is news, after a failure, and now and then."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from flybill_pipeline.billing.payments.polls import Poll
from flybill_pipeline.billing.sync.values import Answer, Failure
from flybill_pipeline.defs.payment_sensor import QUIET, payment_sensor

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DOWN = Failure("same_key", "stripe_error", "Stripe failed", "")
REFUSALS = (
    Failure("org", "no_permission", "Stripe does not permit this", "", status=403),
    Failure("everyone", "bad_key", "The API key is invalid", "", status=401),
)


SENSOR = payment_sensor(dg.DefaultSensorStatus.STOPPED, 30)


def asked(
    poll: Poll,
    newest: str | None = "evt_2",
    known: tuple[str, ...] = ("evt_1",),
    failure: Failure | None = None,
    now: datetime = NOW,
) -> Any:
    """What the sensor answers: the run's key, or why there is none."""
    toolbox: Any = SimpleNamespace(
        stripe_now=lambda: now,
        payment_events=SimpleNamespace(newest=lambda: failure or Answer(newest)),
        payment_intake=SimpleNamespace(poll=lambda: poll, known=lambda ids: set(ids) & set(known)),
    )
    context = dg.build_sensor_context(resources={"toolbox": toolbox})
    tick = SENSOR.evaluate_tick(context)
    return tick.run_requests[0].run_key if tick.run_requests else tick.skip_message


def test_a_run_for_each_new_event_and_one_only() -> None:
    poll = Poll(NOW, NOW)
    assert asked(poll) == "evt_2" == asked(poll)
    assert asked(poll, newest="evt_1") == "nothing new about payments"
    assert asked(poll, newest=None) == "nothing new about payments"


def test_after_a_failure_it_is_asked_for_again() -> None:
    first, second = Poll(NOW, NOW, NOW), Poll(NOW, NOW + timedelta(seconds=30), NOW)
    assert len({asked(Poll(NOW, NOW)), asked(first), asked(second)}) == 3


def test_a_quiet_account_is_read_now_and_then() -> None:
    before = Poll(NOW - QUIET - timedelta(seconds=1), NOW)
    assert asked(before, newest="evt_1").startswith("after 2026-11-22 11:4")
    assert asked(Poll(), newest=None).startswith("after None, ")


def test_while_stripe_is_down_nothing_is_started() -> None:
    assert asked(Poll(), failure=DOWN) == "Stripe's events cannot be read: Stripe failed"


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda failure: failure.code)
def test_a_refusal_is_put_on_record_by_a_run_each_hour(refusal: Failure) -> None:
    """A sensor writes nothing: without a run nobody would ever be told that payments are not read."""
    keys = [asked(Poll(), failure=refusal, now=NOW + number * timedelta(minutes=20)) for number in range(6)]
    assert keys == ["refused 2026-11-22T12"] * 3 + ["refused 2026-11-22T13"] * 3


def test_it_is_off_until_somebody_switches_it_on() -> None:
    assert SENSOR.default_status == dg.DefaultSensorStatus.STOPPED
    assert SENSOR.minimum_interval_seconds == 30
