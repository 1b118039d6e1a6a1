"""Price books and usage for the billing tests, in few words. No assertions here."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from flybill_pipeline.billing.money.amounts import from_minor
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing import models
from flybill_pipeline.billing.pricing.line_items import LineItem, line_id
from flybill_pipeline.billing.pricing.prices import Contract, Price, PriceBook, Tier
from flybill_pipeline.billing.usage.meters import Aggregation, Meter
from flybill_pipeline.billing.usage.totals import UsageTotal

OCTOBER = Month(2026, 10)


def tier(up_to: str | None, unit_amount: str = "0", flat_amount: str = "0") -> Tier:
    return Tier(None if up_to is None else Decimal(up_to), Decimal(unit_amount), Decimal(flat_amount))


def per_unit(unit_amount: str, meter: str = "seconds", match: Mapping[str, str] | None = None) -> Price:
    return Price(meter, models.PER_UNIT, match or {}, unit_amount=Decimal(unit_amount))


def book(
    *prices: Price, contracts: Mapping[str, tuple[Price, ...]] | None = None, currency: str = "usd", **aggregations: str
) -> PriceBook:
    """A book of 2026-01-01; its meters are those of its prices, sums unless `aggregations` says otherwise."""
    own = {name: Contract(name, found) for name, found in (contracts or {}).items()}
    names = {price.meter for price in (*prices, *(price for c in own.values() for price in c.prices))}
    meters = {name: Meter(name, Aggregation(aggregations.get(name, "sum")), "second") for name in names}
    return PriceBook(currency, date(2026, 1, 1), meters, prices, own)


def used(quantity: str, meter: str = "seconds", day: int | None = None, **dimensions: str) -> UsageTotal:
    when = None if day is None else date(2026, 10, day)
    return UsageTotal("org-1", meter, dimensions, Decimal(quantity), when, 1)


def line(amount_minor: int, name: str = "seconds", currency: str = "usd", month: Month = OCTOBER) -> LineItem:
    """A priced usage line of that amount; its meter is its `name`, and its id follows from it."""
    return LineItem(
        kind="usage",
        line_id=line_id("usage", month, name),
        meter=name,
        dimensions={},
        service_month=month,
        quantity=Decimal(1),
        unit="second",
        amount=from_minor(amount_minor, currency),
        amount_minor=amount_minor,
        currency=currency,
        description=name,
    )
