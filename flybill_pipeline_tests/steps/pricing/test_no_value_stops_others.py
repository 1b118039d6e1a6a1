"""Whatever value one organization's usage carries, the others of its shard are billed, and nothing goes missing."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing import models
from flybill_pipeline.billing.pricing.prices import Price
from flybill_pipeline.steps.usage.account_for_usage import account_for_usage
from flybill_pipeline.stores.usage.intake import judging
from flybill_pipeline.stores.usage.months.monthly_usage import MonthlyUsage
from flybill_pipeline_tests.billing.pricing.books import book, tier
from flybill_pipeline_tests.stores.usage.usage_world import UsageWorld
from flybill_pipeline_tests.worlds.billing import BillingWorld

OCT = Month(2026, 10)
LARGEST = Decimal("999999999999999")


@pytest.fixture
def world(engine: Engine) -> BillingWorld:
    by_region = Price("seconds", models.GRADUATED, tiers=(tier(None, "1"),), group_by=("region",))
    dear = Price("rockets", models.GRADUATED, tiers=(tier(None, "1000000"),))
    made = BillingWorld(engine, (book(by_region, dear),))
    made.org("acme")
    made.org("bolt")
    made.usage.add(OCT, "acme", 90)
    return made


def test_lines_that_no_column_holds_hold_their_org_only(world: BillingWorld) -> None:
    """The second wall: a text that came past the lake, which shows NULs as a sign."""
    world.usage.add(OCT, "bolt", 3, region="i\0ad")
    world.usage.add(OCT, "bolt", 5)
    report = world.close(OCT)
    assert (report.outcomes, report.invoiced) == ({"invoiced": 1, "held": 1}, {"usd": 9000})
    (failure,) = world.statements.failures(OCT)
    assert (failure.org_id, failure.code) == ("bolt", "not_storable")
    assert "invalid byte sequence" in failure.message
    assert failure.remedy
    (account,) = account_for_usage(OCT, world.usage, world.checks, 3)
    assert (account.landed, account.missing) == (Decimal(98), Decimal(0))


def test_a_held_org_is_billed_once_its_usage_is_mended(world: BillingWorld) -> None:
    world.usage.add(OCT, "bolt", 3, region="i\0ad")
    world.close(OCT)
    world.usage.totals[OCT].pop()
    world.usage.add(OCT, "bolt", 7)
    assert world.close(OCT).invoiced == {"usd": 700}


def test_an_amount_that_no_column_holds_holds_its_org_only(world: BillingWorld) -> None:
    world.usage.add(OCT, "bolt", LARGEST, "rockets")
    report = world.close(OCT)
    assert (report.outcomes, report.invoiced) == ({"invoiced": 1, "held": 1}, {"usd": 9000})
    assert [code for _, code in report.held] == ["too_large"]


@pytest.mark.parametrize("org", ["\0", "ac\0me", "x" * 300_000, "".join(map(chr, range(0x4E00, 0x4E00 + 3000)))])
def test_an_organization_that_no_key_can_name_is_a_stranger(world: BillingWorld, org: str) -> None:
    """Rows of homes whose lake is older than the limits of intake."""
    world.usage.add(OCT, org, 3)
    report = world.close(OCT)
    assert (report.outcomes, report.invoiced) == ({"invoiced": 1, "nothing_to_bill": 1, "held": 1}, {"usd": 9000})
    assert [code for _, code in report.held] == ["unknown_org"]
    world.usage.totals[OCT] = [total for total in world.usage.totals[OCT] if total.org_id != org]
    assert (world.close(OCT).held, world.statements.failures(OCT)) == ([], [])


@pytest.mark.parametrize("meter", ["sec\0onds", "m" * 300_000])
def test_a_meter_that_nobody_can_mean_holds_its_org_only(world: BillingWorld, meter: str) -> None:
    world.usage.add(OCT, "bolt", 3, meter)
    report = world.close(OCT)
    assert (report.outcomes, report.invoiced) == ({"invoiced": 1, "held": 1}, {"usd": 9000})


AWKWARD = [
    "\0",
    "a\0b",
    "\\u0000",
    "x" * 500,
    "🙂" * 500,
    "漢" * 3000,
    "x" * 300_000,
    "\\",
    "\t",
    "\\N",
    "\ufffe",
    "'",
    "\x1b",
]
EVENTS = """
[[sources]]
name = "events"
format = "jsonl"
files = "events/*.jsonl"
columns = { event_id = "id", org_id = "org", meter = "meter", quantity = "q", occurred_at = "ts" }
dimensions = { region = "region" }
"""
PLAIN = {"org": "bolt", "meter": "seconds", "q": "1", "ts": "2026-10-05T00:00:00Z", "region": "iad"}


def events() -> list[dict[str, str]]:
    """Every awkward text in every column, and its id once more on another day, where it must not count."""
    rows = [PLAIN | {"id": "plain", "org": "acme"}]
    for number, text in enumerate(AWKWARD):
        rows += [PLAIN | {"id": f"{name}{number}"} | {name: text} for name in ("org", "meter", "region", "id")]
    return rows + [row | {"ts": "2026-10-06T00:00:00Z"} for row in rows]


def through_the_lake(world: BillingWorld, folder: Path, rows: list[dict[str, str]]) -> UsageWorld:
    """Lands the events, and has the months of `world` priced from the lake."""
    usage = UsageWorld(folder, world.engine, EVENTS)
    usage.lake.shards = 1
    usage.put("events/a.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    usage.run()
    world.usage = MonthlyUsage(usage.lake)  # type: ignore[assignment]
    return usage


def acme_only_is_billed(world: BillingWorld) -> None:
    report = world.close(OCT)
    assert (report.invoiced, report.outcomes["held"]) == ({"usd": 100}, len(report.held))
    assert {code for _, code in report.held} == {"unknown_org", "unpriced_meter"}
    assert {account.missing for account in account_for_usage(OCT, world.usage, world.checks, 3)} == {0}


def test_what_intake_takes_every_store_keeps(world: BillingWorld, tmp_path: Path) -> None:
    usage = through_the_lake(world, tmp_path, events())
    days = usage.catalog.manifests().values()
    counted, conflicts = sum(day.rows for day in days), sum(day.conflicts for day in days)
    assert (counted, counted + conflicts + sum(1 for _ in usage.lake.quarantine())) == (conflicts, len(events()))
    acme_only_is_billed(world)


def test_a_lake_from_before_the_limits_stops_nobody(
    world: BillingWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "_text_faults", lambda _: "")
    through_the_lake(world, tmp_path, events()[: len(events()) // 2])
    acme_only_is_billed(world)
    assert world.close(OCT.next()).invoiced == {}
