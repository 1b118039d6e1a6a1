"""Stripe's clock, as its own answers show it: against the emulator's, and what is not believed."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from flybill_pipeline.billing.sync.values import SyncOrg
from flybill_pipeline.stripe_gateway.clock import AnswerClock, date_of
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline.stripe_gateway.limiter import Limiter
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess

AT = datetime(2026, 11, 3, 6, tzinfo=UTC)
DATE = "Tue, 03 Nov 2026 06:00:00 GMT"


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as process:
        yield process


def gateway(emulator: EmulatorProcess, off: timedelta) -> Gateway:
    limiter = Limiter(1000, 1000)
    return Gateway("sk_test_1", base=emulator.url, limiter=limiter, now=lambda: datetime.now(UTC) + off)


@pytest.mark.parametrize("off", [timedelta(0), timedelta(hours=-3), timedelta(days=2)])
def test_each_answer_tells_how_far_our_clock_is_off(off: timedelta, emulator: EmulatorProcess) -> None:
    gate = gateway(emulator, off)
    assert gate.clock.reading() is None
    gate.find_customers("acme", None)
    reading = gate.clock.reading()
    assert reading is not None
    assert abs(reading.ahead - off) < timedelta(seconds=30)
    assert reading.wrong is (off != timedelta(0))


def test_it_is_the_clock_that_dates_what_is_made(emulator: EmulatorProcess) -> None:
    emulator.advance(86_400)
    gate = gateway(emulator, timedelta(0))
    gate.create_customer(SyncOrg("acme", "Acme", None, None), "key")
    [customer] = gate.find_customers("acme", None).value  # type: ignore[union-attr]
    reading = gate.clock.reading()
    assert reading is not None
    assert abs(customer.created - reading.stripe_at.timestamp()) < 30
    assert reading.ahead < timedelta(hours=-23)
    emulator.reset()


def test_a_refusal_tells_it_too(emulator: EmulatorProcess) -> None:
    gate = gateway(emulator, timedelta(hours=1))
    gate.retrieve_invoice("in_unknown")
    assert gate.clock.reading() is not None


@pytest.mark.parametrize(
    "headers",
    [{}, {"date": DATE}, {"date": "yesterday", "request-id": "req_1"}, {"date": "", "request-id": "req_1"}],
    ids=str,
)
def test_what_is_not_stripes_own_or_no_date_is_not_believed(headers: Mapping[str, str]) -> None:
    assert date_of(headers) is None


def test_an_older_answer_that_comes_late_does_not_turn_the_clock_back() -> None:
    clock = AnswerClock(lambda: AT)
    clock.hear({"date": DATE, "request-id": "req_2"})
    clock.hear({"date": "Tue, 03 Nov 2026 05:59:00 GMT", "request-id": "req_1"})
    reading = clock.reading()
    assert reading is not None
    assert (reading.stripe_at, reading.ahead) == (AT, timedelta(0))
