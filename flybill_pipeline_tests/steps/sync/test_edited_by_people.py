"""Somebody presses "Edit invoice" at Stripe: a draft with our metadata, which takes the place of what is final."""

import pytest

from flybill_pipeline_tests.chaos.months import plant
from flybill_pipeline_tests.chaos.people import Json, People
from flybill_pipeline_tests.chaos.world import World
from flybill_pipeline_tests.steps.sync.test_failures import repair
from flybill_pipeline_tests.steps.sync.test_sweep_drafts import compare, sweep


def listed(world: World) -> list[Json]:
    return People(world.engine, world.stripe()).invoices()


def edited(world: World, hours: int = 0) -> str:
    """Stripe's id of a draft by which the only invoice is edited, so long after it was sent."""
    plant(world.engine, 1)
    assert world.sync().complete
    [ours] = listed(world)
    world.pass_hours(hours)
    world.stripe().raw_request("post", "/v1/invoices", from_invoice={"action": "revision", "invoice": ours["id"]})
    return str(listed(world)[-1]["id"])


def test_a_draft_that_a_person_edits_is_left_alone_by_all(world: World) -> None:
    edited(world)
    assert compare(world).proven
    assert sweep(world) == []
    repair(world, "org00000")
    world.pass_hours(30)
    assert world.sync().complete
    assert [each["status"] for each in listed(world)] == ["open", "draft"]


@pytest.mark.parametrize("hours", [0, 100])
@pytest.mark.parametrize("more", [0, 700])
def test_what_took_its_place_is_compared_however_late_it_was_made(more: int, hours: int, world: World) -> None:
    draft = edited(world, hours)
    if more:
        lines = [{"amount": more, "description": "agreed by telephone"}]
        world.stripe().raw_request("post", f"/v1/invoices/{draft}/add_lines", lines=lines)
    world.stripe().raw_request("post", f"/v1/invoices/{draft}/finalize")
    told = compare(world).differences
    assert list(zip(told["stripe_invoice_id"], told["difference"], strict=True)) == [(draft, "amount")][: bool(more)]
    assert sweep(world) == []
    assert world.sync().complete
    assert [each["status"] for each in listed(world)] == ["void", "open"]
