"""Whether a month's usage changed, told without reading it into this process. What changed is not said here."""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

import hashlib
from collections.abc import Collection

from flybill_pipeline.billing.period import Month
from flybill_pipeline.stores.duck import duck, parquet_rows
from flybill_pipeline.stores.usage_lake import UsageLake


def usage_version(lake: UsageLake, month: Month) -> str:
    """Names all compiled usage of the month: the same name, the same totals of every org."""
    paths = [f"{day} {path}" for day, path in sorted(lake.catalog.rollups(month.days()).items())]
    return hashlib.sha256("\n".join(paths).encode()).hexdigest()[:16]


def usage_fingerprints(
    lake: UsageLake, month: Month, shard: int | None, org_ids: Collection[str] = ()
) -> dict[str, str]:
    """Org → what changes when any of its totals of any day of the month does; orgs without usage are absent."""
    paths = [str(lake.root / path) for path in lake.catalog.rollups(month.days()).values()]
    if not paths:
        return {}
    conditions = {"shard = ?": shard, "list_contains(?, org_id)": sorted(org_ids) or None}
    given = {sql: value for sql, value in conditions.items() if value is not None}
    query = f"""
        select org_id, sum(hash(meter, dimensions, day, quantity, events))::varchar || ':' || sum(events)::varchar
        from (select org_id, meter, dimensions, day, sum(quantity) as quantity, sum(events) as events
              from {parquet_rows(paths)} where {" and ".join(given) or "true"} group by all)
        group by org_id"""
    with duck(lake.root / "work" / "spill", lake.limits) as connection:
        return dict(connection.execute(query, list(given.values())).fetchall())
