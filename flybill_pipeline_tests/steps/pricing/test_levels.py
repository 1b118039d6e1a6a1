"""A level below zero counts as zero, bills the others as ever, and is seen by a person: its line and a check say so."""

from decimal import Decimal

from sqlalchemy import Engine

from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.billing.usage.totals import LevelTrail, UsageTotal
from flybill_pipeline_tests.billing.pricing.books import OCTOBER, book, per_unit
from flybill_pipeline_tests.worlds.billing import BillingWorld


def level(org: str, amount: str) -> UsageTotal:
    """A level that is there from the first instant of the month."""
    trail = LevelTrail(((OCTOBER.start, Decimal(amount)),), OCTOBER.end)
    return UsageTotal(org, "disk", {}, Decimal(amount), OCTOBER.first_day, 1, trail=trail)


def test_an_org_with_a_level_below_zero_is_billed_nothing_for_it_and_is_found(engine: Engine) -> None:
    priced = book(per_unit("0.001", "disk"), disk=Aggregation.TIME_WEIGHTED)
    world = BillingWorld(engine, (priced,))
    acme, bolt = world.org("acme"), world.org("bolt")
    world.usage.totals[OCTOBER] += [level(acme, "-100"), level(bolt, "100")]
    report = world.close(OCTOBER)
    assert report.held == []
    assert [amount for _, _, amount, _ in world.lines(OCTOBER, acme)] == [0]
    assert [amount for _, _, amount, _ in world.lines(OCTOBER, bolt)] == [7440]
    assert world.checks.below_zero(OCTOBER, 0) == [
        {
            "org_id": acme,
            "meter": "disk",
            "service_month": str(OCTOBER),
            "description": "disk · 0 seconds @ $0.001, below zero for 744 hours, which count as zero",
        }
    ]
    assert world.checks.below_zero(OCTOBER.next(), 0) == []
