"""SQL that puts an organization in the place of an alias. Where aliases are kept, and when it is done, the lake knows.

A file of the lake keeps the aliases as they were read, and its name says so: whose they are may be learned later.
"""

# ruff: noqa: S608 - the names of tables and columns are our own

from collections.abc import Collection

import duckdb

from flybill_pipeline.billing.usage.aliases import WAITING, AliasPeriod


def make_owners(connection: duckdb.DuckDBPyConnection, periods: Collection[AliasPeriod]) -> str:
    """Makes the temporary table `owners` of periods; returns its name."""
    connection.execute("""create or replace temp table owners
        (source varchar, alias varchar, org_id varchar, starts_at timestamp, ends_at timestamp)""")
    if periods:
        columns = [
            [each.source for each in periods],
            [each.alias for each in periods],
            [each.org_id for each in periods],
            [each.start.replace(tzinfo=None) for each in periods],
            [None if each.end is None else each.end.replace(tzinfo=None) for each in periods],
        ]
        connection.execute("insert into owners select unnest(?), unnest(?), unnest(?), unnest(?), unnest(?)", columns)
    return "owners"


def owned(events: str, owners: str, *, named: bool = False) -> str:
    """A FROM item for `events`, in which `org_id` is an alias, with its organization there.

    What belongs to nobody at its time has the name under which it waits; see billing's `waiting_id`. With `named` the
    alias is kept, in a column `alias`.
    """
    waiting, kept = f"'{WAITING}' || e.source || '/' || e.org_id", ", e.org_id as alias" if named else ""
    return f"""(select e.* replace (coalesce(o.org_id, {waiting}) as org_id){kept} from {events} e left join {owners} o
        on o.source = e.source and o.alias = e.org_id and e.occurred_at >= o.starts_at
        and (o.ends_at is null or e.occurred_at < o.ends_at))"""
