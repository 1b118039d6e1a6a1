"""Whether a month's usage changed, told without reading it into this process. What changed is not said here."""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

import hashlib
from collections.abc import Collection, Iterator

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.billing.usage.totals import Measures
from flybill_pipeline.stores.files.duck import quoted
from flybill_pipeline.stores.usage.lake.conditions import condition, scope
from flybill_pipeline.stores.usage.lake.days import tells_levels, totals_rows
from flybill_pipeline.stores.usage.lake.lake import UsageLake
from flybill_pipeline.stores.usage.months.measured_usage import MeasuredUsage

_OF_LEVELS = "levels 2"
"""Counted up when what levels come to, or who may be billed by them, is told in another way. Then each settled month
that has some is compared once more, organization by organization.
"""


def usage_version(lake: UsageLake, month: Month, measures: Measures) -> str:
    """Names all compiled usage that the month's bills depend on: the same name, the same totals of every org.

    Levels are carried, so a month that measures any depends on the days before it as well.
    """
    carried = Aggregation.TIME_WEIGHTED in measures
    rollups = lake.catalog.rollups_before(month.end.date()) if carried else lake.catalog.rollups(month.days())
    paths = [f"{day} {path}" for day, path in sorted(rollups.items())]
    paths += [_OF_LEVELS] * any(map(tells_levels, rollups.values()))
    return hashlib.sha256("\n".join(paths).encode()).hexdigest()[:16]


def usage_fingerprints(
    lake: UsageLake, month: Month, shard: int | None, org_ids: Collection[str], measures: Measures
) -> dict[str, str]:
    """Org → what changes when anything does that its bill of the month depends on.

    That is each day's totals, each day's `measures`, and the levels that the month began with; orgs without any of them
    are absent. Order does not matter: 64-bit hashes of the parts are added up.
    """
    where, parameters = condition(scope(lake.of_shard(shard), sorted(org_ids) or None))
    places = lake.totals_of(month.days(), shard, org_ids)
    parts = list(_parts(lake, month, measures, where))

    def query(totals: str) -> str:
        all_parts = [_totals_part(totals, where), *parts]
        return f"""select org_id, sum(part)::varchar || ':' || count(*)
                   from ({" union all ".join(all_parts)}) as parts(org_id, part) group by org_id"""

    return dict(lake.query_totals(places, query, parameters * (1 + len(parts))))


def orgs_with_usage(lake: UsageLake, month: Month, shard: int | None, measures: Measures) -> dict[str, bool]:
    """Org with usage of the month, or a level in it → whether time alone adds to its bill, as it does to a level's."""
    usage, meters = MeasuredUsage(lake), measures.get(Aggregation.TIME_WEIGHTED, ())
    where, parameters = condition({**lake.of_shard(shard)})
    paths = lake.places(lake.catalog.rollups(month.days()).values())
    parts = [f"select org_id, false from {totals_rows(paths)} where {where}"] if paths else []
    changes = usage.rows(month.days(), Aggregation.TIME_WEIGHTED, meters) if meters else None
    if changes:
        parts.append(f"select org_id, true from {changes} where {where}")
    levels = usage.level_rows(month.first_day, meters)
    if levels:
        parts.append(f"""select org_id, true from {levels} where {where}
                         group by org_id, meter, dimensions having sum(quantity) <> 0""")
    if not parts:
        return {}
    query = f"select org_id, bool_or(grows) from ({' union all '.join(parts)}) as found(org_id, grows) group by org_id"
    return dict(lake.query(query, parameters * len(parts)))


def _totals_part(totals: str, where: str) -> str:
    # What is counted: each correction takes one event away.
    return f"""select org_id, hash(meter, dimensions, day, sum(quantity), sum(events - 2 * coalesce(corrections, 0)))
               from {totals} where {where} group by org_id, meter, dimensions, day"""


def _parts(lake: UsageLake, month: Month, measures: Measures, where: str) -> Iterator[str]:
    """Queries for (org_id, hash of one part) beside totals, each with the same condition."""
    usage = MeasuredUsage(lake)
    for aggregation, meters in sorted(measures.items()):
        rows = usage.rows(month.days(), aggregation, meters)
        if rows:
            counted = ", events" if aggregation is Aggregation.UNIQUE_COUNT else ""  # how often each quantity came
            measured = f"{quoted(aggregation)}, meter, dimensions, day, value, last_event_at, whole, fraction, trail"
            measured += counted
            yield f"""select org_id, hash({measured}) from {rows} where {where}"""
    carried = measures.get(Aggregation.TIME_WEIGHTED, ())
    levels = usage.level_rows(month.first_day, carried)
    if levels:
        yield f"""select org_id, hash('level', meter, dimensions, sum(quantity)) from {levels} where {where}
                  group by org_id, meter, dimensions having sum(quantity) <> 0"""
    told = usage.told_rows(month.days())
    if told:  # the same rows may come again as levels, or as none
        yield f"""select org_id, hash('told', meter, source) from {told} where {where}
                  group by org_id, meter, source"""
    held = usage.held_rows(month.days(), carried) if carried else None
    if held:
        yield f"""select org_id, hash('held', meter, dimensions, quantity, last_event_at, source, series, first_at,
                                      expires_at) from {held} where {where}"""
