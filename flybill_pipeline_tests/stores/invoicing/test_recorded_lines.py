"""The lines of a settled month: what was settled, and nobody else's."""

from decimal import Decimal

import pytest
from sqlalchemy import Engine, text

from flybill_pipeline.stores.invoicing.recorded_lines import RecordedLines
from flybill_pipeline_tests.stores.billing_world import MONTH, BillingWorld


@pytest.fixture
def world(engine: Engine) -> BillingWorld:
    made = BillingWorld(engine)
    made.orgs("acme", "bolt")
    return made


def test_those_of_the_invoice(world: BillingWorld) -> None:
    world.draft({"acme": 500})
    world.finalize()
    (line,) = RecordedLines(world.engine).of("acme", MONTH)
    assert (line.kind, line.amount_minor, line.quantity) == ("usage", 500, Decimal(500))


def test_the_invoice_is_right_where_somebody_changed_what_it_was_made_of(world: BillingWorld) -> None:
    world.draft({"acme": 500})
    world.finalize()
    with world.engine.begin() as connection:
        connection.execute(text("set local session_replication_role = replica"))
        connection.execute(text("update flybill.line_items set amount_minor = 1"))
    (line,) = RecordedLines(world.engine).of("acme", MONTH)
    assert line.amount_minor == 500


def test_what_is_carried_forward_is_explained_too(world: BillingWorld) -> None:
    world.draft({"acme": 20})
    world.finalize()
    (line,) = RecordedLines(world.engine).of("acme", MONTH)
    assert line.amount_minor == 20


def test_nobody_sees_another_months_or_organizations_lines(world: BillingWorld) -> None:
    world.draft({"acme": 500})
    world.finalize()
    assert RecordedLines(world.engine).of("bolt", MONTH) == ()
    assert RecordedLines(world.engine).of("acme", MONTH.next()) == ()
