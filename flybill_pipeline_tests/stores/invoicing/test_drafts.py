"""Drafts at rest: replaced as a whole, exact to the last digit, and never those of somebody else."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, event

from flybill_pipeline.billing.invoicing.outcomes import HoldReason
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.stores.postgres.presence import is_present, present
from flybill_pipeline_tests.stores.billing_world import MONTH, SHARD, BillingWorld


@pytest.fixture
def world(engine: Engine) -> BillingWorld:
    made = BillingWorld(engine)
    made.orgs("acme", "bolt")
    return made


def test_pricing_again_replaces_everything_of_the_shard(world: BillingWorld) -> None:
    world.draft({"acme": 100, "bolt": 200, "stranger": 5})
    world.draft({"acme": 101})
    assert world.sql("select org_id, total_minor from flybill.drafts") == [("acme", 101)]
    assert world.sql("select org_id, amount_minor from flybill.line_items") == [("acme", 101)]


def test_another_month_is_left_alone(world: BillingWorld) -> None:
    world.draft({"acme": 100})
    world.draft({"bolt": 200}, MONTH.next())
    drafts = world.sql("select month, org_id from flybill.drafts order by month")
    assert drafts == [("2025-10", "acme"), ("2025-11", "bolt")]


def test_of_some_organizations_only_theirs_are_replaced(world: BillingWorld) -> None:
    world.draft({"acme": 100, "bolt": 200})
    world.drafts.replace(ShardMonth(MONTH, SHARD, world.now(), ["bolt"]), [])
    assert world.sql("select org_id from flybill.drafts") == [("acme",)]
    assert world.sql("select org_id from flybill.line_items") == [("acme",)]


def test_what_is_taken_away_is_named_so_that_no_table_is_joined(world: BillingWorld) -> None:
    sent: list[tuple[str, Any]] = []
    event.listen(world.engine, "before_cursor_execute", lambda *call: sent.append((call[2], call[3])))
    world.draft({"acme": 100, "bolt": 200})
    assert [text for text, _ in sent if "DELETE" in text] == []  # there was nothing yet
    world.draft({"acme": 101})
    deletes = [(text, values) for text, values in sent if "DELETE" in text]
    named = [next(each for each in values.values() if isinstance(each, list)) for _, values in deletes]
    assert named == [["acme", "bolt"], ["acme", "bolt"], ["acme"], ["bolt"]]  # the last two: lines, changed and gone
    assert all("SELECT" not in text for text, _ in deletes)


def test_a_fault_half_way_leaves_the_old_drafts(world: BillingWorld) -> None:
    world.draft({"acme": 100})
    read = world.invoices.open_drafts(MONTH, SHARD)
    with pytest.raises(Exception, match=r"out of range|value too long|numeric|overflow"):
        world.draft({"acme": 100, "bolt": 10**25})
    assert world.invoices.open_drafts(MONTH, SHARD) == read


def test_a_problem_keeps_the_exact_quantity_that_waits_for_it(world: BillingWorld) -> None:
    quantity = Decimal("12345678901234567890.123456789012345678")
    world.draft({"acme": 0}, problems=(HoldReason("unpriced_meter", "No price.", "Add one.", "rockets", quantity),))
    (found,) = world.sql("select problems -> 0 ->> 'quantity', problems -> 0 ->> 'meter' from flybill.drafts")
    assert (Decimal(found[0]), found[1]) == (quantity, "rockets")


def test_a_process_is_present_until_its_block_ends(engine: Engine) -> None:
    assert not is_present(engine, "one")
    with present(engine, "one"):
        assert is_present(engine, "one")
        assert not is_present(engine, "two")
    assert not is_present(engine, "one")
