"""The lines of drafts are written where they differ, in whatever field, and stay where they are the same."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from flybill_pipeline.billing.invoicing.invoice import Draft
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.portions import Portion
from flybill_pipeline.billing.pricing.working import WorkingStep
from flybill_pipeline.stores.invoicing import draft_lines
from flybill_pipeline.stores.invoicing.draft_lines import LINE_COLUMNS
from flybill_pipeline_tests.stores.billing_world import MONTH, SHARD, BillingWorld

LINE = LineItem(
    "usage", "id", "gb", {"a": "b"}, MONTH, Decimal(3), "GB", Decimal(1), 100, "usd", "3 GB", (), Decimal(3)
)
OTHER: dict[str, Any] = {
    "kind": "subscription",
    "line_id": "other",
    "meter": None,
    "dimensions": {"a": "c"},
    "service_month": MONTH.previous(),
    "quantity": Decimal("3.5"),
    "unit": None,
    "amount_minor": 101,
    "currency": "eur",
    "description": "three GB",
    "working": (WorkingStep("units", Decimal(1)),),
    "usage": Decimal(4),
    "title": "Traffic",
    "portions": (Portion({"app": "web"}, Decimal(3), 100),),
}
STORED = f"select {', '.join(LINE_COLUMNS)} from flybill.line_items order by org_id, line_no"
WRITTEN = "select org_id, xmin::text, ctid::text from flybill.line_items order by org_id, line_no"
FORGET = "update flybill.drafts set lines_hash = null"


@pytest.fixture
def world(engine: Engine) -> BillingWorld:
    made = BillingWorld(engine)
    made.orgs("acme", "bolt")
    return made


def put(world: BillingWorld, *lines: LineItem) -> list[tuple[Any, ...]]:
    """The lines of a draft as they are stored."""
    draft = Draft(MONTH, "acme", SHARD, "usd", lines, 0, (), None)
    world.drafts.replace(ShardMonth(MONTH, SHARD, world.now()), [draft])
    return world.sql(STORED)


def test_a_line_that_differs_in_any_field_is_written(world: BillingWorld) -> None:
    assert OTHER.keys() == set(LineItem._fields) - {"amount"}  # which is not stored
    for field, value in OTHER.items():
        before, after = put(world, LINE), put(world, LINE._replace(**{field: value}))
        world.sql(FORGET)
        assert before != after == put(world, LINE._replace(**{field: value})), field


def test_lines_that_come_out_as_they_are_stay_where_they_are(
    world: BillingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft_lines, "LINES_AT_ONCE", 1)
    world.draft({"acme": 100, "bolt": 200})
    acme, bolt = world.sql(WRITTEN)
    world.draft({"acme": 100, "bolt": 201})
    again, changed = world.sql(WRITTEN)
    assert again == acme
    assert changed != bolt
    assert len(put(world, LINE, LINE)) == 2  # and those of an org without a draft are gone


def test_of_an_organization_that_is_named_all_lines_are_written_again(world: BillingWorld) -> None:
    stored = put(world, LINE)
    world.sql("update flybill.line_items set description = 'broken'")
    draft = Draft(MONTH, "acme", SHARD, "usd", (LINE,), 0, (), None)
    world.drafts.replace(ShardMonth(MONTH, SHARD, world.now(), ["acme"]), [draft])
    assert world.sql(STORED) == stored
