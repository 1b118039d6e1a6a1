"""Conditions of queries on the lake's files, with their values. No query, and no file, is here."""

from collections.abc import Collection, Mapping
from typing import Any

from flybill_pipeline.stores.usage.lake.days import shard_sql

_ONE_OF = "org_id in (select unnest(?::varchar[]))"


def condition(wanted: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The SQL of those conditions that have a value, and the values."""
    given = {sql: value for sql, value in wanted.items() if value is not None}
    return " and ".join(given) or "true", list(given.values())


def of_shard(shard: int, shards: int, formerly: Collection[int]) -> dict[str, int]:
    """The condition for the rows of a shard of so many; `formerly` are the numbers of shards that there were before.

    Files that were written then name the shard of then. It is looked for among these, and by the organization.
    """
    if not formerly:
        return {"shard = ?": shard}
    named = ", ".join(str(shard % number) for number in (*formerly, shards))
    return {f"shard in ({named}) and {shard_sql(shards)} = ?": shard}


def scope(of_shard: Mapping[str, int], org_ids: Collection[str] | None) -> dict[str, Any]:
    """The conditions for the rows of a shard (`UsageLake.of_shard`) and of some orgs, with their values; None is all.

    One org is named outright: then DuckDB passes over the groups of rows that do not hold it.
    """
    if org_ids is not None and len(org_ids) == 1:
        return {**of_shard, "org_id = ?": next(iter(org_ids))}
    return {**of_shard, _ONE_OF: None if org_ids is None else list(org_ids)}
