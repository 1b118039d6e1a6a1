"""A book that begins late, or lacks an organization's contract: nothing lapses, whether there is usage or not."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from flybill_pipeline.billing.invoicing.terms import EVER
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.prices import Contract, PriceBook
from flybill_pipeline.stores.invoicing.org_terms import TermsRow
from flybill_pipeline.stores.invoicing.organizations import OrgRow
from flybill_pipeline_tests.billing.pricing.books import book, per_unit
from flybill_pipeline_tests.worlds.billing import BillingWorld

JUNE, AUGUST, SEPTEMBER = Month(2026, 6), Month(2026, 8), Month(2026, 9)
PLAIN = book(per_unit("0.01"))
COMMITTED = replace(PLAIN, contracts={"c": Contract("c", (), Decimal(300))})


def world_of(engine: Engine, *books: PriceBook) -> BillingWorld:
    return BillingWorld(engine, books)


def org(world: BillingWorld, org_id: str, *, currency: str = "usd", since: date | None = None) -> str:
    """An organization, with the contract `c` from a day on."""
    start = None if since is None else datetime(since.year, since.month, since.day, tzinfo=UTC)
    terms = TermsRow(currency, None if start is None else "c", contract_from=start)
    world.organizations.save([OrgRow("test", {"org_id": org_id, "name": org_id}, terms)], EVER)
    return org_id


def held(world: BillingWorld, month: Month) -> dict[str, str]:
    return dict(world.close(month).held)


def amounts(world: BillingWorld, month: Month, org_id: str) -> list[int]:
    return [amount for _, _, amount, _ in world.lines(month, org_id)]


def test_a_contract_that_a_new_book_forgets_holds_an_org_without_usage_too(engine: Engine) -> None:
    world = world_of(engine, COMMITTED, replace(PLAIN, effective_from=date(2026, 9, 1)))
    acme = org(world, "acme", since=date(2026, 7, 1))
    assert held(world, AUGUST) == {}
    assert amounts(world, AUGUST, acme) == [30000]
    assert held(world, SEPTEMBER) == {acme: "unknown_contract"}


def test_a_contract_that_only_the_book_of_another_currency_has_holds_the_org(engine: Engine) -> None:
    world = world_of(engine, COMMITTED, replace(PLAIN, currency="eur"))
    bolt, calm = org(world, "bolt", currency="eur", since=date(2026, 7, 1)), org(world, "calm", currency="eur")
    assert held(world, SEPTEMBER) == {bolt: "unknown_contract"}
    assert amounts(world, SEPTEMBER, calm) == []


def test_a_contract_in_a_currency_without_any_book_holds_the_org(engine: Engine) -> None:
    world = world_of(engine, COMMITTED)
    bolt = org(world, "bolt", currency="eur", since=date(2026, 7, 1))
    org(world, "calm", currency="eur")
    assert held(world, SEPTEMBER) == {bolt: "no_price_book"}


@pytest.mark.parametrize("contract_of_another", [None, date(2026, 6, 20)])
def test_usage_before_the_first_book_is_held_whoever_else_is_billed(
    engine: Engine, contract_of_another: date | None
) -> None:
    world = world_of(engine, replace(COMMITTED, effective_from=date(2026, 6, 16)))
    early, late = org(world, "early"), org(world, "late")
    org(world, "other", since=contract_of_another)
    for each, days in ((early, (5, 20)), (late, (16, 20))):
        for day in days:
            world.usage.add(JUNE, each, 5000, day=date(2026, 6, day))
    report = world.close(JUNE)
    assert report.held == [(early, "unpriced_meter")]
    assert amounts(world, JUNE, late) == [10000]


@pytest.mark.parametrize(
    ("since", "minimum", "code"),
    [(date(2026, 6, 20), 11000, None), (date(2026, 6, 16), 15000, None), (date(2026, 6, 1), None, "no_price_book")],
)
def test_a_minimum_is_due_for_its_share_of_the_month_though_the_first_book_begins_within_it(
    engine: Engine, since: date, minimum: int | None, code: str | None
) -> None:
    world = world_of(engine, replace(COMMITTED, effective_from=date(2026, 6, 16)))
    acme = org(world, "acme", since=since)
    assert held(world, JUNE) == ({} if code is None else {acme: code})
    if minimum is not None:
        assert amounts(world, JUNE, acme) == [minimum]
