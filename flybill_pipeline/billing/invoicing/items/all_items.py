"""What an org is billed beside usage, together: its plans, one-off items, credits and discounts. Each has a module."""

from dataclasses import dataclass

from flybill_pipeline.billing.invoicing.items.credits import Credit
from flybill_pipeline.billing.invoicing.items.discounts import Discount
from flybill_pipeline.billing.invoicing.items.one_off_items import OneOffItem, one_off_lines
from flybill_pipeline.billing.invoicing.items.subscriptions import SubscriptionPeriod, Timing, subscription_lines
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem


@dataclass(frozen=True, slots=True)
class OrgItems:
    """All that one org has, whatever month it is for. Credits have what is left of them."""

    subscriptions: tuple[SubscriptionPeriod, ...] = ()
    one_offs: tuple[OneOffItem, ...] = ()
    credits: tuple[Credit, ...] = ()
    discounts: tuple[Discount, ...] = ()


NO_ITEMS = OrgItems()


def fixed_lines(items: OrgItems, service_month: Month) -> tuple[LineItem, ...]:
    """The lines of a service month that do not come from usage, whichever invoice bills them."""
    return (*subscription_lines(items.subscriptions, service_month), *one_off_lines(items.one_offs, service_month))


def advance_lines(items: OrgItems, service_month: Month) -> tuple[LineItem, ...]:
    """Those of them that the invoice of the month before bills."""
    ahead = [period for period in items.subscriptions if period.plan.timing is Timing.ADVANCE]
    return subscription_lines(ahead, service_month)
