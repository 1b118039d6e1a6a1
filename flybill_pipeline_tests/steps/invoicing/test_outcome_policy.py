"""What holds a month for a person, what a person may release, and the audit of both, on a real database."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError

from flybill_pipeline.billing.invoicing.outcomes import RELEASABLE, OutcomePolicy
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.steps.usage.account_for_usage import account_for_usage
from flybill_pipeline.stores.invoicing.holds import ReleaseRefusedError
from flybill_pipeline_tests.billing.pricing.books import book, per_unit
from flybill_pipeline_tests.worlds.billing import BillingWorld

AUG, SEP, OCT, NOV = Month(2026, 8), Month(2026, 9), Month(2026, 10), Month(2026, 11)
DEC, JAN = Month(2026, 12), Month(2027, 1)
POLICY = OutcomePolicy(hold_above_multiple=Decimal(20), largest_credit_minor=5000)


@pytest.fixture
def world(engine: Engine) -> BillingWorld:
    """An organization with three months of 1.00, 2.00 and 3.00."""
    made = BillingWorld(engine, (book(per_unit("0.01")),), policy=POLICY)
    made.org("acme")
    for month, quantity in ((AUG, 100), (SEP, 200), (OCT, 300)):
        made.usage.add(month, "acme", quantity)
        assert made.close(month).outcomes == {"invoiced": 1}
    return made


def release(world: BillingWorld, month: Month = NOV, by: str = "kim", reason: str = "a launch") -> None:
    world.holds.release(month, "acme", by, reason, RELEASABLE, month.end)


def audited(world: BillingWorld) -> list[tuple[str, str, str | None, int | None]]:
    return [(entry.action, entry.by, entry.code, entry.total_minor) for entry in world.holds.entries(NOV)]


def test_a_total_far_above_the_last_three_months_waits_for_a_person(world: BillingWorld) -> None:
    world.usage.add(NOV, "acme", 4000)
    assert world.close(NOV).outcomes == {"invoiced": 1}  # 20 times the average is not above it


def test_a_new_organization_has_no_usual_total(world: BillingWorld) -> None:
    world.org("new")
    for month in (SEP, OCT):
        world.usage.add(month, "new", 60)
        world.close(month, ["new"])
    world.usage.add(NOV, "new", 100_000)
    assert world.close(NOV, ["new"]).outcomes == {"invoiced": 1}


def test_a_held_month_is_billed_once_a_person_released_it(world: BillingWorld) -> None:
    world.usage.add(NOV, "acme", 4001)
    assert list(world.close(NOV).held) == [("acme", "unusual_total")]
    world.close(NOV)
    release(world)
    assert world.close(NOV).invoiced == {"usd": 4001}
    assert audited(world) == [
        ("held", "flybill", "unusual_total", 4001),
        ("released", "kim", "unusual_total", 4001),
        ("settled", "flybill", None, 4001),
    ]
    (entry,) = world.statements.month(NOV).released
    assert (entry["org_id"], entry["by"], entry["reason"]) == ("acme", "kim", "a launch")
    with pytest.raises(ReleaseRefusedError, match="invoiced, not held"):
        release(world)


def test_a_release_is_for_the_total_that_was_looked_at(world: BillingWorld) -> None:
    world.usage.add(NOV, "acme", 4001)
    world.close(NOV)
    release(world)
    world.usage.add(NOV, "acme", 1)
    assert list(world.close(NOV).held) == [("acme", "unusual_total")]
    release(world)
    assert world.close(NOV).invoiced == {"usd": 4002}


def test_a_large_credit_waits_too(world: BillingWorld) -> None:
    world.usage.add(NOV, "acme", -5001)
    assert list(world.close(NOV).held) == [("acme", "large_credit")]
    release(world)
    assert world.close(NOV).outcomes == {"carried_forward": 1}


def test_what_needs_mending_cannot_be_released(world: BillingWorld) -> None:
    world.usage.add(NOV, "acme", 4001)
    world.usage.add(NOV, "acme", 1, "rockets")
    world.close(NOV)
    with pytest.raises(ReleaseRefusedError, match=r"unpriced_meter.*flybill repair 2026-11 --org acme"):
        release(world)
    with pytest.raises(ReleaseRefusedError, match="not closed yet"):
        release(world, NOV.next())
    with pytest.raises(ReleaseRefusedError, match="a name and a reason"):
        release(world, by=" ")
    assert [entry[0] for entry in audited(world)] == ["held"]


def test_the_audit_never_changes(world: BillingWorld) -> None:
    world.usage.add(NOV, "acme", 4001)
    world.close(NOV)
    for change in ("update flybill.audit set by = 'x'", "delete from flybill.audit", "truncate flybill.audit"):
        with pytest.raises(DatabaseError, match="insert-only"), world.engine.begin() as connection:
            connection.execute(text(change))


def test_small_amounts_are_waived_if_that_is_the_policy(world: BillingWorld) -> None:
    world.policy = OutcomePolicy(waive_small_amounts=True)
    world.usage.add(NOV, "acme", 49)
    assert world.close(NOV).outcomes == {"waived": 1}
    assert world.close(NOV.next()).outcomes == {"nothing_to_bill": 1}


def test_what_is_carried_in_one_currency_is_never_billed_in_another(world: BillingWorld) -> None:
    usd = book(per_unit("0.01"))
    world.books = (usd, replace(usd, currency="eur"))
    for org in ("acme", "other"):
        world.org(org)
        world.usage.add(NOV, org, 30)
    assert world.close(NOV).outcomes == {"carried_forward": 2}
    world.org("acme", currency="eur", since=DEC)
    for org in ("acme", "other"):
        world.usage.add(DEC, org, 100)
    report = world.close(DEC)
    assert (list(report.held), report.invoiced) == ([("acme", "currency_clash")], {"usd": 130})
    (held,) = world.statements.failures(DEC, ["acme"])
    assert "$0.30" in held.message
    assert "eur" in held.message
    assert "usd" in held.remedy
    world.org("acme", currency="usd", since=DEC)
    assert world.close(DEC).invoiced == {"usd": 130}
    world.org("acme", currency="eur", since=JAN)  # nothing is open any more: now it may change
    world.usage.add(JAN, "acme", 70)
    assert world.close(JAN).invoiced == {"eur": 70}


@pytest.mark.parametrize(
    ("price", "quantity"),
    [("1000000", "900000000000000"), ("0.0000001", "99999999999999999999.5"), ("-1000000", "900000000000000")],
)
def test_more_than_can_be_stored_holds_its_org_and_nobody_else(world: BillingWorld, price: str, quantity: str) -> None:
    world.org("other")
    world.books = (book(replace(per_unit(price), match={"size": "huge"}), per_unit("0.01")),)
    for size in ("huge", "small"):
        world.usage.add(DEC, "acme", quantity, size=size)
    world.usage.add(DEC, "other", 100)
    report = world.close(DEC)
    assert (list(report.held), report.invoiced) == ([("acme", "too_large")], {"usd": 100})
    (account,) = account_for_usage(DEC, world.usage, world.checks, world.lookback_months)
    assert account.balanced
