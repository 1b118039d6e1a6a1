"""What other prices would have billed, beside plans, minimums and discounts: all of which share the bill with usage."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from flybill_pipeline.billing.invoicing.items.all_items import OrgItems
from flybill_pipeline.billing.invoicing.items.discounts import Discount
from flybill_pipeline.billing.invoicing.items.one_off_items import OneOffItem
from flybill_pipeline.billing.invoicing.items.subscriptions import (
    Plan,
    SubscriptionPeriod,
    Timing,
    subscription_lines,
)
from flybill_pipeline.billing.invoicing.late_usage import BilledLine
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import BilledOrg
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.price_changes import ContractDays, one_book
from flybill_pipeline.billing.pricing.prices import Contract, PriceBook
from flybill_pipeline.billing.usage.totals import OrgUsage
from flybill_pipeline.steps.pricing.reprice_month import Difference, fixed_accounts, reprice_shard
from flybill_pipeline_tests.billing.invoicing.test_late_usage import as_billed
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


class BilledBefore:
    """What September's invoice has of October: a plan that is billed ahead, or nothing."""

    def __init__(self, plan: SubscriptionPeriod | None) -> None:
        self._lines = as_billed(subscription_lines([plan] if plan else [], OCTOBER))

    def billed(
        self, service_month: Month, except_month: Month, shard: int, org_ids: Collection[str]
    ) -> Mapping[str, Sequence[BilledLine]]:
        lines = self._lines if service_month == OCTOBER else ()
        return {org_id: [replace(line, billed_in=OCTOBER.previous()) for line in lines] for org_id in org_ids}


def total(items: OrgItems, contracts: tuple[ContractDays, ...] = OCTOBER_ACME, *, billed: bool = False) -> Difference:
    """At a cent a second, and at 1.2; with `billed` what was due ahead of October stands on the invoice before."""
    now, other = (one_book(with_minimum(amount), OCTOBER) for amount in ("0.01", "0.012"))
    part, orgs = ShardMonth(OCTOBER, 0, OCTOBER.end), [BilledOrg("org-1", "usd", contracts)]
    before = BilledBefore(items.subscriptions[0] if billed else None)
    accounts = fixed_accounts(part, orgs, {"org-1": items}, before)
    (found,) = reprice_shard(part, orgs, Used(), accounts, lambda _: now, lambda _: other)
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


def ahead(start: Month, end: Month) -> SubscriptionPeriod:
    """$29 a month, billed before the month."""
    return SubscriptionPeriod("plan", Plan("Team", "usd", Decimal(29), Timing.ADVANCE), 1, start.start, end.start)


@pytest.mark.parametrize(
    ("plan", "billed", "expected"),
    [
        (ahead(OCTOBER.next(), OCTOBER.next().next()), False, Difference(2400, 3400)),  # 50 + 29 - 55, 60 + 29 - 55
        (ahead(OCTOBER, OCTOBER.next()), True, Difference(0, 500)),
        (ahead(OCTOBER, OCTOBER.next()), False, Difference(2400, 3400)),  # imported after September was closed
    ],
)
def test_a_plan_meets_the_discounts_of_the_invoice_that_it_is_on(
    plan: SubscriptionPeriod, billed: bool, expected: Difference
) -> None:
    off = Discount("d", "d", amount_minor=5500, currency="usd")
    assert total(OrgItems((plan,), discounts=(off,)), (), billed=billed) == expected


def test_a_plan_that_was_billed_before_its_month_counts_for_the_minimum_of_its_month() -> None:
    plan = ahead(OCTOBER, OCTOBER.next())
    assert total(OrgItems((plan,)), billed=True) == Difference(5000, 6000)
