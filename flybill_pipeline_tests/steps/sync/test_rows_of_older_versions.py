"""Rows that an older version left on their way: they know neither Stripe's clock nor the terms they were sent with.

Each is brought through once, whatever it says of its key and whatever of it Stripe has.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.values import SyncScope
from flybill_pipeline.stores.invoicing.tables import organizations
from flybill_pipeline.stores.postgres.database import migrate, open_engine
from flybill_pipeline_tests.chaos.months import plant_invoices
from flybill_pipeline_tests.chaos.people import People
from flybill_pipeline_tests.chaos.world import World
from flybill_pipeline_tests.worlds.databases import SHARDS, fresh_databases, migrate_to
from flybill_pipeline_tests.worlds.emulator import Emulators

BEFORE = "0018"
HASH = "00000000" * 8
LEFT = """
insert into flybill.organizations (org_id, name, currency, email, stripe_customer_id, shard)
    values ('org00000', 'Org 0', 'usd', 'org0@example.com', :customer, 0);
insert into flybill.invoices (invoice_id, number, month, org_id, shard, currency, subtotal_minor, line_count,
        content_hash, finalized_at)
    values ('inv_1', 'FB-2026-10-000000', '2026-10', 'org00000', 0, 'usd', 100, 1, :hash, '2026-11-03');
insert into flybill.invoice_lines (invoice_id, line_no, line_id, kind, service_month, quantity, usage_quantity,
        amount_minor, currency, description)
    values ('inv_1', 1, 'line0', 'usage', '2026-10', 1, 1, 100, 'usd', 'a line');
insert into flybill.stripe_sync (invoice_id, state, step, step_key, step_first_sent_at, first_sent_at, attempts,
        stripe_customer_id, stripe_invoice_id)
    values ('inv_1', :state, :step, :key, '2026-11-03 06:00+00', '2026-11-03 06:00+00', 1, :customer, :known);
"""


@pytest.fixture
def old_world(postgres_url: str, emulators: Emulators) -> Iterator[World]:
    """A world whose database is an older version's."""
    with fresh_databases(postgres_url, "old") as (url,), emulators.lent() as emulator:
        engine = open_engine(url)
        migrate_to(engine, BEFORE)
        yield World(engine, emulator)
        engine.dispose()


def left_behind(world: World, customer: str, state: str, step: str, known: str | None) -> None:
    key = f"fb:inv_1:{step}:{HASH[:12]}:0"
    values = {"customer": customer, "hash": HASH, "state": state, "step": step, "key": key, "known": known}
    with world.engine.begin() as connection:
        for statement in LEFT.split(";\n"):
            if statement.strip():
                connection.execute(text(statement), values)
    migrate(world.engine, shards=SHARDS)


def draft(world: World, customer: str) -> str:
    """The draft that the older version made, with the metadata that it wrote."""
    metadata = {"flybill_invoice_id": "inv_1", "flybill_content_hash": HASH, "flybill_number": "FB-2026-10-000000"}
    params: Any = {"customer": customer, "currency": "usd", "discounts": "", "metadata": metadata}
    return world.stripe().v1.invoices.create(params, {"idempotency_key": f"fb:inv_1:create:{HASH[:12]}:0"}).id


@pytest.mark.parametrize("made", ["nothing", "a draft", "its lines", "all of it"])
@pytest.mark.parametrize("state", ["new", "created", "lined"])
def test_what_was_on_its_way_comes_through_once(state: str, made: str, old_world: World) -> None:
    world = old_world
    customer = world.stripe().v1.customers.create({"name": "Org 0"}).id
    known = draft(world, customer) if made != "nothing" or state != "new" else None
    if known and made in ("its lines", "all of it"):
        line: Any = {"amount": 100, "description": "a line", "metadata": {"flybill_line_id": "line0"}}
        world.stripe().v1.invoices.add_lines(known, {"lines": [line]})
    if known and made == "all of it":
        world.stripe().v1.invoices.finalize_invoice(known)
    if known and made == "nothing":
        world.stripe().v1.invoices.delete(known)
    step = {"new": "create", "created": "lines0", "lined": "finalize"}[state]
    left_behind(world, customer, state, step, known if state != "new" else None)
    assert world.sync().complete
    (invoice,) = People(world.engine, world.stripe()).invoices()
    assert (invoice["status"], invoice["subtotal"]) == ("open", 100)
    assert world.emulator.report()["violations"] == []


def test_who_was_billed_at_a_customer_before_customers_were_looked_at_is_billed_on(old_world: World) -> None:
    world = old_world
    customer = world.stripe().v1.customers.create({"metadata": {"flybill_org_id": "parent"}}).id
    left_behind(world, customer, "finalized", "finalize", "in_of_then")
    plant_invoices(world.engine, [0], lines=1, month=Month(2026, 9))
    assert world.sync(scope=SyncScope(Month(2026, 9))).failures == []
    (invoice,) = People(world.engine, world.stripe()).invoices()
    assert invoice["status"] == "open"


def test_another_customer_than_the_one_that_was_billed_is_looked_at(old_world: World) -> None:
    world = old_world
    left_behind(world, "cus_billed", "finalized", "finalize", "in_of_then")
    linked = world.stripe().v1.customers.create({"metadata": {"flybill_org_id": "parent"}}).id
    with world.engine.begin() as connection:
        connection.execute(organizations.update().values(stripe_customer_id=linked))
    plant_invoices(world.engine, [0], lines=1, month=Month(2026, 9))
    report = world.sync(scope=SyncScope(Month(2026, 9)))
    assert [failure.code for failure in report.failures] == ["customer_of_another"]
