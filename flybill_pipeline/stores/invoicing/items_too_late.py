"""What speaks against items that are dated in months which were billed without them. Reads only; stored by items.py."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from flybill_pipeline.billing.invoicing.items.still_billed import all_billed, still_billed
from flybill_pipeline.billing.invoicing.outcomes import HELD
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.items_file import Item
from flybill_pipeline.stores.invoicing.tables import outcomes


def too_late(
    connection: Connection, dated: Sequence[Item], new: Sequence[Item], lookback_months: int
) -> Iterator[tuple[Item, str]]:
    """The faults of items that no invoice, or none of the months that they name, would meet any more.

    Plans and one-off items of `dated` are billed by later invoices, as far as these look back. A settled month keeps
    the discounts and credits that it had, so those that are `new` have nothing to do in it.
    """
    settled, held = _months(connection, {item.org_id for item in (*dated, *new)})
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


def kept(
    connection: Connection, discounts: Sequence[Item], stored: Mapping[str, Mapping[str, str]]
) -> dict[str, list[Month]]:
    """Per discount the settled months that it held in by what is `stored`, and would not by what is new."""
    settled, _ = _months(connection, {item.org_id for item in discounts})
    found: dict[str, list[Month]] = {}
    for item in discounts:
        before = stored.get(item.item_id)
        months = [
            month
            for month in sorted(settled.get(item.org_id, ()))
            if before is not None and _holds(before, month) and not _holds(item.content, month)
        ]
        if months:
            found[item.item_id] = months
    return found


def _holds(discount: Mapping[str, str], month: Month) -> bool:
    return discount.get("start", "") <= str(month) < discount.get("end", "9999")


PROMISES = {"discount": _discount, "credit": _credit}
_OfOrgs = Mapping[str, set[Month]]


def _months(connection: Connection, org_ids: Collection[str]) -> tuple[_OfOrgs, _OfOrgs]:
    """Per organization the months that are settled, and those that are held: these will be billed some day."""
    done = outcomes.c
    query = select(done.org_id, done.month, done.outcome).where(done.org_id.in_(org_ids))
    settled: dict[str, set[Month]] = defaultdict(set)
    held: dict[str, set[Month]] = defaultdict(set)
    for org_id, month, outcome in connection.execute(query) if org_ids else ():
        (held if outcome == HELD else settled)[org_id].add(Month.parse(month))
    return settled, held
