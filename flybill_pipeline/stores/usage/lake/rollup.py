"""The totals of a day as one Ibis expression: which rows count, whose they are, and what they add up to, on any engine.

Every engine is given the same files and the same expression, each in its own words. Who runs it: summed_days.py.
"""

from functools import lru_cache
from typing import Any

from flybill_pipeline.billing.usage.aliases import WAITING
from flybill_pipeline.stores.usage.engines.summing import EXACT, Words

_EVENTS = {
    "source": "string",
    "event_id": "string",
    "org_id": "string",
    "meter": "string",
    "dimensions": "string",
    "quantity": EXACT,
    "occurred_at": "timestamp(6)",
    "arrived_on": "date",
    "arrival": "int64",
    "row": "int64",
}
TABLES = {
    "events": _EVENTS,
    "aliased": _EVENTS,
    "owners": {
        "source": "string",
        "alias": "string",
        "org_id": "string",
        "starts_at": "timestamp(6)",
        "ends_at": "timestamp(6)",
    },
    "left_out": {"arrival": "int64", "row": "int64", "event_id": "string"},
}
"""What the files of a day hold, by the name under which the expression reads them: events, those that name an alias in
the place of an organization, whose the aliases are, and which events do not count."""


@lru_cache
def daily_rollup_sql(words: Words, tables: frozenset[str], left_out_by: tuple[str, ...] = ("arrival", "row")) -> str:
    """The query over those of TABLES that the day has; rows of `left_out` do not count, found by `left_out_by`.

    Per org, meter, dimensions and day of arrival: the exact sum of quantities, how many events, how many of them are
    corrections (below zero), the last one's time.
    """
    import ibis  # noqa: PLC0415 - costs a second, which reading the lake should not pay

    relations = {name: ibis.table(TABLES[name], name=name) for name in tables}
    parts = [relations["events"]] if "events" in tables else []
    parts += [_owned(relations["aliased"], relations.get("owners"))] if "aliased" in tables else []
    events = parts[0] if len(parts) == 1 else ibis.union(*parts)
    if "left_out" in tables:
        events = events.anti_join(relations["left_out"], list(left_out_by))
    quantity = events["quantity"].cast(words.summed_as).sum()
    rollup = events.group_by(["org_id", "meter", "dimensions", "arrived_on"]).aggregate(
        quantity=quantity.cast("string") if words.as_text else quantity,
        events=events.count(),
        corrections=events.count(where=events["quantity"] < 0),
        last_event_at=events["occurred_at"].max(),
    )
    return str(ibis.to_sql(rollup, dialect=words.dialect))


def _owned(aliased: Any, owners: Any | None) -> Any:
    """Events with the organization in the place of its alias. What belongs to nobody at its time waits under a name."""
    import ibis  # noqa: PLC0415 - as above

    waiting = ibis.literal(WAITING) + aliased["source"] + "/" + aliased["org_id"]
    if owners is None:
        return aliased.mutate(org_id=waiting)
    whose = owners.rename({f"of_{name}": name for name in owners.columns})
    at = aliased["occurred_at"]
    same = [aliased["source"] == whose["of_source"], aliased["org_id"] == whose["of_alias"]]
    then = [at >= whose["of_starts_at"], whose["of_ends_at"].isnull() | (at < whose["of_ends_at"])]
    named = aliased.mutate(waiting=waiting).left_join(whose, [*same, *then])
    return named.mutate(org_id=ibis.coalesce(named["of_org_id"], named["waiting"])).select(*_EVENTS)
