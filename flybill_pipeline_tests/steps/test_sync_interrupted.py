"""What people did at Stripe, or with an org's customer, while a crashed sync lay there: seen before it is final."""

import pytest

from flybill_pipeline_tests.chaos.crashes import Boundaries, Crash, crashing
from flybill_pipeline_tests.chaos.months import plant
from flybill_pipeline_tests.chaos.people import People
from flybill_pipeline_tests.chaos.world import World


def crash_at(world: World, name: str) -> None:
    """A run that dies at the first boundary of this name."""
    boundaries = Boundaries()
    boundaries.fatal = lambda _: boundaries.names[-1] == name
    with pytest.raises(Crash):
        world.sync(**crashing(boundaries), workers=1)


@pytest.mark.parametrize("how", ["add a line", "remove a line"])
def test_a_draft_that_somebody_changed_meanwhile_is_not_finalized_like_that(how: str, world: World) -> None:
    plant(world.engine, 1)
    crash_at(world, "before finalize_invoice")
    people = People(world.engine, world.stripe())
    people.meddle(people.invoices()[0], how)
    world.pass_hours(1)
    assert world.sync().complete
    assert world.problems() == []


def test_a_draft_that_nobody_touched_is_finalized_under_the_same_key_at_once(world: World) -> None:
    plant(world.engine, 1)
    crash_at(world, "before finalize_invoice")
    assert world.sync().calls == 1


@pytest.mark.parametrize("name", ["after create_invoice", "before add_lines", "before finalize_invoice"])
def test_an_org_that_was_linked_to_another_customer_meanwhile_is_billed_there_only(name: str, world: World) -> None:
    plant(world.engine, 1)
    crash_at(world, name)
    people = People(world.engine, world.stripe())
    people.link("org00000")
    assert world.sync().complete
    (invoice,) = people.invoices()
    assert (invoice["customer"], invoice["status"]) == (people.links()["org00000"], "open")
    assert world.emulator.report()["violations"] == []
