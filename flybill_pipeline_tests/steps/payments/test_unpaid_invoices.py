"""Unpaid invoices: when they are due or collected is known, and what no event tells of is looked at again."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from flybill_pipeline.billing.payments.polls import SeenPage, Window
from flybill_pipeline.billing.payments.standing import Observation
from flybill_pipeline.billing.sync.values import Answer, Failure
from flybill_pipeline.stripe_gateway.payment_events import PaymentEvents
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.chaos.world import World
from flybill_pipeline_tests.worlds.payments import DECLINED, Account


@pytest.fixture
def account(world: World) -> Account:
    return Account(world)


def bill(account: Account, count: int) -> list[str]:
    """Invoices at Stripe, after payments were read once: of them events alone tell. The first is collected, the others
    are sent, with 14 days to pay; their ids there.
    """
    account.read()
    plant(account.world.engine, count)
    with account.world.engine.begin() as connection:
        connection.execute(
            text(
                "update flybill.organizations set collection_method = 'send_invoice', days_until_due = 14"
                " where org_id <> 'org00000'"
            )
        )
    assert account.world.sync().complete
    assert not account.read().fell_back
    query = text("select stripe_invoice_id from flybill.stripe_sync order by invoice_id")
    with account.world.engine.connect() as connection:
        return [str(found) for found in connection.execute(query).scalars()]


def test_when_it_is_due_or_collected_is_known_of_an_invoice_to_which_nothing_has_happened(account: Account) -> None:
    bill(account, 2)
    collected, sent = account.of(0), account.of(1)
    assert (collected.state, collected.due_at, sent.next_attempt_at) == ("open", None, None)
    assert collected.next_attempt_at is not None
    assert collected.invoice_pdf is not None
    assert sent.due_at is not None
    late = account.payments.of_org("org00001", MONTH, sent.due_at + timedelta(days=1))
    assert late == replace(sent, state="past_due")


def test_what_people_change_at_an_unpaid_invoice_is_seen_within_days(account: Account) -> None:
    ids = bill(account, 4)
    account.pay(ids[0])
    account.pay(ids[1])
    before = account.of(2).due_at
    moved = int((account.world.now() + timedelta(days=60)).timestamp())
    account.post(f"invoices/{ids[2]}", due_date=moved)  # no event of ours tells of it
    account.world.pass_hours(5 * 24)
    account.read()
    assert account.of(2).due_at == before
    account.world.pass_hours(4 * 24)
    account.read()
    due = account.of(2).due_at
    assert due is not None
    assert int(due.timestamp()) == moved
    account.world.pass_hours(2)
    account.read()  # all were heard of
    calls = account.world.emulator.control("GET", "report")["requests"]
    assert calls["retrieve_invoice"] == 2  # what is paid is not looked at


def test_a_debit_that_is_on_its_way_has_not_failed(account: Account) -> None:
    """Stripe counts an attempt once it begins; only its event says that it failed."""
    bill(account, 2)
    account.world.pass_hours(8 * 24)
    begun = Begun(account.world.gateway())
    account.read(begun)
    assert account.of(1).state == "open"
    assert begun.looked_at


@pytest.mark.parametrize("first", [True, False])
def test_nor_has_it_where_payments_are_read_for_the_first_time_or_after_long(account: Account, first: bool) -> None:
    """The invoices themselves are read then, and Stripe shows an attempt that has begun as it shows one that failed."""
    if not first:
        account.read()
        account.world.pass_hours(35 * 24)
    plant(account.world.engine, 3)
    assert account.world.sync().complete
    query = text("select stripe_invoice_id from flybill.stripe_sync order by invoice_id")
    with account.world.engine.connect() as connection:
        _, declined, _ = map(str, connection.execute(query).scalars())
    account.pay(declined, DECLINED)
    report = account.read(Begun(account.world.gateway()))
    assert report.fell_back
    assert [account.of(number).state for number in range(3)] == ["open", "failed", "open"]
    assert account.of(1).attempts == 1


def test_nobody_hears_of_failures_that_are_over_when_they_are_read_of_after_long(account: Account) -> None:
    """The platform may switch off what it runs when a payment failed: not for one that was paid long ago."""
    account.read()
    account.world.pass_hours(35 * 24)
    paid, voided, _ = account.bill(3)
    for invoice in (paid, voided):
        account.pay(invoice, DECLINED)
    account.pay(paid)
    account.post(f"invoices/{voided}/void")
    assert account.read().fell_back
    with account.world.engine.connect() as connection:
        kinds = connection.execute(text("select type from flybill.events where type like '%pa%' order by 1")).scalars()
        assert list(kinds) == ["invoice.paid"]


def test_what_failed_before_events_reach_back_is_known_by_the_number_of_attempts(account: Account) -> None:
    ids = account.bill(2)
    account.pay(ids[1], DECLINED)
    account.world.pass_hours(31 * 24)
    assert account.read(Silent(account.world.gateway())).fell_back
    assert account.of(1).state == "failed"


class Silent(PaymentEvents):
    """An account that keeps its events for no longer than a moment."""

    def events(self, since: datetime, after: str | None) -> Answer[SeenPage] | Failure:
        return Answer(SeenPage([], None))


class Begun(PaymentEvents):
    """An account that has begun to debit its invoices; no event tells of that."""

    looked_at = False

    def objects(self, name: str, during: Window, now: datetime, after: str | None) -> Answer[SeenPage] | Failure:
        found = super().objects(name, during, now, after)
        if name != "invoices" or isinstance(found, Failure):
            return found
        begun = [replace(each, attempts=1) for each in found.value.observations]
        return Answer(replace(found.value, observations=begun))

    def invoice(self, stripe_invoice_id: str, now: datetime) -> Answer[Observation] | Failure:
        self.looked_at = True
        found = super().invoice(stripe_invoice_id, now)
        return found if isinstance(found, Failure) else Answer(replace(found.value, attempts=1))
