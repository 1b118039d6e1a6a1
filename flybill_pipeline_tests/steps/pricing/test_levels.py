"""A level below zero counts as zero, bills the others as ever, and is seen by a person: its line and a check say so."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
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


def test_an_org_whose_levels_a_book_adds_up_waits_alone_until_the_book_is_mended(engine: Engine) -> None:
    adds_up = book(per_unit("0.001", "disk"), per_unit("1"))
    mended = book(per_unit("0.001", "disk"), per_unit("1"), disk=Aggregation.TIME_WEIGHTED)
    world, november = BillingWorld(engine, (adds_up, replace(mended, currency="eur"))), OCTOBER.next()
    acme, bolt, cleo = world.org("acme"), world.org("bolt"), world.org("cleo", "eur")
    world.usage.add(OCTOBER, acme, 10)
    assert world.close(OCTOBER).held == []
    late, of_cleo = (level(org, "100")._replace(told_by=("exporter",)) for org in (acme, cleo))
    world.usage.totals[OCTOBER].append(late)
    world.usage.totals[november] += [
        of_cleo._replace(day=november.first_day),
        level(bolt, "100")._replace(day=november.first_day),
    ]
    running = world.price(november, now=november.start.replace(day=9))
    assert running.problems == [(acme, "summed_levels")]
    report = world.close(november)
    assert list(report.held) == [(acme, "summed_levels")]
    assert [[line[2] for line in world.lines(november, org)] for org in (acme, bolt, cleo)] == [[], [10], [7440]]
    world.books = (mended, replace(mended, currency="eur"))
    assert world.close(november).held == []
    assert [line[:3] for line in world.lines(november, acme)] == [("usage", str(OCTOBER), 7440)]


def told(org: str, day: int, quantity: str, volume: str = "v") -> UsageTotal:
    """A level as a `max` or `latest` meter has it."""
    amount = Decimal(quantity)
    measures = {Aggregation.MAX: amount, Aggregation.LATEST: amount}
    at = OCTOBER.start.replace(day=day)
    return UsageTotal(org, "seats", {"v": volume}, amount, at.date(), 1, measures, int(amount < 0), at)


@pytest.mark.parametrize(
    ("meter", "levels", "amount", "below"),
    [
        (("latest",), [(1, "10", "a"), (2, "-3", "a")], 0, True),
        (("max",), [(1, "-4", "a")], 0, True),
        (("max",), [(1, "-4", "a"), (2, "4", "a")], 2000, False),
        (("latest", "v"), [(1, "-3", "a"), (1, "5", "b")], 2500, True),
        (("max", "v"), [(1, "-3", "a"), (1, "5", "b")], 2500, True),
        (("latest",), [(1, "-3", "a"), (2, "5", "a")], 2500, False),
    ],
)
def test_a_peak_or_a_last_value_below_zero_is_not_paid_out_and_is_found(
    engine: Engine, meter: tuple[str, ...], levels: list[tuple[int, str, str]], amount: int, below: bool
) -> None:
    aggregation, *per = meter
    priced = book(per_unit("5", "seats"), seats=aggregation)
    priced = replace(priced, meters={"seats": replace(priced.meters["seats"], per=tuple(per))})
    later = replace(priced, effective_from=date(2026, 10, 16), prices=(per_unit("5.0000001", "seats"),))
    world = BillingWorld(engine, (priced,))
    acme, bolt = world.org("acme"), world.org("bolt", currency="eur")
    world.books = (priced, replace(priced, currency="eur"), replace(later, currency="eur"))  # in eur the price changes
    world.usage.totals[OCTOBER] += [told(org, *each) for org in (acme, bolt) for each in levels]
    assert world.close(OCTOBER).held == []
    assert [sum(line[2] for line in world.lines(OCTOBER, org)) for org in (acme, bolt)] == [amount, amount]
    found = world.checks.below_zero(OCTOBER, 0)
    assert {each["org_id"] for each in found} == ({acme, bolt} if below else set())
    assert all("below zero, which counts as zero" in each["description"] for each in found)
