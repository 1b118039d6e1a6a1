"""A standby takes the place of a server of Postgres and lacks what was committed last: nothing goes to Stripe twice."""

import pytest
from sqlalchemy import text

from flybill_pipeline.stores.sync import restores
from flybill_pipeline.stores.sync.restores import notice_another_server
from flybill_pipeline_tests.chaos.conftest import world
from flybill_pipeline_tests.chaos.months import plant
from flybill_pipeline_tests.chaos.world import World

__all__ = ["world"]
LOST = (
    "set local session_replication_role = replica",  # past the triggers
    "delete from flybill.stripe_sync",
    "delete from flybill.stripe_customers",
    "delete from flybill.stripe_profiles",
    "update flybill.organizations set stripe_customer_id = null",
)


def taken_over(world: World, *lost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A standby that has not heard of these is the server now."""
    with world.engine.begin() as connection:
        for each in lost:
            connection.execute(text(each))
    monkeypatch.setattr(restores, "_SERVER", text("select 'the same/00000002'"))


@pytest.mark.parametrize("renamed", [False, True], ids=["as it was", "with another number"])
def test_what_a_standby_does_not_know_is_looked_for_at_stripe(
    renamed: bool, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(world.engine, 3)
    assert world.sync().complete
    at_stripe = world.emulator.report()
    number = "update flybill.invoices set number = number || '0'"
    taken_over(world, *LOST, *([number] if renamed else []), monkeypatch=monkeypatch)
    if not renamed:
        world.pass_hours(30)
    again = world.sync()
    assert (again.mismatch, again.complete) == ((3, False) if renamed else (0, True))
    report = world.emulator.report()
    assert (report["invoices"], report["customers"]) == (at_stripe["invoices"], at_stripe["customers"])
    assert report["violations"] == []


def test_it_is_noticed_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [notice_another_server(world.engine) for _ in range(2)] == [False, False]
    taken_over(world, monkeypatch=monkeypatch)
    assert [notice_another_server(world.engine) for _ in range(2)] == [True, False]


def test_a_server_that_does_not_say_which_it_is_is_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not notice_another_server(world.engine)
    monkeypatch.setattr(restores, "_SERVER", text("select pg_no_such_function()"))
    assert not notice_another_server(world.engine)
