"""Which rows of a day do not count, as their id stands on another row, or counts on another day. Sums: not here."""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

from collections.abc import Mapping, Sequence

import duckdb

from flybill_pipeline.billing.usage.files import EventKey
from flybill_pipeline.stores.usage.lake.event_keys import CANNOT_BE_KEPT, HASHED, KEPT_ID

IDENTITY = ("source", "event_id")
SAID = ("org_id", "meter", "dimensions", "quantity", "occurred_at")
"""All that a row says beside its id."""
_COLUMNS = (*IDENTITY, "arrival", "row", *SAID, "arrived_on")
EXCLUDED = ", ".join(_COLUMNS)
_HASH = "hash(source, event_id)"
_PLACE = "((arrival::hugeint << 62) + row)"
"""SQL: where a row stands in the order of arrival."""
IN_TURN = "-turn, case when turn is null then arrival end, case when turn is null then row else -row end"
"""Among rows of one source and id: the last turn's last row where there are turns, else the first to arrive."""


def with_turns(rows: str, turns: Mapping[int, int]) -> str:
    """A FROM item for `rows` with the `turn` of each: NULL where the first to arrive stands."""
    if not turns:
        return f"(select *, null::bigint as turn from {rows})"
    listed = ", ".join(f"({arrival}, {turn})" for arrival, turn in sorted(turns.items()))
    return f"(select * from {rows} left join (values {listed}) restating(arrival, turn) using (arrival))"


def find_excluded(
    connection: duckdb.DuckDBPyConnection, rows: str, exclusions: Sequence[EventKey], turns: Mapping[int, int]
) -> None:
    """Makes the table `excluded`, of EXCLUDED and the `kind` of each row. 64-bit hashes find the few candidates
    cheaply; only these are compared for real.
    """
    if turns or exclusions or not _compared_with_the_first(connection, rows):
        _ranked(connection, rows, exclusions, turns)


def _compared_with_the_first(connection: duckdb.DuckDBPyConnection, rows: str) -> bool:
    """Puts each row beside the first of its hash, which takes half as long as to rank those of each id.

    False where that says nothing: ids that differ have one hash, or two rows stand in one place.
    """
    connection.execute(f"""create or replace temp table repeated as
        select h, min(place) as first from (select {_HASH} as h, {_PLACE} as place from {rows})
        group by h having count(*) > 1""")
    repeated = connection.execute("select count(*) from repeated").fetchall()[0][0]
    if not repeated:  # as in nearly all deliveries
        connection.execute(f"create temp table excluded as select {EXCLUDED}, '' as kind from {rows} limit 0")
        return True
    connection.execute(f"""create temp table candidates as
        select {EXCLUDED}, h, {_PLACE} = first as stands from {rows} join repeated on {_HASH} = h""")
    same_id = "other.source = standing.source and other.event_id = standing.event_id"
    same = " and ".join(f"other.{said} is not distinct from standing.{said}" for said in SAID)
    connection.execute(f"""create temp table excluded as
        select {", ".join(f"other.{column}" for column in _COLUMNS)},
               case when {same_id} then case when {same} then 'duplicate' else 'conflict' end end as kind
        from (from candidates where not stands) other join (from candidates where stands) standing using (h)""")
    unclear = "select count(*) filter (kind is null) from excluded"
    standing = f"select count(*) = {repeated} from candidates where stands"
    [(collisions, clear)] = connection.execute(f"select ({unclear}), ({standing})").fetchall()
    connection.execute("drop table candidates")
    if collisions or not clear:
        connection.execute("drop table excluded")
    return bool(clear and not collisions)


def _ranked(
    connection: duckdb.DuckDBPyConnection, rows: str, exclusions: Sequence[EventKey], turns: Mapping[int, int]
) -> None:
    """The same whatever there is: ids that count on another day, and rows that restate others."""
    connection.execute("create temp table elsewhere (source varchar, event_id varchar)")
    if exclusions:
        connection.executemany(
            "insert into elsewhere values (?, ?)", [[key.source, key.event_id] for key in exclusions]
        )
    hashed = any(key.event_id.startswith(HASHED) for key in exclusions)
    others = f"union select {_HASH} from {rows} where {CANNOT_BE_KEPT}" if hashed else ""
    connection.execute(f"""create or replace temp table repeated as
        select h from (select {_HASH} as h from {rows}) group by h having count(*) > 1
        union select {_HASH} from elsewhere {others}""")
    connection.execute(f"""create temp table excluded as
        with candidates as (
            select *, (source, {KEPT_ID}) in (select (source, event_id) from elsewhere) as counts_elsewhere
            from {with_turns(rows, turns)} where {_HASH} in (select h from repeated)),
        ranked as (
            select *, row_number() over first_to_arrive as place, first(content) over first_to_arrive as standing
            from (select *, ({", ".join(SAID)}) as content from candidates)
            window first_to_arrive as (partition by source, event_id order by {IN_TURN}
                                       rows between unbounded preceding and current row))
        select {EXCLUDED},
               case when not counts_elsewhere and content is not distinct from standing then 'duplicate'
                    when turn is null then 'conflict' else 'replaced' end as kind
        from ranked where place > 1 or counts_elsewhere""")
