"""Budgets at rest, the bills that they are compared with, and what was told of them. What is worth telling: billing."""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ARRAY,
    Connection,
    DateTime,
    Engine,
    Integer,
    Text,
    and_,
    func,
    literal,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on, insert

from flybill_pipeline.billing.alerts.budgets import THRESHOLDS, Budget, Unwatched, Warned
from flybill_pipeline.billing.money.amounts import to_minor
from flybill_pipeline.billing.money.decimals import exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.words.budgets import warning_words
from flybill_pipeline.billing.words.english import english
from flybill_pipeline.stores.alerts.budget_tables import budget_warnings, customer_mails
from flybill_pipeline.stores.invoicing.recorded_lines import unexplained_line_of
from flybill_pipeline.stores.invoicing.settled import settled
from flybill_pipeline.stores.invoicing.tables import billing_items, drafts, line_items

_ADDED_UP = tuple(column for column in line_items.c if column.name != "working")
Mails = Callable[[str, Sequence[Warned]], tuple[str, str, str] | None]
"""Gives the id, subject and body of a mail to an organization about its new warnings; None for no mail."""


@dataclass(frozen=True, slots=True)
class DraftedBill:
    """What an open month of an organization was priced to: the lines of its draft, without their workings."""

    currency: str
    usage_up_to: datetime | None
    lines: Sequence[LineItem]


class Budgets:
    """The budgets of organizations. Rows are only added."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, month: Month, shard: int | None = None, org_ids: Collection[str] = ()) -> dict[str, list[Budget]]:
        """Organization → its budgets for the month, of a shard or of some organizations; absent without any.

        Of one budget that one counts that began last, as its last version says.
        """
        item = billing_items.c
        versions = select(billing_items).ext(distinct_on(item.item_id, item.period)).where(item.kind == "budget")
        if shard is not None:
            versions = versions.where(item.shard == shard)
        if org_ids:
            versions = versions.where(item.org_id.in_(org_ids))
        newest = versions.order_by(item.item_id, item.period, item.entry_id.desc())
        begun = dict[str, Any]()
        with self._engine.connect() as connection:
            for row in connection.execute(newest):
                if row.period <= str(month):
                    begun[row.item_id] = row  # in order of their starts
        found: dict[str, list[Budget]] = defaultdict(list)
        for row in begun.values():
            if row.content.get("end", "9999-99") > str(month):
                found[row.org_id].append(_budget(row))
        return dict(found)

    def newest(self) -> dict[int, int]:
        """Shard → a number that grows with each new or changed budget, and any other item; absent without any."""
        item = billing_items.c
        with self._engine.connect() as connection:
            found = connection.execute(select(item.shard, func.max(item.entry_id)).group_by(item.shard))
            return {row.shard: row[1] for row in found}

    def bills(self, month: Month, org_ids: Collection[str]) -> dict[str, DraftedBill]:
        """Organization → what its month comes to; absent where it is settled, or nothing was priced."""
        draft, line = drafts.c, line_items.c
        open_ = (
            select(draft.org_id, draft.currency, draft.usage_up_to)
            .where(draft.month == str(month), draft.org_id.in_(org_ids), draft.currency.is_not(None))
            .where(~settled(draft.org_id, month))
        )
        priced = select(*_ADDED_UP).where(line.month == str(month), line.org_id.in_(org_ids))
        lines: dict[str, list[LineItem]] = defaultdict(list)
        with exact(), self._engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            heads = list(connection.execute(open_))
            for row in connection.execute(priced.order_by(line.org_id, line.line_no)):
                lines[row.org_id].append(unexplained_line_of(row))
        return {row.org_id: DraftedBill(row.currency, row.usage_up_to, lines[row.org_id]) for row in heads}

    def unwatched(
        self, month: Month, shard: int, org_ids: Collection[str] = (), known: datetime | None = None
    ) -> list[Unwatched]:
        """Whose days were not compared with the budgets of today since the draft of the month was priced: of a shard,
        or of some of its organizations. Those without a budget are not among them.

        The days before `known` are known of everybody: who used nothing since is compared again when that moves.
        """
        draft, item = drafts.c, billing_items.c
        versions = select(item.org_id, func.count().label("budgets")).where(item.shard == shard, item.kind == "budget")
        counted = versions.group_by(item.org_id).subquery()
        anew = draft.days_watched_for.is_distinct_from(counted.c.budgets)
        silent = and_(
            draft.usage_up_to < literal(known, DateTime(timezone=True)), draft.days_watched_to.is_distinct_from(known)
        )
        query = (
            select(draft.org_id, draft.priced_at, counted.c.budgets, not_(anew).label("silent"))
            .join(counted, counted.c.org_id == draft.org_id)
            .where(draft.month == str(month), draft.shard == shard)
            .where(or_(anew, silent))
        )
        if org_ids:
            query = query.where(draft.org_id.in_(org_ids))
        with self._engine.connect() as connection:
            return [Unwatched(*row) for row in connection.execute(query)]

    def watched(self, month: Month, seen: Collection[Unwatched], known: datetime | None = None) -> None:
        """Notes that these days were compared, but for drafts that were priced again since they were asked for."""
        columns = zip(*((each.org_id, each.priced_at, each.budgets) for each in seen), strict=True)
        org_ids, priced_at, budgets = (list(column) for column in columns)
        found = (
            func.unnest(
                literal(org_ids, ARRAY(Text)),
                literal(priced_at, ARRAY(DateTime(timezone=True))),
                literal(budgets, ARRAY(Integer)),
            )
            .table_valued("org_id", "priced_at", "budgets", name="seen")
            .render_derived()
        )
        draft = drafts.c
        noted = (
            update(drafts)
            .where(draft.month == str(month), draft.org_id == found.c.org_id, draft.priced_at == found.c.priced_at)
            .values(days_watched_for=found.c.budgets, days_watched_to=known)
        )
        with self._engine.begin() as connection:
            connection.execute(noted)

    def told(self, month: Month, org_ids: Collection[str]) -> set[str]:
        """The ids of what these organizations were told of the month already."""
        told = budget_warnings.c
        query = select(told.warning_id).where(told.month == str(month), told.org_id.in_(org_ids))
        with self._engine.connect() as connection:
            return set(connection.execute(query).scalars())

    def tell(self, found: Sequence[Warned], mails: Mails, now: datetime) -> list[Warned]:
        """Keeps what was never told, and writes the mail about it, in one transaction; returns what was new.

        Of several that find the same at once, one tells it.
        """
        with self._engine.begin() as connection:
            new = _newly_told(connection, found, now)
            by_org: dict[str, list[Warned]] = defaultdict(list)
            for each in new:
                by_org[each.budget.org_id].append(each)
            for org_id, warned in sorted(by_org.items()):
                if (mail := mails(org_id, warned)) is not None:
                    names = dict(zip(("mail_id", "subject", "body"), mail, strict=True))
                    row = names | {"org_id": org_id, "created_at": now, "next_attempt_at": now}
                    connection.execute(insert(customer_mails).values(row).on_conflict_do_nothing())
        return new


def _newly_told(connection: Connection, found: Sequence[Warned], now: datetime) -> list[Warned]:
    """Keeps those that nobody told; in one order, so that two who do it at once do not wait for each other."""
    ordered = sorted(found, key=lambda each: (each.budget.org_id, each.warning_id))
    told = insert(budget_warnings).on_conflict_do_nothing().returning(budget_warnings.c.warning_id)
    ids = set(connection.execute(told, [_row(each, now) for each in ordered]).scalars()) if ordered else set()
    return [each for each in found if each.warning_id in ids]


def _row(warned: Warned, now: datetime) -> dict[str, Any]:
    budget, spending = warned.budget, warned.spending
    return {
        "warning_id": warned.warning_id,
        "org_id": budget.org_id,
        "month": str(warned.month),
        "budget_id": budget.budget_id,
        "scope": dict(budget.scope),
        "kind": warned.kind,
        "mark": warned.mark,
        "budget_minor": budget.amount_minor,
        "spent_minor": spending.spent_minor,
        "forecast_minor": spending.forecast_minor,
        "currency": budget.currency,
        "message": english(warning_words(warned)),
        "told_at": now,
    }


def _budget(row: Any) -> Budget:
    content = row.content
    percents = content.get("thresholds")
    return Budget(
        budget_id=row.item_id,
        org_id=row.org_id,
        name=content["name"],
        amount_minor=to_minor(Decimal(content["amount"]), content["currency"]),
        currency=content["currency"],
        scope=json.loads(content.get("scope", "{}")),
        thresholds=tuple(map(int, percents.split())) if percents else THRESHOLDS,
    )
