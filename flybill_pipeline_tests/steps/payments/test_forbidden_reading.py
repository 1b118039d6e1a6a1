"""A restricted API key lacks a permission: what is said names it, and nobody is told to write or repair anything."""

import pytest

from flybill_pipeline_tests.chaos.world import World
from flybill_pipeline_tests.worlds.payments import Account


@pytest.fixture
def account(world: World) -> Account:
    return Account(world)


@pytest.mark.parametrize("endpoint", ["list_events", "list_refunds", "list_disputes"])
def test_a_key_that_may_not_read_payments_is_told_what_to_read(account: Account, endpoint: str) -> None:
    """No organization is meant, and nothing is to be written: the words of a refused invoice do not fit."""
    account.bill(1)
    if endpoint == "list_events":
        account.read()
    account.world.emulator.faults(
        [{"match": {"endpoint": endpoint, "nth": n}, "fault": "forbidden"} for n in (1, 2, 3)]
    )
    assert account.read().failure is not None
    remedy = account.payments.poll().remedy or ""
    assert all(word in remedy for word in ("read", "events", "charges", "disputes", "`flybill payments`")), remedy
    assert not any(word in remedy for word in ("write", "org", "customer")), remedy
