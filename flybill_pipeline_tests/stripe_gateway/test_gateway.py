"""The gateway against the emulator: which keys it takes, what it answers, what it never tells."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from unittest.mock import ANY

import pytest
import stripe

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.values import Answer, Failure, SyncInvoice, SyncLine, SyncOrg
from flybill_pipeline.stripe_gateway.calls import limiter_for
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline.stripe_gateway.keys import KeyRefusedError
from flybill_pipeline.stripe_gateway.limiter import Limiter
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess, Emulators
from flybill_pipeline_tests.worlds.impatient import ImpatientGateway

MONTH = Month(2026, 10)
ORG = SyncOrg("acme", "Anna's Bakery", "anna@example.com", None)
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def emulator(emulators: Emulators) -> Iterator[EmulatorProcess]:
    with emulators.lent() as process:
        yield process


def gateway(emulator: EmulatorProcess, key: str = "sk_test_secret123") -> Gateway:
    return ImpatientGateway(key, base=emulator.url, limiter=Limiter(1000, 1000))


def customer(emulator: EmulatorProcess) -> str:
    answer = gateway(emulator).create_customer(ORG, "key")
    assert isinstance(answer, Answer)
    return answer.value.customer_id


def invoice(customer_id: str) -> SyncInvoice:
    line = SyncLine("line1", "usage", "seconds", MONTH, 500, "10 seconds")
    org = SyncOrg("acme", "Acme", None, customer_id)
    return SyncInvoice("inv_1", "FB-1", MONTH, org, "usd", 500, "c0ffee", (line,))


@pytest.mark.parametrize(
    ("key", "base", "live", "says"),
    [
        ("sk_live_1", None, False, "FLYBILL_STRIPE_LIVE=1"),
        ("rk_live_1", None, False, "FLYBILL_STRIPE_LIVE=1"),
        ("sk_test_1", None, True, "no live key"),
        ("sk_live_1", "http://127.0.0.1:1", True, "nowhere else"),
        ("sk_live_1", "https://api.stripe.com.evil.example", True, "nowhere else"),
        ("pk_test_1", None, False, "sk_ or rk_"),
        ("", None, False, "sk_ or rk_"),
    ],
)
def test_keys_that_do_not_fit_are_refused_without_being_named(
    key: str, base: str | None, live: bool, says: str
) -> None:
    with pytest.raises(KeyRefusedError, match=says) as refused:
        Gateway(key, base=base, live=live)
    assert not key or key not in str(refused.value)


def test_a_live_key_is_taken_with_consent() -> None:
    Gateway("sk_live_1", live=True)
    Gateway("sk_live_1", live=True, base="https://api.stripe.com/")


def test_the_pace_follows_the_kind_of_key() -> None:
    assert (limiter_for(live=True).rate("any"), limiter_for(live=True).rate()) == (24, 96)
    assert (limiter_for(live=False).rate("any"), limiter_for(live=False).rate()) == (24, 24)
    assert (limiter_for(live=True, endpoint=50).rate("any"), limiter_for(live=True, endpoint=50).rate()) == (50, 200)


def test_the_whole_way_of_an_invoice(emulator: EmulatorProcess) -> None:
    gate, ours = gateway(emulator), invoice(customer(emulator))
    draft = gate.create_invoice(ours, "a")
    assert isinstance(draft, Answer)
    assert (draft.value.status, draft.value.flybill_invoice_id, draft.replayed) == ("draft", "inv_1", False)
    assert draft.request_id
    lined = gate.add_lines(draft.value.stripe_invoice_id, ours.lines, "b")
    assert isinstance(lined, Answer)
    assert lined.value.subtotal_minor == 500
    final = gate.finalize_invoice(draft.value.stripe_invoice_id, "c")
    assert isinstance(final, Answer)
    assert final.value.status == "open"
    found = gate.find_invoices(str(ours.org.customer_id), EPOCH)
    assert isinstance(found, Answer)
    assert [copy.stripe_invoice_id for copy in found.value] == [draft.value.stripe_invoice_id]
    lines = gate.list_lines(draft.value.stripe_invoice_id)
    assert isinstance(lines, Answer)
    assert lines.value == ["line1"]
    assert emulator.report()["violations"] == []


def test_the_same_key_gets_the_same_answer_again(emulator: EmulatorProcess) -> None:
    gate, ours = gateway(emulator), invoice(customer(emulator))
    first, again = gate.create_invoice(ours, "a"), gate.create_invoice(ours, "a")
    assert isinstance(first, Answer)
    assert isinstance(again, Answer)
    assert again.replayed
    assert again.value == first.value


def test_lists_are_read_to_their_end(emulator: EmulatorProcess) -> None:
    gate = gateway(emulator)
    for number in range(103):
        gate.create_customer(ORG, f"key{number}")
    found = gate.find_customers(ORG.org_id, EPOCH)
    assert isinstance(found, Answer)
    assert gate.find_customers("bolt", None) == Answer([], ANY)
    assert len(found.value) == len({entry.customer_id for entry in found.value}) == 103


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ("reset_before", "same_key", "no_answer"),
        ("reset_after", "same_key", "no_answer"),
        ("late_commit", "same_key", "no_answer"),
        ("cut_body", "same_key", "no_answer"),
        ("http_503", "same_key", "stripe_error"),
        ("html_502", "same_key", "stripe_error"),
        ("rate_limited", "same_key", "rate_limited"),
        ("lock_timeout", "same_key", "object_busy"),
        ("key_in_use", "same_key", "key_in_use"),
        ("unauthorized", "everyone", "bad_key"),
    ],
)
def test_each_fault_is_a_value_and_the_same_key_then_succeeds(
    fault: str, kind: str, code: str, emulator: EmulatorProcess
) -> None:
    gate, ours = gateway(emulator), invoice(customer(emulator))
    emulator.faults([{"match": {"endpoint": "create", "nth": 1}, "fault": fault}])
    failure = gate.create_invoice(ours, "a")
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code) == (kind, code)
    emulator.release()
    assert isinstance(gate.create_invoice(ours, "a"), Answer)
    assert emulator.report()["invoices"] == {"draft": 1}


@pytest.mark.parametrize("fault", ["http_500_before", "http_500_after", "lock_timeout_cached"])
def test_a_stored_failure_asks_to_look_first(fault: str, emulator: EmulatorProcess) -> None:
    gate, ours = gateway(emulator), invoice(customer(emulator))
    emulator.faults([{"match": {"endpoint": "create", "nth": 1}, "fault": fault}])
    gate.create_invoice(ours, "a")
    again = gate.create_invoice(ours, "a")
    assert isinstance(again, Failure)
    assert (again.kind, again.replayed) == ("look_first", True)


def test_a_429_with_a_reason_slows_down_just_that(emulator: EmulatorProcess) -> None:
    paced = Limiter(1000, 1000)
    gate = Gateway("sk_test_1", base=emulator.url, limiter=paced)
    emulator.faults([{"match": {"endpoint": "create_customer", "nth": 1}, "fault": "rate_limited"}])
    gate.create_customer(ORG, "a")
    slowed = [paced.rate("create_customer"), paced.rate()]
    assert sorted(rate < 900 for rate in slowed) == [False, True]


def test_an_answer_of_the_other_mode_stops_everything(
    emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = gateway(emulator)
    monkeypatch.setattr(gate, "live", True)
    failure = gate.create_customer(ORG, "a")
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.code) == ("everyone", "livemode_mismatch")


def test_neither_keys_nor_customers_reach_a_log_at_any_level(
    emulator: EmulatorProcess,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(stripe._util, "STRIPE_LOG", "debug")
    gate = gateway(emulator)
    gate.create_customer(ORG, "a")
    gate.create_customer(SyncOrg("b", "Anna's Bakery", "anna at nowhere", None), "b")
    emulator.faults([{"match": {"endpoint": "create_customer"}, "fault": "cut_body"}])
    gate.create_customer(ORG, "c")
    printed = capfd.readouterr()
    told = caplog.text + printed.out + printed.err + repr(gate)
    assert "anna" not in told.lower()
    assert "secret123" not in told
