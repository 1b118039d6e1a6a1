"""Usage of organizations that nobody imported: held, and what ends it."""

from collections.abc import Collection, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing import models
from flybill_pipeline.billing.pricing.prices import Price
from flybill_pipeline.billing.usage.totals import OrgUsage
from flybill_pipeline_tests.billing.pricing.books import book, tier
from flybill_pipeline_tests.worlds.billing import BillingWorld

OCT = Month(2026, 10)


@pytest.fixture
def world(engine: Engine) -> BillingWorld:
    return BillingWorld(engine, (book(Price("seconds", models.GRADUATED, tiers=(tier(None, "1"),))),))


def test_a_stranger_is_held_until_somebody_imports_it(world: BillingWorld) -> None:
    world.usage.add(OCT, "acme", 90)
    assert world.close(OCT).held == [("acme", "unknown_org")]
    (failure,) = world.statements.failures(OCT)
    assert failure.remedy == "Import it with `flybill import-orgs FILE`, then close the month again."
    world.org("acme")
    (failure,) = world.statements.failures(OCT)
    assert failure.message == "There is usage for acme, which was imported since."
    assert failure.remedy == "Close the month again."
    report = world.close(OCT)
    assert (report.outcomes, report.invoiced) == ({"invoiced": 1}, {"usd": 9000})


def test_a_stranger_whose_usage_turned_out_to_be_anothers_is_held_no_more(world: BillingWorld) -> None:
    world.org("acme")
    world.usage.add(OCT, "acmee", 90)
    assert world.close(OCT).held == [("acmee", "unknown_org")]
    assert [failure.org_id for failure in world.statements.failures(OCT)] == ["acmee"]
    world.usage.totals[OCT].clear()
    world.usage.add(OCT, "acme", 90)
    world.close(OCT)
    assert world.statements.failures(OCT) == []
    assert world.close(OCT).outcomes == {}


def test_once_all_others_are_settled_only_a_strangers_usage_is_read(
    world: BillingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.org("acme")
    world.usage.add(OCT, "acme", 90)
    world.close(OCT)
    read, of_month = list[str](), world.usage.of_month

    def noted(month: Month, shard: int, org_ids: Collection[str] = (), **detail: Any) -> Iterator[OrgUsage]:
        for each in of_month(month, shard, org_ids, **detail):
            read.append(each.org_id)
            yield each

    monkeypatch.setattr(world.usage, "of_month", noted)
    world.close(OCT)
    world.usage.add(OCT, "acmee", 5)
    assert world.close(OCT).held == [("acmee", "unknown_org")]
    assert read == ["acmee"]
