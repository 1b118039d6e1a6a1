"""Figures of a month for operators: what shards came to, who moved most, which meter earned what. Changes nothing."""

from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.sql.functions import coalesce

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.tables import drafts, line_items


class MonthFigures:
    """Sums over drafts, which stay when their month is finalized. Amounts in minor units."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def revenue(self, shard: int, month: Month, months_before: int) -> dict[str, dict[Month, int]]:
        """Currency → month → what the shard came to, for the month and those of `months_before` that have drafts."""
        first = month
        for _ in range(months_before):
            first = first.previous()
        query = (
            select(drafts.c.currency, drafts.c.month, func.sum(drafts.c.total_minor))
            .where(drafts.c.shard == shard, drafts.c.month.between(str(first), str(month)))
            .where(drafts.c.currency.is_not(None))
            .group_by(drafts.c.currency, drafts.c.month)
        )
        revenue: dict[str, dict[Month, int]] = {}
        with self._engine.connect() as connection:
            for currency, name, minor in connection.execute(query):
                revenue.setdefault(currency, {})[Month.parse(name)] = int(minor)
        return revenue

    def movers(self, month: Month, shard: int, most: int = 10) -> list[dict[str, Any]]:
        """The organizations whose total changed most since the month before, in minor units of their currency."""
        before = drafts.alias("before").c
        # Looked up for each: where Postgres has no statistics of the month yet, it may compare each with each.
        of_it = select(before.total_minor).where(
            before.org_id == drafts.c.org_id,
            before.month == str(month.previous()),
            before.currency == drafts.c.currency,
        )
        was, now = coalesce(of_it.scalar_subquery(), 0), drafts.c.total_minor
        query = (
            select(drafts.c.org_id, drafts.c.currency, was.label("before"), now.label("now"))
            .where(drafts.c.month == str(month), drafts.c.shard == shard, drafts.c.currency.is_not(None), was != now)
            .order_by(func.abs(now - was).desc(), drafts.c.org_id)
            .limit(most)
        )
        with self._engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def by_meter(self, month: Month) -> dict[str, dict[str, int]]:
        """Currency → meter → what its usage comes to; what has no meter counts by its kind."""
        named = coalesce(line_items.c.meter, line_items.c.kind)
        query = (
            select(line_items.c.currency, named, func.sum(line_items.c.amount_minor))
            .where(line_items.c.month == str(month))
            .group_by(line_items.c.currency, named)
        )
        amounts: dict[str, dict[str, int]] = {}
        with self._engine.connect() as connection:
            for currency, name, minor in connection.execute(query):
                amounts.setdefault(currency, {})[name] = int(minor)
        return amounts
