"""Conditions of queries on the lake's files, with their values. No query, and no file, is here."""

from collections.abc import Collection, Mapping
from typing import Any

_ONE_OF = "org_id in (select unnest(?::varchar[]))"


def condition(wanted: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The SQL of those conditions that have a value, and the values."""
    given = {sql: value for sql, value in wanted.items() if value is not None}
    return " and ".join(given) or "true", list(given.values())


def scope(of_shard: Mapping[str, int], org_ids: Collection[str] | None) -> dict[str, Any]:
    """The conditions for the rows of a shard (`UsageLake.of_shard`) and of some orgs, with their values; None is all.

    One org is named outright: then DuckDB passes over the groups of rows that do not hold it.
    """
    if org_ids is not None and len(org_ids) == 1:
        return {**of_shard, "org_id = ?": next(iter(org_ids))}
    return {**of_shard, _ONE_OF: None if org_ids is None else list(org_ids)}
