"""Which months were never closed, or not for everybody."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from flybill_pipeline.billing.invoicing.outcomes import HoldReason
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.steps.invoicing.watch_months import overdue_months
from flybill_pipeline.stores.invoicing.open_months import OpenMonths
from flybill_pipeline_tests.stores.billing_world import BillingWorld

JUL, AUG, SEP, OCT, NOV = (Month(2025, number) for number in range(7, 12))


@pytest.fixture
def world(engine: Engine) -> BillingWorld:
    made = BillingWorld(engine)
    made.orgs("acme", "bolt")
    imported(made, "2026-01-15")
    return made


def imported(world: BillingWorld, day: str, org: str = "%") -> None:
    """As if the organization had been imported on that day."""
    with world.engine.begin() as connection:
        statement = text(
            "update flybill.organizations set recorded_at = cast(:day as timestamptz) where org_id like :org"
        )
        connection.execute(statement, {"day": f"{day} 12:00+00", "org": org})


def close(world: BillingWorld, month: Month, *orgs: str, problems: tuple[HoldReason, ...] = ()) -> None:
    world.draft(dict.fromkeys(orgs or ("acme", "bolt"), 500), month, problems)
    world.finalize(month)


def opened(world: BillingWorld, end: Month = NOV) -> dict[Month, int]:
    return OpenMonths(world.engine).before(end)


def test_where_nothing_was_closed_no_month_is_open(world: BillingWorld) -> None:
    assert opened(world) == {}


def test_a_month_that_was_left_out_is_open_for_everybody_and_those_before_the_first_are_not(
    world: BillingWorld,
) -> None:
    close(world, AUG)
    close(world, OCT)
    assert opened(world) == {SEP: 2}
    assert opened(world, SEP) == {}
    close(world, SEP)
    assert opened(world) == {}
    assert opened(world, Month(2025, 12)) == {NOV: 2}


def test_a_held_month_is_decided_and_one_that_lacks_an_organization_is_open(world: BillingWorld) -> None:
    close(world, AUG)
    close(world, SEP, "acme", problems=(HoldReason("unpriced_meter", "No price.", "Add one."),))
    assert opened(world, OCT) == {SEP: 1}


def test_an_organization_has_no_months_before_its_import(world: BillingWorld) -> None:
    close(world, AUG)
    close(world, SEP)
    world.orgs("new")
    imported(world, "2025-10-31", "new")
    close(world, OCT)
    assert opened(world, OCT) == {}
    assert opened(world) == {OCT: 1}
    close(world, OCT, "new")
    assert opened(world) == {}


def test_usage_of_a_stranger_opens_no_later_month(world: BillingWorld) -> None:
    unknown = (HoldReason("unknown_org", "Nobody knows it.", "Import it."),)
    close(world, AUG)
    close(world, AUG, "stranger", problems=unknown)
    close(world, SEP)
    assert opened(world, OCT) == {}
    world.orgs("stranger")
    imported(world, "2026-01-15", "stranger")
    assert opened(world, OCT) == {}


@pytest.mark.parametrize(
    ("now", "overdue"),
    [
        ("2025-10-03T23:59", set()),
        ("2025-10-04T00:00", {SEP}),
        ("2025-11-03T12:00", {SEP}),
        ("2025-11-04T00:00", {SEP, OCT}),
    ],
)
def test_a_month_is_overdue_once_its_closing_day_is_over(world: BillingWorld, now: str, overdue: set[Month]) -> None:
    close(world, AUG)
    found = overdue_months(OpenMonths(world.engine), JUL, 3, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert set(found) == overdue
    later = overdue_months(OpenMonths(world.engine), OCT, 3, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert set(later) == overdue - {SEP}
