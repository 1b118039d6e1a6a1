"""Sums a recorded day of the lake into its file of totals, on DuckDB or another engine. Which rows count: days.py."""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

from collections.abc import Mapping
from pathlib import Path

import duckdb

from flybill_pipeline.billing.usage.files import Manifest, Rollup
from flybill_pipeline.billing.usage.tables import NotPulledError
from flybill_pipeline.stores.files.duck import Limits, duck, parquet_rows
from flybill_pipeline.stores.files.parquet_files import FOR_ONE_ORG, write_rows
from flybill_pipeline.stores.usage.engines.summing import FilesAs, Summing, Words
from flybill_pipeline.stores.usage.lake.days import NO_EVENTS, left_out_by, rollup_path, shard_sql
from flybill_pipeline.stores.usage.lake.owned_rows import aliased
from flybill_pipeline.stores.usage.lake.ownership import LakeError
from flybill_pipeline.stores.usage.lake.rollup import TABLES, daily_rollup_sql

OURS = Words()
EVENTS = frozenset({"events"})
_FITTED = """select org_id, meter, dimensions, arrived_on::date as arrived_on,
    try_cast(quantity as decimal(38, 18)) as quantity, events::bigint as events, corrections::bigint as corrections,
    last_event_at::timestamp as last_event_at from answer"""


def make_rollup(root: Path, manifest: Manifest, shards: int, limits: Limits, engine: Summing | None = None) -> Rollup:
    """Writes the day's exact totals, sorted by shard and org, to `daily/day=…/<version>.parquet`.

    Sorted and in small groups of rows, so that work on one shard, or one org, reads its part of the file only. The
    totals are the same on each engine. Raises LakeError when another engine than ours does not answer, or not exactly.
    """
    path, tables = rollup_path(manifest.day, manifest.version), day_tables(root, manifest)
    words = engine.words if engine and tables else OURS
    query = daily_rollup_sql(words, frozenset(tables) or EVENTS, left_out_by(manifest))
    with duck(root, limits) as connection:
        if engine and tables:
            _tell(connection, engine, manifest, query, tables)
            sums = "told"
        else:
            sums = f"(with {_files_of(tables)} from ({query}))"
        totals = f"select {shard_sql(shards)} as shard, date '{manifest.day}' as day, * from {sums}"
        groups = write_rows(connection, f"{totals} order by shard, org_id", root / path, FOR_ONE_ORG)
    return Rollup(manifest.day, manifest.version, path, groups, manifest.rows)


def day_tables(root: Path, manifest: Manifest) -> dict[str, FilesAs]:
    """The files that a day is made of, by the table of the expression that they are; no table is empty."""
    named = aliased(manifest.pieces)
    owners = manifest.owners.path if manifest.owners else None
    files = {
        "events": [piece for piece in manifest.pieces if piece not in named],
        "aliased": named,
        "owners": [owners] if owners and named else [],
        "left_out": [manifest.excluded_path] if manifest.excluded_path and manifest.pieces else [],
    }
    return {name: FilesAs(TABLES[name], [root / each for each in these]) for name, these in files.items() if these}


def _files_of(tables: Mapping[str, FilesAs]) -> str:
    """The tables as DuckDB reads them, in the order of their columns: what is added up is added by place."""
    if not tables:
        return f'"events" as (select {", ".join(TABLES["events"])} from ({NO_EVENTS}))'
    return ", ".join(
        f'"{name}" as (select {", ".join(table.columns)} from {parquet_rows(table.files)})'
        for name, table in tables.items()
    )


def _tell(
    connection: duckdb.DuckDBPyConnection,
    engine: Summing,
    manifest: Manifest,
    query: str,
    tables: Mapping[str, FilesAs],
) -> None:
    """Makes the table `told` of what the engine sums: all sums fit, and are made of as many events as count."""
    try:
        with engine.answer(query, tables) as rows:
            connection.register("answer", rows)
            connection.execute(f"create or replace temp table told as {_FITTED}")
    except NotPulledError as error:
        raise _not_summed(manifest, str(error)) from error
    proof = "select coalesce(sum(events), 0)::bigint, count(*) filter (quantity is null) from told"
    events, unfit = connection.execute(proof).fetchall()[0]
    if unfit:
        raise _not_summed(manifest, f"{unfit} sums of the engine have more digits than can be kept")
    if events != manifest.rows:
        raise _not_summed(manifest, f"the engine counts {events} events where {manifest.rows} count")


def _not_summed(manifest: Manifest, why: str) -> LakeError:
    remedy = "`flybill doctor` says whether the engine answers and sees the lake; then start this again."
    return LakeError(f"{manifest.day} was not summed: {why}. {remedy}")
