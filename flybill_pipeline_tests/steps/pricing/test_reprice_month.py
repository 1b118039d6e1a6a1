"""What other prices would have billed, beside plans, minimums and discounts: all of which share the bill with usage."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from flybill_pipeline.billing.invoicing.items.all_items import OrgItems
from flybill_pipeline.billing.invoicing.items.discounts import Discount
from flybill_pipeline.billing.invoicing.items.one_off_items import OneOffItem
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import BilledOrg
from flybill_pipeline.billing.pricing.price_changes import ContractDays, one_book
from flybill_pipeline.billing.pricing.prices import Contract, PriceBook
from flybill_pipeline.billing.usage.totals import OrgUsage
from flybill_pipeline.steps.pricing.reprice_month import Difference, reprice_shard
from flybill_pipeline_tests.billing.pricing.books import OCTOBER, book, per_unit, used

OCTOBER_ACME = (ContractDays("acme", OCTOBER.first_day, OCTOBER.next().first_day),)


class Used:
    """5,000 seconds in October."""

    def orgs(self, *args: Any) -> dict[str, bool]:
        raise NotImplementedError  # only a running month is asked

    def of_month(self, *args: Any, **kwargs: Any) -> Iterator[OrgUsage]:
        yield OrgUsage("org-1", (used("5000"),), OCTOBER.end)


def with_minimum(unit_amount: str) -> PriceBook:
    return replace(book(per_unit(unit_amount)), contracts={"acme": Contract("acme", minimum_spend=Decimal(60))})


def total(items: OrgItems) -> Difference:
    """At a cent a second, and at 1.2."""
    now, other = (one_book(with_minimum(amount), OCTOBER) for amount in ("0.01", "0.012"))
    all_items = {"org-1": items}
    (found,) = reprice_shard(
        ShardMonth(OCTOBER, 0, OCTOBER.end),
        [BilledOrg("org-1", "usd", OCTOBER_ACME)],
        Used(),
        all_items,
        lambda _: now,
        lambda _: other,
    )
    assert sum(part.difference_minor for part in found.meters.values()) == found.total.difference_minor
    return found.total


def test_a_minimum_takes_in_what_is_missing_on_either_side() -> None:
    assert total(OrgItems()) == Difference(6000, 6000)


def test_what_is_not_usage_counts_for_the_minimum() -> None:
    item = OneOffItem("setup", OCTOBER, "Setup", 2000, "usd")
    assert total(OrgItems(one_offs=(item,))) == Difference(7000, 8000)


def test_a_discount_takes_its_part_of_the_difference() -> None:
    item = OneOffItem("setup", OCTOBER, "Setup", 2000, "usd")
    tenth = Discount("d", "d", percent=Decimal(10))
    assert total(OrgItems(one_offs=(item,), discounts=(tenth,))) == Difference(6300, 7200)
