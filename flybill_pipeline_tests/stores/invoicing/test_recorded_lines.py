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


def test_a_month_is_before_another_that_was_settled_earlier(world: BillingWorld) -> None:
    """November was settled last, of October too: it was held, and December was not."""
    nov, dec = MONTH.next(), MONTH.next().next()
    inputs = "insert into flybill.pricing_inputs (inputs_id, month, days, books) values (:month, :month, '{}', '{}')"
    for month in (MONTH, dec, nov):
        world.draft({"acme": 500}, month)
        with world.engine.begin() as connection:
            connection.execute(text(inputs), {"month": str(month)})
            mark = text("update flybill.drafts set priced_from = month where month = :month")
            connection.execute(mark, {"month": str(month)})
        world.finalize(month)
    before = RecordedLines(world.engine).priced_before
    found = {month: before("acme", month, MONTH) for month in (MONTH, dec, nov, dec.next())}
    assert {month: each and each.month for month, each in found.items()} == {
        MONTH: None,
        dec: MONTH,
        nov: dec,
        dec.next(): nov,
    }
    assert before("acme", dec, dec) is None
