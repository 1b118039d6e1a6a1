"""Which shards of a month were closed to the end, and what they were closed from. What that is called: the toolbox.

Counted here is what a close reads and nobody changes or takes away: where nothing was added, nothing is new.
"""

from sqlalchemy import ColumnElement, Engine, Select, Text, delete, func, literal, select, union_all
from sqlalchemy.dialects.postgresql import insert

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.tables import (
    billing_items,
    closed_shards,
    organization_terms,
    organizations,
    outcomes,
)


class ClosedShards:
    """The shards that a close brought to their end, each with the name of what it was made of."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def kept(self, month: Month) -> dict[int, str]:
        """Shard → the name under which it was closed."""
        query = select(closed_shards.c.shard, closed_shards.c.made_of).where(closed_shards.c.month == str(month))
        with self._engine.connect() as connection:
            return {row.shard: row.made_of for row in connection.execute(query)}

    def keep(self, month: Month, shard: int, name: str) -> None:
        """The shard was closed from what has this name, and nothing of it is left."""
        row = insert(closed_shards).values(month=str(month), shard=shard, made_of=name)
        now = {"made_of": name, "closed_at": func.now()}
        with self._engine.begin() as connection:
            connection.execute(row.on_conflict_do_update(index_elements=["month", "shard"], set_=now))

    def forget(self, month: Month, shard: int) -> None:
        """Somebody works at the shard again: until that is done, nothing is known of it."""
        mine = (closed_shards.c.month == str(month)) & (closed_shards.c.shard == shard)
        with self._engine.begin() as connection:
            connection.execute(delete(closed_shards).where(mine))

    def counted(self, month: Month) -> dict[int, list[tuple[str, int]]]:
        """Shard → how many organizations, terms, items and outcomes of earlier months there are, in a fixed order."""
        found: dict[int, list[tuple[str, int]]] = {}
        with self._engine.connect() as connection:
            for shard, what, count in connection.execute(_counts(month)):
                found.setdefault(shard, []).append((what, count))
        return {shard: sorted(counts) for shard, counts in found.items()}


def _counts(month: Month) -> Select[int, str, int]:
    """An outcome that is held may still become another one, so those are counted apart."""
    decided = outcomes.c
    terms = organization_terms.join(organizations, organizations.c.org_id == organization_terms.c.org_id)
    parts = union_all(
        _count(organizations.c.shard, literal("organizations")),
        _count(organizations.c.shard, literal("terms")).select_from(terms),
        _count(billing_items.c.shard, literal("items")),
        _count(decided.shard, decided.month + func.left(decided.outcome, 4)).where(decided.month < str(month)),
    ).subquery()
    return select(parts.c.shard, parts.c.what, parts.c.count)


def _count(shard: ColumnElement[int], what: ColumnElement[str]) -> Select[int, str, int]:
    return select(shard.label("shard"), what.cast(Text).label("what"), func.count().label("count")).group_by(
        shard, what.cast(Text)
    )
