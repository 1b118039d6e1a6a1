"""Each fact that the platform hears of is written down by the database in the transaction of the fact, once."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text, update

from flybill_pipeline.billing.alerts.events import TYPES
from flybill_pipeline.billing.invoicing.invoice import invoice_id
from flybill_pipeline.billing.invoicing.outcomes import HoldReason
from flybill_pipeline.billing.payments.standing import Observation
from flybill_pipeline.stores.alerts.events import Events
from flybill_pipeline.stores.payments.tables import payment_observations
from flybill_pipeline.stores.sync.tables import stripe_sync
from flybill_pipeline_tests.stores.billing_world import MONTH, BillingWorld

ACME = invoice_id(MONTH, "acme")
SEEN = datetime(2025, 11, 4, tzinfo=UTC)
OPEN = Observation("evt_1", "invoice", "in_acme", "open", "usd", 5000, SEEN, stripe_invoice_id="in_acme")
DECLINED = replace(OPEN, observation_id="evt_2", attempts=1, next_attempt_at=SEEN + timedelta(days=3))
PAID = replace(OPEN, observation_id="evt_3", status="paid", attempts=2, paid_minor=5000, settled_at=SEEN)
VOIDED = replace(DECLINED, observation_id="evt_4", status="void", next_attempt_at=None, settled_at=SEEN)


@pytest.fixture
def world(engine: Engine) -> BillingWorld:
    made = BillingWorld(engine)
    made.orgs("acme", "bolt")
    return made


def told(world: BillingWorld) -> list[tuple[str, str]]:
    return [(event.type, event.org_id) for event in reversed(Events(world.engine).all())]


def billed(world: BillingWorld) -> None:
    """Acme has an invoice that is at Stripe; its two events are not told again."""
    world.draft({"acme": 5000})
    world.finalize()
    sync(world, "finalized")
    with world.engine.begin() as connection:
        connection.execute(text("delete from flybill.events"))


def sync(world: BillingWorld, state: str) -> None:
    with world.engine.begin() as connection:
        connection.execute(update(stripe_sync).values(state=state, stripe_invoice_id="in_acme"))


def see(world: BillingWorld, *seen: Observation) -> None:
    rows: list[dict[str, Any]] = [
        asdict(each) | {"via": "events", "invoice_id": ACME, "flybill_invoice_id": None} for each in seen
    ]
    for row in rows:
        del row["flybill_invoice_id"]
    with world.engine.begin() as connection:
        connection.execute(insert(payment_observations), rows)


def test_an_invoice_is_told_with_its_number_and_amount(world: BillingWorld) -> None:
    world.draft({"acme": 5000, "bolt": 7000})
    world.finalize()
    assert told(world) == [("invoice.finalized", "acme"), ("invoice.finalized", "bolt")]
    (_, acme) = Events(world.engine).all()
    assert (acme.month, acme.subject) == (str(MONTH), ACME)
    assert acme.fact == {"invoice_number": "FB-2025-10-000001", "total_minor": 5000, "currency": "usd"}


def test_of_what_was_rolled_back_nothing_is_told(world: BillingWorld) -> None:
    world.draft({"acme": 5000})
    with world.engine.begin() as connection:
        connection.execute(text("alter table flybill.stripe_sync add constraint full_disk check (false) not valid"))
    with pytest.raises(Exception, match="full_disk"):
        world.finalize()
    assert told(world) == []
    with world.engine.begin() as connection:
        connection.execute(text("alter table flybill.stripe_sync drop constraint full_disk"))
    world.finalize()
    assert told(world) == [("invoice.finalized", "acme")]


def test_an_invoice_is_synced_when_it_is_finalized_at_stripe_and_once(world: BillingWorld) -> None:
    world.draft({"acme": 5000})
    world.finalize()
    for state in ("created", "lined", "finalized", "mismatch", "finalized"):
        sync(world, state)
    assert told(world) == [("invoice.finalized", "acme"), ("invoice.synced", "acme")]


def test_each_hold_is_told_until_its_reason_is_another(world: BillingWorld) -> None:
    for code in ("no_price_book", "no_price_book", "unusual_total"):
        world.draft({"acme": 5000}, problems=(HoldReason(code, "why", "what to do"),))
        world.finalize()
    events = Events(world.engine).all()
    assert [event.fact["code"] for event in reversed(events)] == ["no_price_book", "unusual_total"]
    assert {event.type for event in events} == {"org.held"}


def test_each_failed_attempt_and_the_payment_are_told_in_order(world: BillingWorld) -> None:
    billed(world)
    see(world, OPEN)
    see(world, DECLINED)
    see(world, replace(DECLINED, observation_id="evt_2b"))
    see(world, replace(DECLINED, observation_id="evt_2c", attempts=2), PAID)
    see(world, replace(PAID, observation_id="evt_3b"))
    events = list(reversed(Events(world.engine).all()))
    assert [(event.type, event.fact.get("attempts")) for event in events] == [
        ("payment.failed", 1),
        ("payment.failed", 2),
        ("invoice.paid", None),
    ]
    assert events[0].fact["next_attempt_at"] == "2025-11-07T00:00:00+00:00"
    paid = {"paid_minor": 5000, "due_minor": 5000, "currency": "usd", "invoice_number": "FB-2025-10-000001"}
    assert events[2].fact == paid


def test_a_failure_that_is_heard_of_after_the_payment_is_over(world: BillingWorld) -> None:
    billed(world)
    see(world, PAID)
    see(world, DECLINED)
    assert told(world) == [("invoice.paid", "acme")]


@pytest.mark.parametrize("at_once", [False, True])
def test_an_invoice_that_was_taken_back_is_told_and_its_failures_are_over(world: BillingWorld, at_once: bool) -> None:
    billed(world)
    late = replace(DECLINED, observation_id="evt_5", attempts=2)
    for seen in ((VOIDED, DECLINED, late),) if at_once else ((VOIDED,), (DECLINED,), (late, VOIDED)):
        see(world, *(replace(each, observation_id=f"{each.observation_id}{len(seen)}") for each in seen))
    assert told(world) == [("invoice.voided", "acme")]


def test_a_wrong_copy_that_is_taken_back_is_to_be_made_again(world: BillingWorld) -> None:
    billed(world)
    sync(world, "mismatch")
    see(world, VOIDED)
    assert told(world) == []


def test_what_was_deleted_is_not_told_again(world: BillingWorld) -> None:
    billed(world)
    see(world, DECLINED)
    assert Events(world.engine).purge(world.now() + timedelta(days=3650)) >= 1
    see(world, replace(DECLINED, observation_id="evt_2b"))
    assert told(world) == []
    see(world, PAID)
    assert told(world) == [("invoice.paid", "acme")]
    Events(world.engine).purge(world.now() + timedelta(days=3650))
    see(world, replace(PAID, observation_id="evt_3b"), replace(DECLINED, observation_id="evt_2c", attempts=2))
    assert told(world) == []


def test_what_happens_to_a_voided_copy_is_nobodys(world: BillingWorld) -> None:
    billed(world)
    see(world, replace(PAID, stripe_invoice_id="in_copy", object_id="in_copy"))
    assert told(world) == []


def test_no_trigger_writes_a_type_that_is_not_in_the_list(world: BillingWorld) -> None:
    with world.engine.connect() as connection:
        source = connection.execute(
            text("select string_agg(prosrc, '') from pg_proc where pronamespace = 'flybill'::regnamespace")
        ).scalar_one()
    assert [name for name in TYPES if name != "credit.exhausted" and f"'{name}'" not in source] == []
