"""What speaks against items that are dated in months which were billed without them. Reads only; stored by items.py."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection

from flybill_pipeline.billing.invoicing.items.discounts import Discount
from flybill_pipeline.billing.invoicing.items.still_billed import all_billed, still_billed
from flybill_pipeline.billing.invoicing.items.subscriptions import SubscriptionPeriod
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.money.proration import overlap
from flybill_pipeline.stores.invoicing.items_file import Item
from flybill_pipeline.stores.invoicing.settled import settled_and_held


def too_late(
    connection: Connection, dated: Sequence[Item], new: Sequence[Item], lookback_months: int
) -> Iterator[tuple[Item, str]]:
    """The faults of items that no invoice, or none of the months that they name, would meet any more.

    Plans and one-off items of `dated` are billed by later invoices, as far as these look back. A settled month keeps
    the discounts and credits that it had, so those that are `new` have nothing to do in it.
    """
    settled, held = settled_and_held(connection, {item.org_id for item in (*dated, *new)})
    for item in dated:
        if (months := settled.get(item.org_id)) and item.kind in {"subscription", "one_off"}:
            waiting = held.get(item.org_id, set())
            first_billed = {
                month: still_billed(month, months, lookback_months, waiting) for month in _due_in(item, months)
            }
            lost = [month for month, billed in first_billed.items() if billed != month]
            if lost:
                yield item, _too_old(item, lost[0], first_billed[lost[-1]])
    for item in new:
        of_org = settled.get(item.org_id, set()), held.get(item.org_id, set())
        if item.kind in PROMISES and (fault := PROMISES[item.kind](item, *of_org)):
            yield item, fault


def _due_in(item: Item, settled: Collection[Month]) -> Iterator[Month]:
    """The months for which it is due: of a plan those from the first settled one to the last."""
    month = Month.of(item.begins)
    if item.kind == "one_off":
        yield month
        return
    end = datetime.fromisoformat(item.content["end"]) if "end" in item.content else max(settled).end
    month = max(month, min(settled))
    while month <= max(settled) and month.start < end:
        yield month
        month = month.next()


def _too_old(item: Item, first: Month, oldest: Month) -> str:
    instead = (
        f"start it on {oldest.first_day}, and add a one_off of {oldest} for what is older"
        if item.kind == "subscription"
        else f"give {oldest} or a later month"
    )
    return (
        f"no invoice of {item.org_id} bills {first} any more, in which {item.kind} {item.item_id!r} is due: {instead}"
    )


def _discount(item: Item, settled: Collection[Month], held: Collection[Month]) -> str | None:
    end = Month.parse(item.content.get("end", "9998-12"))
    if "start" not in item.content:
        if all_billed(min({*settled, *held}, default=end), end.start, settled, held):
            return f"each month of discount {item.item_id!r} was billed without it: add a one_off below zero instead"
        return None
    first = Month.parse(item.content["start"])
    missed = sorted(month for month in settled if first <= month < end)
    if not missed:
        return None
    oldest = missed[-1].next()
    later = f"start it in {oldest}, and add a one_off below zero for what is older"
    instead = later if oldest < end else "add a one_off below zero instead"
    return f"{missed[0]} was billed without discount {item.item_id!r}: {instead}"


def _credit(item: Item, settled: Collection[Month], held: Collection[Month]) -> str | None:
    if "end" not in item.content:
        return None
    if not all_billed(Month.of(item.begins), datetime.fromisoformat(item.content["end"]), settled, held):
        return None
    return f"all that credit {item.item_id!r} could pay was billed without it: add a one_off below zero instead"


def kept(connection: Connection, changes: Sequence[tuple[str, Discount, Discount]]) -> dict[str, list[Month]]:
    """Per discount the settled months that it held in and would no more; each change is an org, the old, the new."""
    settled, _ = settled_and_held(connection, {org_id for org_id, *_ in changes})
    found = {
        new.discount_id: [month for month in sorted(settled[org_id]) if old.applies_in(month) > new.applies_in(month)]
        for org_id, old, new in changes
    }
    return {discount_id: months for discount_id, months in found.items() if months}


def kept_plans(
    connection: Connection,
    changes: Sequence[tuple[str, SubscriptionPeriod, SubscriptionPeriod]],
    lookback_months: int,
) -> dict[str, list[Month]]:
    """Per plan the settled months in which it would run otherwise, and which no invoice looks back to any more.

    Each change is an org, the old period and the new one.
    """
    settled, held = settled_and_held(connection, {org_id for org_id, *_ in changes})
    found: dict[str, list[Month]] = {}
    for org_id, old, new in changes:
        for month in sorted(settled[org_id]):
            same = overlap(month, old.start, old.end) == overlap(month, new.start, new.end)
            if not same and still_billed(month, settled[org_id], lookback_months, held[org_id]) != month:
                found.setdefault(old.subscription_id, []).append(month)
    return found


PROMISES = {"discount": _discount, "credit": _credit}
