"""What people did at Stripe, or with an org's customer, while a crashed sync lay there: seen before it is final."""

import pytest

from flybill_pipeline.billing.sync.values import Progress
from flybill_pipeline.steps.sync.row import DurableRow, Pause, RunContext
from flybill_pipeline.steps.sync.tally import Tally
from flybill_pipeline.stores.sync.ledger import SyncLedger
from flybill_pipeline_tests.chaos.crashes import crash_at
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.chaos.people import People
from flybill_pipeline_tests.chaos.world import World


@pytest.mark.parametrize("how", ["add a line", "remove a line"])
def test_a_draft_that_somebody_changed_meanwhile_is_not_finalized_like_that(how: str, world: World) -> None:
    plant(world.engine, 1)
    assert crash_at(world, "before finalize_invoice")
    people = People(world.engine, world.stripe())
    people.meddle(people.invoices()[0], how)
    world.pass_hours(1)
    assert world.sync().complete
    assert world.problems() == []


def test_a_draft_that_nobody_touched_is_finalized_under_the_same_key_once_it_was_looked_at(world: World) -> None:
    """Another process left it, at a time that only its clock knew: one look, and the key that was marked."""
    plant(world.engine, 1)
    assert crash_at(world, "before finalize_invoice")
    assert world.sync().calls == 2
    [finalizing] = [call for call in world.emulator.requests() if call["endpoint"] == "finalize_invoice"]
    assert finalizing["key"].endswith(":0")


@pytest.mark.parametrize("name", ["after create_invoice", "before add_lines", "before finalize_invoice"])
def test_an_org_that_was_linked_to_another_customer_meanwhile_is_billed_there_only(name: str, world: World) -> None:
    plant(world.engine, 1)
    assert crash_at(world, name)
    people = People(world.engine, world.stripe())
    people.link("org00000")
    assert world.sync().complete
    (invoice,) = people.invoices()
    assert (invoice["customer"], invoice["status"]) == (people.links()["org00000"], "open")
    assert world.emulator.report()["violations"] == []


@pytest.mark.parametrize("deleted", [False, True])
def test_what_was_finalized_for_the_customer_before_stands_though_we_never_heard_of_it(
    world: World, deleted: bool
) -> None:
    plant(world.engine, 1)
    assert crash_at(world, "after finalize_invoice")
    people = People(world.engine, world.stripe())
    customer = people.links()["org00000"]
    if deleted:
        people.delete_customer("org00000")
    people.link("org00000")
    assert world.sync().complete
    (invoice,) = people.invoices()
    assert (invoice["customer"], invoice["status"]) == (customer, "open")
    assert world.emulator.report()["violations"] == []


def test_a_run_that_is_stopped_between_two_calls_commits_what_the_first_brought(world: World) -> None:
    [invoice] = plant(world.engine, 1)
    with SyncLedger(world.engine) as ledger:
        [work] = ledger.open_work(MONTH)
        row = DurableRow(ledger.invoices, invoice, Progress(), RunContext(world.now, Tally(), stopping=lambda: True))
        row.commit_with_next(state="created", stripe_invoice_id="in_1")
        assert ledger.states(MONTH) == {"new": 1}
        with pytest.raises(Pause):
            row.send("lines0", "key", lambda _: pytest.fail("nothing may be sent"))
        with ledger.claim(work) as task:
            assert task is not None
            assert (task.row.state, task.row.stripe_invoice_id, task.row.step_key) == ("created", "in_1", None)
