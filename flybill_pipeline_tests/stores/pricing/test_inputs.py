"""What was priced from stays readable: totals, measures and events as they were, whatever is landed afterwards."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine

from flybill_pipeline.billing.invoicing.terms import OrgTerms
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth, fingerprint, measures_needed, one_book
from flybill_pipeline.billing.pricing.prices import PriceBook
from flybill_pipeline.billing.pricing.usage_lines import price_month
from flybill_pipeline.questions.explained import LakeView
from flybill_pipeline.steps.pricing.explain_lines import Before, Explained, Lakes, explain_lines
from flybill_pipeline.stores.pricing.inputs import Inputs, PricingInputs
from flybill_pipeline.stores.usage.lake.lake import UsageLake
from flybill_pipeline.stores.usage.lake.pinned_catalog import PinnedCatalog
from flybill_pipeline.stores.usage.months.monthly_usage import MonthlyUsage
from flybill_pipeline_tests.billing.pricing.books import per_unit
from flybill_pipeline_tests.stores.usage.months.measured import APRIL, MARCH, measured_by
from flybill_pipeline_tests.stores.usage.months.test_measured_usage import SOURCES, event, land
from flybill_pipeline_tests.stores.usage.usage_world import UsageWorld, jsonl


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> UsageWorld:
    return UsageWorld(tmp_path, engine, SOURCES)


def lake_as_of(world: UsageWorld, inputs: Inputs) -> UsageLake:
    return UsageLake(world.lake.storage, PinnedCatalog(world.catalog.engine, inputs.days), shards=16)


def line(lake: UsageLake, book: PriceBook) -> LineItem:
    books = one_book(book, APRIL)
    (usage,) = MonthlyUsage(lake).of_month(APRIL, None, measures=measures_needed([books]))
    (found,) = price_month(books, usage.totals).lines
    return found


def explain(found: LineItem, lakes: Lakes, book: PriceBook) -> Explained:
    books: BooksOfMonth = one_book(book, APRIL)
    (answer,) = explain_lines(OrgTerms("acme", "usd"), [found], lambda _: lakes, lambda _: lambda _: books)
    return answer


def told(explained: Explained) -> list[Decimal]:
    return sorted(quantity for _, quantity in explained.events)


def test_the_same_inputs_are_kept_once_and_others_beside_them(world: UsageWorld) -> None:
    land(world, event("04-10T00:00:00", "4"), event("05-01T00:00:00", "9"))
    inputs = PricingInputs(world.catalog.engine)
    first = inputs.keep(APRIL, {"usd": "a"})
    assert first.days.keys() == {date(2026, 4, 10)}
    assert inputs.keep(APRIL, {"usd": "a"}) == first == inputs.find(first.inputs_id)
    assert inputs.keep(APRIL, {"usd": "b"}).inputs_id != first.inputs_id
    land(world, event("04-10T01:00:00", "5"))
    assert inputs.keep(APRIL, {"usd": "a"}).days != first.days


@pytest.mark.parametrize("aggregation", ["sum", "count", "max", "latest", "unique_count", "time_weighted"])
def test_a_month_is_priced_again_as_it_was(world: UsageWorld, aggregation: str) -> None:
    book = measured_by(aggregation)
    land(world, event("03-10T00:00:00", "1"), event("04-10T00:00:00", "4"), event("04-12T12:00:00", "7"))
    kept = PricingInputs(world.catalog.engine).keep(APRIL, {})
    before = line(lake_as_of(world, kept), book)
    for measures in (world.lake.root / "measures").rglob("*.parquet"):
        measures.unlink()  # measured again from the manifests of then, not from today's
    land(world, event("03-11T00:00:00", "2"), event("04-10T01:00:00", "90"), event("04-20T00:00:00", "-1"))
    land(world, event("04-21T00:00:00", "3"))
    assert line(lake_as_of(world, kept), book) == before
    assert line(world.lake, book).quantity != before.quantity


def test_an_adjustment_is_explained_by_what_came_and_what_was_replaced(world: UsageWorld) -> None:
    book = measured_by("sum")
    inputs, early = PricingInputs(world.catalog.engine), event("04-10T00:00:00", "4")
    world.put("usage/a.jsonl", jsonl(early, event("04-12T00:00:00", "1")))
    land(world, event("04-11T00:00:00", "2"))
    then = lake_as_of(world, inputs.keep(APRIL, {}))
    billed = line(then, book)
    world.put("usage/a.jsonl", jsonl({**early, "q": "6"}, event("04-12T00:00:00", "1", "b")))
    land(world, event("04-11T00:00:00", "2.5"))
    adjustment = line(world.lake, book)._replace(kind="adjustment")
    now, priced = LakeView(world.lake), LakeView(then)
    assert told(explain(billed, Lakes(priced), book)) == [1, 2, 4]
    assert told(explain(adjustment, Lakes(now, before=Before(priced)), book)) == [-4, -1, 1, Decimal("2.5"), 6]
    later = explain(billed, Lakes(priced, now=now), book).later
    assert sum(quantity for _, quantity in later) == adjustment.usage - billed.usage


def test_a_fingerprint_changes_with_any_price() -> None:
    book = measured_by("sum")
    dearer = replace(book, prices=(per_unit("1.0001", "disk"),))
    assert fingerprint(one_book(book, MARCH)) == fingerprint(one_book(measured_by("sum"), MARCH))
    assert fingerprint(one_book(book, MARCH)) != fingerprint(one_book(dearer, MARCH))
