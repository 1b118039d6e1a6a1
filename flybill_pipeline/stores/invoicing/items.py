"""Items at rest: subscriptions, one-off items, credits, discounts; every version of each stays. No prices of usage."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, func, insert, select, text
from sqlalchemy.dialects.postgresql import distinct_on

from flybill_pipeline.billing.invoicing.items.all_items import OrgItems
from flybill_pipeline.billing.invoicing.items.credits import DEFAULT_PRIORITY, Credit
from flybill_pipeline.billing.invoicing.items.discounts import Discount
from flybill_pipeline.billing.invoicing.items.one_off_items import OneOffItem
from flybill_pipeline.billing.invoicing.items.subscriptions import Plan, SubscriptionPeriod, Timing
from flybill_pipeline.billing.invoicing.terms import OrgTerms
from flybill_pipeline.billing.money.amounts import to_minor
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import line_id
from flybill_pipeline.stores.invoicing.items_file import Item, refused
from flybill_pipeline.stores.invoicing.items_too_late import kept, kept_plans, too_late
from flybill_pipeline.stores.invoicing.meter_names import stored_meters
from flybill_pipeline.stores.invoicing.org_terms import CURRENCY, read_terms
from flybill_pipeline.stores.invoicing.tables import billing_items, credit_uses, line_items, organizations, outcomes

MAY_END = ("subscription", "discount", "credit")
INSTEAD = {
    "subscription": "add a row with the same item_id and a later start: the change begins there",
    "one_off": "add another one_off with the difference",
    "credit": "add another credit",
    "discount": "give it an end, and add another discount",
}


class Items:
    """The items of every org."""

    def __init__(self, engine: Engine, lookback_months: int) -> None:
        self._engine = engine
        self._lookback = lookback_months

    def save(self, file: Path, items: Sequence[Item]) -> tuple[int, int]:
        """Stores the items of `file`, all or none; returns how many were new and how many changed.

        What is stored already stays as it is. Raises ImportRefusedError with everything that contradicts it.
        """
        with self._engine.begin() as connection:
            connection.execute(text("select pg_advisory_xact_lock(hashtext('flybill items'))"))
            ids = {item.item_id for item in items}
            stored = {
                (row.item_id, row.period): row for row in connection.execute(_latest(billing_items.c.item_id, ids))
            }
            owners = {item_id: row for (item_id, _), row in stored.items()}
            orgs = _organizations(connection, {item.org_id for item in items})
            faults = [
                (item, fault)
                for item in items
                if (fault := _fault(connection, item, orgs, owners, stored.get((item.item_id, item.period))))
            ]
            changed = [item for item in items if not _same(item, stored.get((item.item_id, item.period)))]
            new = [item for item in changed if (item.item_id, item.period) not in stored]
            faults += too_late(connection, [item for item in changed if not _ends(item, stored)], new, self._lookback)
            if faults:
                raise refused(file, faults)
            if changed:
                connection.execute(insert(billing_items), [_row(item, orgs[item.org_id][1]) for item in changed])
        return len(new), len(changed) - len(new)

    def kept_discounts(self, items: Sequence[Item]) -> dict[str, list[Month]]:
        """Per discount that `items` end earlier the settled months after that end: they keep what it took off.

        To be asked before they are saved.
        """
        with self._engine.connect() as connection:
            new = {item.item_id: item for item in items if item.kind == "discount"}
            stored = connection.execute(_latest(billing_items.c.item_id, set(new)))
            old = {row.item_id: _discount(row) for row in stored if row.kind == "discount"}
            changes = [(new[each].org_id, old[each], _discount(new[each])) for each in old]
            return kept(connection, changes)

    def kept_plans(self, items: Sequence[Item]) -> dict[str, list[Month]]:
        """Per plan that `items` end otherwise the settled months that stay as they were billed: they are too old.

        To be asked before they are saved.
        """
        with self._engine.connect() as connection:
            new = {(item.item_id, item.period): item for item in items if item.kind == "subscription"}
            stored = connection.execute(_latest(billing_items.c.item_id, {item_id for item_id, _ in new}))
            old = {(row.item_id, row.period): row for row in stored if row.kind == "subscription"}
            changes = [
                (row.org_id, before, after)
                for row, before, after in zip(
                    old.values(),
                    _periods(list(old.values())),
                    _periods([new.get(key, row) for key, row in old.items()]),
                    strict=True,
                )
            ]
            return kept_plans(connection, changes, self._lookback)

    def of(self, shard: int, org_ids: Collection[str] = ()) -> dict[str, OrgItems]:
        """Each org's items; orgs without any are absent. Credits are those of now: less what settled months used."""
        rows: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
        query = _latest(billing_items.c.org_id, org_ids) if org_ids else _latest()
        with self._engine.connect() as connection:
            for row in connection.execute(query.where(billing_items.c.shard == shard)):
                rows[row.org_id][row.kind].append(row)
            used = _used(connection, shard, org_ids) if any("credit" in kinds for kinds in rows.values()) else {}
        return {org_id: _org_items(kinds, used) for org_id, kinds in rows.items()}


def overdrawn(connection: Connection, credit_ids: Collection[str]) -> list[str]:
    """Those of the credits from which more was taken than they hold."""
    if not credit_ids:
        return []
    used = select(credit_uses.c.credit_id, func.sum(credit_uses.c.amount_minor).label("used_minor"))
    uses = used.where(credit_uses.c.credit_id.in_(credit_ids)).group_by(credit_uses.c.credit_id)
    taken = {row.credit_id: int(row.used_minor) for row in connection.execute(uses)}
    held = connection.execute(_latest(billing_items.c.item_id, credit_ids))
    return sorted(row.item_id for row in held if _credit(row, taken[row.item_id]).left_minor < 0)


def _latest(column: Any = None, values: Collection[str] = ()) -> Select[Any]:
    """The last version of every item, or of those with one of `values` in `column`."""
    item = billing_items.c
    query = select(billing_items).ext(distinct_on(item.item_id, item.period))
    if column is not None:
        query = query.where(column.in_(values))
    return query.order_by(item.item_id, item.period, item.entry_id.desc())


def _organizations(connection: Connection, org_ids: Collection[str]) -> dict[str, tuple[OrgTerms, int]]:
    """Per org its terms and its shard."""
    org = organizations.c
    query = select(org.org_id, org.currency, org.shard).where(org.org_id.in_(org_ids))
    terms = read_terms(connection, org_ids=org_ids) if org_ids else {}
    return {
        row.org_id: (OrgTerms(row.org_id, row.currency, terms.get(row.org_id, {}).get(CURRENCY, ())), row.shard)
        for row in connection.execute(query)
    }


def _used(connection: Connection, shard: int, org_ids: Collection[str]) -> dict[str, int]:
    use = credit_uses.c
    of_orgs = [use.org_id.in_(org_ids)] if org_ids else []
    query = (
        select(use.credit_id, func.sum(use.amount_minor))
        .join(organizations, organizations.c.org_id == use.org_id)
        .where(organizations.c.shard == shard, *of_orgs)
        .group_by(use.credit_id)
    )
    return {credit_id: int(amount) for credit_id, amount in connection.execute(query)}


def _fault(
    connection: Connection, item: Item, orgs: Mapping[str, tuple[OrgTerms, int]], owners: Mapping[str, Any], stored: Any
) -> str | None:
    """What speaks against storing the item, in one sentence with its remedy; None when nothing does."""
    org, owner = orgs.get(item.org_id), owners.get(item.item_id)
    if org is None:
        return f"organization {item.org_id!r} is not known: import it with `flybill import-orgs FILE` first"
    currency, known = item.content.get("currency"), org[0].currencies_from(item.begins)
    if currency not in (None, *known) and (stored is None or not _only_ends(item, stored)):
        return f"{item.org_id} is billed in {' and '.join(known)}, not in {currency}: give the amount in {known[-1]}"
    if owner is not None and (owner.kind, owner.org_id) != (item.kind, item.org_id):
        return f"item_id {item.item_id!r} is a {owner.kind} of {owner.org_id} already: use another item_id"
    if stored is None or _same(item, stored) or _only_ends(item, stored):
        return None
    if month := _billed_in(connection, item, stored):
        return f"{item.kind} {item.item_id!r} was billed in {month} as it was: {INSTEAD[item.kind]}"
    return None


def _never_began(content: Mapping[str, str]) -> bool:
    """Whether a subscription was cancelled before it began."""
    return "start" in content and content.get("end") == content["start"]


def _same(item: Item, stored: Any) -> bool:
    return stored is not None and stored.content == dict(item.content)


def _only_ends(item: Item, stored: Any) -> bool:
    without = [
        {name: value for name, value in each.items() if name != "end"} for each in (item.content, stored.content)
    ]
    return item.kind in MAY_END and without[0] == without[1]


def _ends(item: Item, stored: Mapping[tuple[str, str], Any]) -> bool:
    """Whether storing the item takes something away only: nothing that is due could be forgotten."""
    known = stored.get((item.item_id, item.period))
    return _never_began(item.content) or (known is not None and _only_ends(item, known))


def _billed_in(connection: Connection, item: Item, stored: Any) -> str | None:
    """The first settled month whose lines the stored version made."""
    settled = select(outcomes.c.month).where(outcomes.c.org_id == item.org_id, outcomes.c.outcome != "held")
    months = sorted(Month.parse(month) for month in connection.execute(settled).scalars())
    ids = {_line_id(item.item_id, stored, month) for month in {*months, *(month.next() for month in months)}}
    line = line_items.c
    query = (
        select(func.min(line.month))
        .join(outcomes, and_(outcomes.c.month == line.month, outcomes.c.org_id == line.org_id))
        .where(line.month.in_([str(month) for month in months]), line.org_id == item.org_id, line.line_id.in_(ids))
        .where(outcomes.c.outcome != "held")
    )
    month: str | None = connection.execute(query).scalar_one()
    return month


def _line_id(item_id: str, stored: Any, month: Month) -> str:
    match stored.kind:
        case "subscription":
            return line_id("subscription", month, item_id, stored.content["name"], stored.content["start"])
        case "one_off":
            return line_id("one_off", Month.parse(stored.content["month"]), item_id)
        case kind:
            return line_id(kind, month, item_id)


def _row(item: Item, shard: int) -> dict[str, Any]:
    return {
        "item_id": item.item_id,
        "period": item.period,
        "kind": item.kind,
        "org_id": item.org_id,
        "shard": shard,
        "content": dict(item.content),
    }


def _org_items(kinds: Mapping[str, list[Any]], used: Mapping[str, int]) -> OrgItems:
    return OrgItems(
        subscriptions=tuple(_periods(kinds.get("subscription", []))),
        one_offs=tuple(_one_off(row) for row in kinds.get("one_off", [])),
        credits=tuple(_credit(row, used.get(row.item_id, 0)) for row in kinds.get("credit", [])),
        discounts=tuple(_discount(row) for row in kinds.get("discount", [])),
    )


def _periods(rows: Sequence[Any]) -> list[SubscriptionPeriod]:
    """The periods of all subscriptions; one ends when the same subscription's next one starts.

    A period that was cancelled before it began ends no other.
    """
    starts: dict[str, list[datetime]] = defaultdict(list)
    for row in rows:
        if not _never_began(row.content):
            starts[row.item_id].append(datetime.fromisoformat(row.content["start"]))
    periods = []
    for row in rows:
        content = row.content
        start = datetime.fromisoformat(content["start"])
        ends = [other for other in starts[row.item_id] if other > start]
        ends += [datetime.fromisoformat(content["end"])] if "end" in content else []
        plan = Plan(content["name"], content["currency"], Decimal(content["amount"]), Timing(content["timing"]))
        periods.append(SubscriptionPeriod(row.item_id, plan, int(content["seats"]), start, min(ends, default=None)))
    return periods


def _one_off(row: Any) -> OneOffItem:
    content = row.content
    amount_minor = to_minor(Decimal(content["amount"]), content["currency"])
    return OneOffItem(row.item_id, Month.parse(content["month"]), content["name"], amount_minor, content["currency"])


def _credit(row: Any, used_minor: int) -> Credit:
    content = row.content
    return Credit(
        credit_id=row.item_id,
        name=content["name"],
        left_minor=to_minor(Decimal(content["amount"]), content["currency"]) - used_minor,
        currency=content["currency"],
        granted_at=datetime.fromisoformat(content["start"]),
        expires_at=datetime.fromisoformat(content["end"]) if "end" in content else None,
        priority=int(content.get("priority", DEFAULT_PRIORITY)),
    )


def _discount(row: Any) -> Discount:
    content = row.content
    currency = content.get("currency")
    amount = content.get("amount")
    return Discount(
        discount_id=row.item_id,
        name=content["name"],
        percent=Decimal(content["percent"]) if "percent" in content else None,
        amount_minor=None if amount is None else to_minor(Decimal(amount), currency or ""),
        currency=currency,
        meters=stored_meters(content.get("meters", "")),
        start=Month.parse(content["start"]) if "start" in content else None,
        end=Month.parse(content["end"]) if "end" in content else None,
    )
