"""Prices a month of a test's usage by a meter of one kind. No usage and no expectations here."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.price_changes import books_of_month, measures_needed
from flybill_pipeline.billing.pricing.prices import PriceBook, PriceBooks
from flybill_pipeline.billing.pricing.usage_lines import price_month
from flybill_pipeline.billing.usage.meters import Aggregation, Meter
from flybill_pipeline.billing.usage.totals import EACH_DAY
from flybill_pipeline.stores.usage.months.monthly_usage import MonthlyUsage
from flybill_pipeline_tests.billing.pricing.books import book, per_unit
from flybill_pipeline_tests.stores.usage.usage_world import UsageWorld

MARCH, APRIL = Month(2026, 3), Month(2026, 4)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def measured_by(aggregation: str, unit_amount: str = "1", **more: Any) -> PriceBook:
    found = book(per_unit(unit_amount, "disk"))
    return replace(found, meters={"disk": Meter("disk", Aggregation(aggregation), "unit", **more)})


def lines(
    world: UsageWorld, month: Month, *books: PriceBook, until: datetime | None = None, org: str = "acme"
) -> Sequence[LineItem]:
    in_force = books_of_month(PriceBooks(books), "usd", month)
    assert in_force is not None
    found = MonthlyUsage(world.lake).of_month(
        month,
        None,
        [org],
        days_from=EACH_DAY if len(in_force.parts) > 1 else None,
        measures=measures_needed([in_force]),
        until=until,
    )
    priced = price_month(in_force, [total for usage in found for total in usage.totals])
    assert priced.unpriced == ()
    return priced.lines
