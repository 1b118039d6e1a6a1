"""Late usage, corrections and repricing of settled months, through the stores of a real database."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing import models
from flybill_pipeline.billing.pricing.prices import Contract, Price, PriceBook
from flybill_pipeline.steps.usage.account_for_usage import MeterAccount, account_for_usage
from flybill_pipeline.stores.invoicing.invoices import Invoices
from flybill_pipeline_tests.billing.pricing.books import book, per_unit, tier
from flybill_pipeline_tests.worlds.billing import BillingWorld
from flybill_pipeline_tests.worlds.databases import Databases
from flybill_pipeline_tests.worlds.effort import examples

SEP, OCT, NOV, DEC = Month(2026, 9), Month(2026, 10), Month(2026, 11), Month(2026, 12)
JAN, FEB = Month(2027, 1), Month(2027, 2)
GRADUATED = Price("seconds", models.GRADUATED, tiers=(tier("100", "1"), tier(None, "0.5")), group_by=("region",))


@pytest.fixture
def world(engine: Engine) -> BillingWorld:
    return BillingWorld(engine, (book(GRADUATED),))


def account(world: BillingWorld, month: Month) -> MeterAccount:
    (found,) = account_for_usage(month, world.usage, world.checks, world.lookback_months)
    return found


def test_late_usage_is_a_line_of_the_next_invoice_at_the_tier_it_falls_in(world: BillingWorld) -> None:
    acme, other = world.org("acme"), world.org("other")
    world.usage.add(OCT, acme, 90)
    world.usage.add(OCT, other, 90)
    world.close(OCT)
    world.usage.add(OCT, acme, 20)
    world.usage.add(NOV, acme, 5)
    assert account(world, OCT) == MeterAccount("seconds", Decimal(200), in_lines=Decimal(180), not_yet_due=Decimal(20))
    world.usage.asked.clear()
    assert world.price(NOV).adjusted == 1
    assert (OCT, ("acme",)) in world.usage.asked  # the usage of nobody else was read
    world.finalize(NOV)
    assert world.lines(NOV, acme) == [
        ("usage", "2026-11", 500, Decimal(5)),
        ("adjustment", "2026-10", 1500, Decimal(20)),
    ]
    assert world.lines(NOV, other) == []
    assert account(world, OCT) == MeterAccount("seconds", Decimal(200), Decimal(180), adjusted=Decimal(20))
    assert world.close(DEC).outcomes == {"nothing_to_bill": 2}


def test_a_correction_that_makes_a_month_negative_is_credit_on_later_invoices(world: BillingWorld) -> None:
    acme = world.org("acme")
    world.usage.add(OCT, acme, 90)
    world.close(OCT)
    world.usage.add(OCT, acme, -80)
    assert world.close(NOV).outcomes == {"carried_forward": 1}
    assert world.lines(NOV, acme) == [("adjustment", "2026-10", -8000, Decimal(-80))]
    world.usage.add(DEC, acme, 100)
    assert world.close(DEC).invoiced == {"usd": 2000}


def test_a_price_that_was_wrong_is_billed_as_the_difference(world: BillingWorld) -> None:
    acme = world.org("acme")
    world.usage.add(OCT, acme, 90)
    world.close(OCT)
    world.books = (book(per_unit("2")),)
    world.close(NOV)
    assert sum(line[2] for line in world.lines(NOV, acme)) == 9000
    assert sum(line[3] for line in world.lines(NOV, acme)) == 0
    assert account(world, OCT).balanced


def test_usage_of_free_units_is_accounted_for_though_it_costs_nothing(world: BillingWorld) -> None:
    free = Price("seconds", models.PER_UNIT, unit_amount=Decimal(1), free_units=Decimal(1000))
    world.books = (book(free),)
    acme = world.org("acme")
    world.usage.add(OCT, acme, 90)
    world.close(OCT)
    world.usage.add(OCT, acme, 5)
    world.close(NOV)
    assert world.lines(NOV, acme) == [("adjustment", "2026-10", 0, Decimal(5))]
    assert account(world, OCT) == MeterAccount("seconds", Decimal(95), Decimal(90), adjusted=Decimal(5))


def test_late_usage_takes_from_what_the_commitment_had_filled_up(world: BillingWorld) -> None:
    plain = book(per_unit("1"), contracts={"acme": (per_unit("1"),)})
    contracts = {"acme": Contract("acme", plain.contracts["acme"].prices, minimum_spend=Decimal(100))}
    world.books = (PriceBook("usd", plain.effective_from, plain.meters, plain.prices, contracts),)
    acme = world.org("acme", contract="acme")
    world.usage.add(OCT, acme, 40)
    assert world.close(OCT).invoiced == {"usd": 10000}
    world.usage.add(OCT, acme, 30)
    world.usage.add(NOV, acme, 100)
    assert world.close(NOV).invoiced == {"usd": 10000}
    assert [line[2] for line in world.lines(NOV, acme) if line[1] == "2026-10"] == [3000, -3000]


def test_usage_later_than_the_look_back_is_reported_and_billed_once_that_is_longer(world: BillingWorld) -> None:
    acme = world.org("acme")
    for month in (SEP, OCT, NOV, DEC):
        world.close(month)
    world.usage.add(SEP, acme, 10)
    assert account(world, SEP) == MeterAccount("seconds", Decimal(10), too_late=Decimal(10))
    assert world.price(JAN).too_late == [(acme, SEP)]
    world.finalize(JAN)
    assert world.lines(JAN, acme) == []
    assert world.statements.month(JAN).too_late == 1
    world.lookback_months = 5
    assert account(world, SEP).not_yet_due == 10
    assert world.close(FEB).invoiced == {"usd": 1000}
    assert world.statements.month(FEB).too_late == 0


def test_late_usage_without_a_price_holds_the_month_that_would_bill_it(world: BillingWorld) -> None:
    acme = world.org("acme")
    world.close(OCT)
    world.usage.add(OCT, acme, 10, "rockets")
    world.usage.add(NOV, acme, 10)
    report = world.close(NOV)
    assert list(report.held) == [(acme, "unpriced_meter")]
    assert {
        each.meter: (each.not_yet_due, each.missing)
        for each in account_for_usage(OCT, world.usage, world.checks, world.lookback_months)
    } == {"rockets": (Decimal(10), Decimal(0))}
    assert account(world, NOV).balanced


def test_a_month_settled_out_of_order_bills_nothing_twice(world: BillingWorld) -> None:
    acme = world.org("acme")
    world.close(OCT)
    world.usage.add(OCT, acme, 10)
    world.usage.add(NOV, acme, 10, "rockets")
    world.close(NOV)  # held, with October's late usage in its draft
    assert world.close(DEC).invoiced == {"usd": 1000}
    world.books = (book(GRADUATED, per_unit("1", "rockets")),)
    assert world.finalize(NOV).outcomes != {"invoiced": 1}  # the draft is as it was priced: still held
    world.usage.totals[NOV].clear()
    world.close(NOV)
    assert world.lines(NOV, acme) == []


def test_a_draft_that_another_close_prices_again_is_settled_as_it_is_by_then(
    world: BillingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, settle, pricings = world.org("acme"), Invoices.settle, count(1)
    world.usage.add(OCT, acme, 10)
    world.price(OCT)

    def priced_again_before(*arguments: Any) -> set[str]:
        if (number := next(pricings)) <= 2:
            world.usage.add(OCT, acme, 5)
            world.price(OCT, now=OCT.end + timedelta(days=2, seconds=number))
        return settle(*arguments)

    monkeypatch.setattr(Invoices, "settle", priced_again_before)
    report = world.finalize(OCT)
    assert (report.outcomes, list(report.left_out)) == ({"invoiced": 1}, [])
    assert [quantity for *_, quantity in world.lines(OCT, acme)] == [20]


def test_a_draft_is_left_alone_when_another_month_was_settled_since(world: BillingWorld) -> None:
    acme = world.org("acme")
    world.close(OCT)
    world.usage.add(OCT, acme, 10)
    world.price(NOV)
    world.close(DEC)
    report = world.finalize(NOV)
    assert (report.outcomes, list(report.left_out)) == ({}, ["acme"])
    with world.engine.connect() as connection:
        settled = connection.execute(text("select month from flybill.outcomes where org_id = 'acme' order by month"))
        assert list(settled.scalars()) == ["2026-10", "2026-12"]
    assert list(world.close(NOV).left_out) == []
    assert world.lines(NOV, acme) == []


# Deliveries: for each month in which some arrives, the months that it is for (how many back) and quantities.
DELIVERIES = st.lists(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["x", "y"]), st.decimals(min_value=-50, max_value=150, places=3)),
        max_size=4,
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def shared_engine(databases: Databases) -> Iterator[Engine]:
    with databases.lent() as engine:
        yield engine


NUMBER = count()


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deliveries=DELIVERIES)
def test_however_usage_is_delivered_all_months_together_bill_the_same(
    shared_engine: Engine, deliveries: list[list[tuple[int, str, Decimal]]]
) -> None:
    world = BillingWorld(shared_engine, (book(GRADUATED),))
    late, at_once = world.org(f"late-{next(NUMBER)}"), world.org(f"at-once-{next(NUMBER)}")
    months = [Month(2026, 3 + n) for n in range(len(deliveries) + 3)]
    for position, delivery in enumerate(deliveries):
        for back, region, quantity in delivery:
            service_month = months[max(position - back, 0)]
            world.usage.add(service_month, at_once, quantity, region=region)
    for position, month in enumerate(months):
        for back, region, quantity in deliveries[position] if position < len(deliveries) else []:
            world.usage.add(months[max(position - back, 0)], late, quantity, region=region)
        world.close(month, [late, at_once])
        for service_month in months[: position + 1]:
            for found in account_for_usage(service_month, world.usage, world.checks, world.lookback_months):
                assert found.missing == 0
    totals = {
        org: sum(line[2] for month in months for line in world.lines(month, org) if line[0] != "carried_forward")
        for org in (late, at_once)
    }
    assert totals[late] == totals[at_once]
    with shared_engine.connect() as connection:
        paid = text(
            "select (select coalesce(sum(subtotal_minor), 0) from flybill.invoices where org_id = :o)"
            " + (select coalesce(sum(amount_minor), 0) from flybill.account_entries where org_id = :o)"
        )
        assert {org: connection.execute(paid, {"o": org}).scalar_one() for org in (late, at_once)} == totals


@pytest.mark.parametrize("order", [(SEP, OCT, NOV), (OCT, SEP, NOV), (NOV, OCT, SEP), (OCT, NOV, SEP)])
def test_in_whatever_order_months_are_closed_nothing_is_billed_twice_or_left_out(
    world: BillingWorld, order: tuple[Month, ...]
) -> None:
    """What lands late belongs to a month that may be closed already, or not yet."""
    acme = world.org("acme")
    for month in (SEP, OCT, NOV):
        world.usage.add(month, acme, 90)
    for number, month in enumerate(order):
        world.close(month)
        if number == 0:
            for late in (SEP, OCT, NOV):
                world.usage.add(late, acme, 20)
    world.close(DEC)
    billed = sum(line[3] for month in (SEP, OCT, NOV, DEC) for line in world.lines(month, acme))
    money = sum(line[2] for month in (SEP, OCT, NOV, DEC) for line in world.lines(month, acme))
    assert (billed, money) == (330, 3 * 10_500)
    assert all(account(world, month).balanced for month in (SEP, OCT, NOV))
