"""Payments are read over real HTTP into a real database: late, twice, by two, in parts, after a long sleep."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from flybill_pipeline.billing.payments.polls import SeenPage
from flybill_pipeline.billing.sync.values import Answer, Failure
from flybill_pipeline.steps.payments.read_payments import read_payments
from flybill_pipeline.steps.sync.reconcile_invoices import reconcile
from flybill_pipeline.stores.payments.intake import PaymentIntake
from flybill_pipeline.stores.payments.tables import payment_observations
from flybill_pipeline.stores.sync.billed import Billed
from flybill_pipeline.stripe_gateway.listing import InvoiceListing
from flybill_pipeline.stripe_gateway.payment_events import PaymentEvents
from flybill_pipeline.stripe_gateway.payment_objects import read_event
from flybill_pipeline_tests.chaos.months import MONTH
from flybill_pipeline_tests.chaos.world import World
from flybill_pipeline_tests.worlds.payments import DECLINED, Account


@pytest.fixture
def account(world: World) -> Account:
    return Account(world)


def test_what_happens_to_invoices_is_seen(account: Account) -> None:
    ids = account.bill(9)
    assert account.read().fell_back  # there was no cursor
    account.pay(ids[0])
    account.pay(ids[1], DECLINED)
    account.post(f"invoices/{ids[2]}/void")
    account.post(f"invoices/{ids[3]}/mark_uncollectible")
    account.control(f"invoices/{ids[4]}/part_payment", amount=100)
    account.post("credit_notes", invoice=ids[5], amount=318)
    account.pay(ids[6])
    account.post("refunds", payment_intent=account.intent(ids[6]))
    account.pay(ids[7])
    account.control(f"invoices/{ids[7]}/dispute", amount=50)
    report = account.read()
    assert not report.fell_back
    assert report.kept.arrived == {"usd": 303 + 321 + 324}
    assert [account.of(n).state for n in range(9)] == [
        "paid",
        "failed",
        "voided",
        "uncollectible",
        "partly_paid",
        "credited",
        "refunded",
        "disputed",
        "open",
    ]
    assert account.of(7).disputed_minor == 50
    month = account.month()
    assert month.money["usd"] == {
        "due": sum(303 + 3 * n for n in range(9)),
        "paid": 303 + 100 + 321 + 324,
        "open": 306 + 215 + 327,
        "uncollectible": 312,
        "disputed": 50,
        "lost": 0,
        "refunded": 321,
        "credited": 318,
        "voided": 309,
    }
    assert {entry.payment.state for entry in month.worrying} == {"failed", "voided", "uncollectible", "disputed"}


def test_reading_again_and_again_changes_nothing(account: Account) -> None:
    ids = account.bill(2)
    account.read()
    account.pay(ids[0])
    first = account.read()
    before = account.of(0)
    again = account.read()
    assert (first.kept.new, again.kept.new, again.read) == (2, 0, first.read)  # that two were finalized was seen before
    assert account.of(0) == before


def test_one_call_tells_whether_there_is_something_new(account: Account) -> None:
    events = PaymentEvents(account.world.gateway())
    nothing = events.newest()
    assert isinstance(nothing, Answer)
    assert nothing.value is None
    account.read()
    ids = account.bill(1)
    account.pay(ids[0])
    newest = events.newest()
    assert isinstance(newest, Answer)
    assert newest.value is not None
    assert account.intake.known([newest.value]) == set()
    account.read()
    assert account.intake.known([newest.value]) == {newest.value}


def test_more_than_a_page_of_events_of_one_second(account: Account) -> None:
    ids = account.bill(51)
    account.read()
    for invoice in ids:
        account.pay(invoice)
    report = account.read()
    assert report.read == 153  # each was finalized and paid: two of the invoice, one of the payment
    assert account.month().states == {"paid": 51}


def test_an_event_that_shows_up_late_is_seen(account: Account) -> None:
    ids = account.bill(2)
    account.read()
    account.control("events/withhold")
    account.pay(ids[0])
    account.world.emulator.control("POST", "events/release")
    account.control("events/withhold")
    account.pay(ids[1], DECLINED)
    account.read()
    assert account.month().states == {"open": 1, "paid": 1}
    account.world.emulator.control("POST", "events/release")
    account.read()
    assert account.month().states == {"failed": 1, "paid": 1}


def test_after_a_sleep_of_31_days_the_invoices_themselves_are_read(account: Account) -> None:
    ids = account.bill(6)
    account.read()
    account.pay(ids[0])
    account.pay(ids[1], DECLINED)
    account.post("credit_notes", invoice=ids[2], amount=9)
    account.pay(ids[3])
    account.control(f"invoices/{ids[3]}/dispute")
    account.post(f"invoices/{ids[4]}/void")
    account.world.pass_hours(31 * 24)
    report = account.read()
    assert report.fell_back
    assert [account.of(n).state for n in range(6)] == ["paid", "failed", "failed", "disputed", "voided", "failed"]
    assert account.of(2).open_minor == 309 - 9
    assert account.payments.poll().fell_back_at == report.read_up_to
    assert not account.read().fell_back


def test_a_cursor_that_is_lost_loses_no_payment(account: Account) -> None:
    ids = account.bill(2)
    account.read()
    account.pay(ids[0])
    with account.world.engine.begin() as connection:
        connection.execute(text("delete from flybill.payment_polls"))
    assert account.read().fell_back
    assert account.month().states == {"open": 1, "paid": 1}


def test_invoices_of_others_are_counted_once_and_ignored(account: Account) -> None:
    account.bill(1)
    account.read()
    customer = account.post("customers", name="Stranger")["id"]
    theirs = account.post("invoices", customer=customer)["id"]
    account.post(f"invoices/{theirs}/add_lines", lines=[{"amount": 500}])
    account.post(f"invoices/{theirs}/finalize")
    account.pay(theirs)
    account.control(f"invoices/{theirs}/dispute")
    assert account.read().kept.not_ours == 5
    assert account.read().kept.not_ours == 0
    assert account.month().not_ours == 5
    assert account.month().states == {"open": 1}


def test_a_crash_between_reading_and_writing_leaves_both_or_neither(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = account.bill(1)
    account.read()
    account.pay(ids[0])
    before = account.payments.poll()

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("flybill_pipeline.stores.payments.intake._put", crash)
        with pytest.raises(KeyboardInterrupt):
            account.read()
    assert account.payments.poll() == before
    assert account.month().states == {"open": 1}
    account.read()
    assert account.month().states == {"paid": 1}


def test_of_two_pollers_one_reads(account: Account) -> None:
    account.bill(1)
    with PaymentIntake(account.world.engine).claim() as alone:
        assert alone
        assert account.read().busy
    assert not account.read().busy


def test_while_stripe_is_silent_it_is_said_since_when(account: Account) -> None:
    ids = account.bill(1)
    account.read()
    account.pay(ids[0])
    account.world.emulator.faults({"seed": 1, "rate": 1.0, "kinds": ["http_503"]})
    first = account.read()
    assert first.failure is not None
    assert account.read().failure is not None
    poll = account.payments.poll()
    assert (poll.read_up_to, poll.failing_since) == (
        first.read_up_to,
        min(filter(None, [poll.failing_since, poll.tried_at])),
    )
    assert poll.failing_since != poll.tried_at
    assert poll.failure
    account.world.emulator.clear_faults()
    account.read()
    assert account.payments.poll().failing_since is None
    assert account.month().states == {"paid": 1}


def test_what_stripe_pushes_is_known_to_come(account: Account) -> None:
    """Who has webhooks need not read: nothing is missed then."""
    account.bill(1)
    account.read()
    read_up_to = account.payments.poll().read_up_to
    assert read_up_to is not None
    assert not account.intake.pushed_since(read_up_to)
    listed = account.stripe.raw_request("get", "/v1/events", limit=1).data["data"][0]
    later = int((read_up_to + timedelta(hours=1)).timestamp())
    account.intake.push(read_event({**listed, "id": "evt_pushed", "created": later}))
    assert account.intake.pushed_since(read_up_to)
    assert not account.intake.pushed_since(read_up_to + timedelta(hours=2))


LACKING = {"invoice": "amount_paid", "credit_note": "pre_payment_amount"}
"""What older versions have no name for; the second is of 2025."""


class Rereading(PaymentEvents):
    """An account whose events show objects without a member that its version lacks, and payments beyond recognition."""

    def _page(self, endpoint: str, path: str, query: Any, after: Any, read: Callable[[Any], Any]) -> Any:
        def old(entry: Any) -> Any:
            if entry["object"] == "event":
                shown = entry["data"]["object"]
                shown.pop(LACKING.get(shown["object"], "object"))
            return read(entry)

        return super()._page(endpoint, path, query, after, old)


def test_an_event_of_another_version_is_read_from_the_object(account: Account) -> None:
    ids = account.bill(2)
    account.read()
    account.pay(ids[0])
    account.post("credit_notes", invoice=ids[1], amount=100)
    report = account.read(Rereading(account.world.gateway()))
    assert account.month().states == {"paid": 1, "open": 1}
    assert account.of(0).paid_minor == 303
    assert account.of(1).open_minor == account.of(1).due_minor - 100
    assert len(report.unreadable) == 1  # named, and stops nothing


def test_a_voided_copy_says_nothing_about_the_invoice(account: Account) -> None:
    ids = account.bill(1)
    account.read()
    ours = account.stripe.raw_request("get", f"/v1/invoices/{ids[0]}").data
    copy = account.post("invoices", customer=ours["customer"], metadata=ours["metadata"])["id"]
    account.post(f"invoices/{copy}/add_lines", lines=[{"amount": 303}])
    account.post(f"invoices/{copy}/finalize")
    account.control(f"invoices/{copy}/part_payment", amount=100)
    account.post(f"invoices/{copy}/void")
    assert account.read().kept.new == 3  # the copy was finalized, a part of it was paid, it was voided
    assert account.month().states == {"open": 1}
    assert account.of(0).paid_minor == 0


def edited(account: Account, invoice: str, more: int = 0) -> str:
    """Somebody edits an invoice at Stripe: Stripe's id of what took its place."""
    draft = str(account.post("invoices", from_invoice={"action": "revision", "invoice": invoice})["id"])
    if more:
        account.post(f"invoices/{draft}/add_lines", lines=[{"amount": more, "description": "by telephone"}])
    account.post(f"invoices/{draft}/finalize")
    return draft


@pytest.mark.parametrize("read_between", [False, True])
def test_an_invoice_that_was_edited_at_stripe_is_paid_there(read_between: bool, account: Account) -> None:
    [first] = account.bill(1)
    account.read()
    second = edited(account, first)
    if read_between:
        account.read()
        assert account.of(0).state == "open"
        shown = account.stripe.raw_request("get", f"/v1/invoices/{second}").data
        assert account.of(0).hosted_invoice_url == shown["hosted_invoice_url"]
    last = edited(account, second, more=100)
    account.pay(last)
    account.read()
    assert (account.of(0).state, account.of(0).paid_minor) == ("paid", 403)
    with account.world.engine.connect() as connection:
        told = connection.execute(text("select type from flybill.events where type ~ 'paid|voided'")).scalars().all()
    assert told == ["invoice.paid"]
    assert account.read().kept.new == 0
    theirs = InvoiceListing(account.world.gateway())
    found = reconcile(MONTH, ours=Billed(account.world.engine), theirs=theirs).differences
    assert list(zip(found["difference"], found["stripe_invoice_id"], strict=True)) == [("amount", last)]


def test_an_invoice_that_is_being_edited_is_the_one_that_stands(account: Account) -> None:
    [first] = account.bill(1)
    account.post("invoices", from_invoice={"action": "revision", "invoice": first})
    account.read()
    assert account.of(0).state == "open"
    account.pay(first)
    account.read()
    assert account.of(0).state == "paid"


def test_the_database_refuses_to_change_what_was_seen(account: Account) -> None:
    ids = account.bill(1)
    account.read()
    account.pay(ids[0])
    account.read()
    for change in ("update {} set status = 'void'", "delete from {}", "truncate {}"):
        with pytest.raises(DBAPIError), account.world.engine.begin() as connection:
            connection.execute(text(change.format("flybill.payment_observations")))


def test_a_voided_invoice_is_drift_and_a_paid_one_is_not(account: Account) -> None:
    ids = account.bill(3)
    account.pay(ids[0])
    account.post(f"invoices/{ids[1]}/mark_uncollectible")
    theirs = InvoiceListing(account.world.gateway())
    assert reconcile(MONTH, ours=Billed(account.world.engine), theirs=theirs).proven
    account.post(f"invoices/{ids[2]}/void")
    found = reconcile(MONTH, ours=Billed(account.world.engine), theirs=theirs).differences.to_dict("records")
    assert [(row["difference"], row["status"], row["stripe_invoice_id"]) for row in found] == [
        ("status", "void", ids[2])
    ]


@pytest.mark.parametrize("skew", [timedelta(days=3), timedelta(days=-3)], ids=str)
def test_what_was_sent_under_a_wrong_clock_is_read_all_the_same(skew: timedelta, account: Account) -> None:
    account.world.skew = skew
    ids = account.bill(1)
    account.world.skew = timedelta(0)
    account.pay(ids[0])
    assert account.read().fell_back
    assert account.month().states == {"paid": 1}


def test_a_cursor_from_the_future_is_not_believed(account: Account) -> None:
    """It was set by a clock that was wrong: what happened before it may not have been read."""
    ids = account.bill(1)
    account.intake.advance([], "events", account.world.now() + timedelta(days=3), fell_back=False)
    account.pay(ids[0])
    report = account.read()
    assert report.fell_back
    assert account.month().states == {"paid": 1}
    assert account.payments.poll().read_up_to == report.read_up_to
    assert not account.read().fell_back


class Torn:
    """A list that is torn after its first page."""

    def __init__(self, pages: Sequence[SeenPage]) -> None:
        self._pages = list(pages)

    def events(self, since: datetime, after: str | None) -> Answer[SeenPage] | Failure:
        return Answer(self._pages.pop(0)) if self._pages else Failure("everyone", "bad_key", "No", "Mend it")


def test_half_of_a_list_moves_no_cursor(account: Account) -> None:
    account.bill(1)
    account.read()
    before = account.payments.poll().read_up_to
    torn: Any = Torn([SeenPage([], "evt_1")])
    report = read_payments(intake=account.intake, stripe=torn, clock=lambda: datetime.now(UTC) + timedelta(minutes=1))
    assert report.failure is not None
    assert account.payments.poll().read_up_to == before
    with account.world.engine.connect() as connection:
        count = select(func.count()).select_from(payment_observations).where(payment_observations.c.via == "events")
        assert connection.scalar(count) == 0
