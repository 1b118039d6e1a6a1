"""Records a day of the lake: which rows count. What they add up to: summed_days.py. Reading is in lake.py."""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import duckdb

from flybill_pipeline.billing.usage.files import LEVELS, EventKey, Manifest, Owners
from flybill_pipeline.stores.files.duck import Limits, duck, parquet_rows
from flybill_pipeline.stores.files.parquet_files import write_rows
from flybill_pipeline.stores.usage.lake.owned_rows import owned_rows, waiting_rows
from flybill_pipeline.stores.usage.lake.repeats import EXCLUDED, find_excluded
from flybill_pipeline.stores.usage.lake.whole_repeats import find_whole_repeats

TOO_MUCH = 10**18  # of one meter, org and day: a month of days then fits into DECIMAL(38, 18), whatever is summed

MANY = 50_000  # rows of a day, of which whole files are looked for that came again


class Known(NamedTuple):
    """What decides about rows beside themselves: the turns of arrivals that restate, and whose the aliases are."""

    turns: Mapping[int, int] = {}
    owners: Owners | None = None


def make_manifest(
    root: Path,
    day: date,
    pieces: Sequence[str],
    exclusions: Sequence[EventKey],
    limits: Limits,
    known: Known = Known(),  # noqa: B008 - a value
) -> Manifest:
    """Decides which rows of `pieces` count: of rows with one (source, event_id) the first to arrive stands.

    Of arrivals that have `turns` the row with the last turn stands, and the others are replaced.

    The others are listed in a small file, each with its kind. A duplicate has the same content. A conflict has other
    content, or a key of `exclusions`, which counts on another day. Rows are too_large when an org has more of the meter
    than can be summed: all of them are left out, so that they stop no other org. The same pieces and
    exclusions always give the same rows.
    """
    pieces, exclusions = tuple(sorted(pieces)), tuple(sorted(exclusions))
    version, owners = _version(pieces, exclusions, known), known.owners
    rows, kinds, path = 0, dict[str, int](), ""
    if pieces:
        with duck(root, limits) as connection:
            files = [root / piece for piece in pieces]
            read = parquet_rows(files)
            rows, too_large = _size(connection, read)
            listed = _listed(connection, files, exclusions, known, whole=rows >= MANY and not too_large)
            if too_large:
                _exclude_too_large(connection, owned_rows(root, pieces, owners))
            kinds = dict(connection.execute("select kind, count(*) from excluded group by kind").fetchall())
            if kinds:
                version += _BY_EVENT if _tells_of_several(connection, read) else ""
                path = f"excluded/day={day}/{version}.parquet"
                write_rows(connection, listed, root / path)
            if owners is not None:
                waiting = f"select count(*) from {waiting_rows(root, pieces, owners)} anti join excluded {_SAME_EVENT}"
                owners = replace(owners, waiting=connection.execute(waiting).fetchall()[0][0])
    return Manifest(
        day=day,
        version=version,
        pieces=pieces,
        exclusions=exclusions,
        excluded_path=path if kinds else None,
        rows=rows - sum(kinds.values()),
        duplicates=kinds.get("duplicate", 0),
        conflicts=kinds.get("conflict", 0),
        too_large=kinds.get("too_large", 0),
        replaced=kinds.get("replaced", 0),
        owners=owners,
    )


def _size(connection: duckdb.DuckDBPyConnection, rows: str) -> tuple[int, bool]:
    """How many rows there are, and whether they may have too much. Parquet keeps the bounds, so this reads no row."""
    bounds = f"select count(*), max(quantity), -min(quantity) from {rows}"
    count, highest, lowest = connection.execute(bounds).fetchall()[0]
    return count, count * max(highest, lowest) >= TOO_MUCH


def _listed(
    connection: duckdb.DuckDBPyConnection,
    pieces: Sequence[Path],
    exclusions: Sequence[EventKey],
    known: Known,
    *,
    whole: bool,
) -> str:
    """Makes `excluded`, and returns a query for its rows in their order; `whole`: it is tried whether pieces repeat."""
    turns = {arrival: turn for arrival, turn in known.turns.items() if arrival in _arrivals(pieces)}
    if whole and not exclusions and not turns and find_whole_repeats(connection, pieces):
        return "from excluded"
    find_excluded(connection, parquet_rows(pieces), exclusions, turns)
    return "from excluded order by arrival, row, event_id"


def _tells_of_several(connection: duckdb.DuckDBPyConnection, rows: str) -> bool:
    """Whether a row with an excluded event tells of others too. The ids of such events have a mark in them."""
    marked = connection.execute("select 1 from excluded where contains(event_id, '#') limit 1").fetchone()
    return bool(marked and connection.execute(f"select 1 from {rows} {_MANY}").fetchone())


def rollup_path(day: date, version: str) -> str:
    """Where the totals of a version of a day are, below the lake."""
    return f"daily/day={day}/{version}.parquet"


def counted_rows(root: Path, manifest: Manifest, *, named: bool = False) -> str:
    """A query for the events of a day that count; `named`: there is one at least, and each says its `alias`."""
    if not manifest.pieces:
        return f"select * from ({NO_EVENTS})"
    events = f"select * from {owned_rows(root, manifest.pieces, manifest.owners, named=named)}"
    if manifest.excluded_path is None:
        return events
    excluded = parquet_rows([str(root / manifest.excluded_path)])
    return f"{events} anti join (from {excluded}) using ({', '.join(left_out_by(manifest))})"


def left_out_by(manifest: Manifest) -> tuple[str, ...]:
    """By which columns the rows of a day that do not count are found among its events."""
    by_event = manifest.excluded_path is not None and PurePosixPath(manifest.excluded_path).stem.endswith(_BY_EVENT)
    return ("arrival", "row", "event_id") if by_event else ("arrival", "row")


_SAME_EVENT = "using (arrival, row, event_id)"
_MANY = "semi join excluded using (arrival, row) group by arrival, row having count(*) > 1 limit 1"
_BY_EVENT = "-events"
"""The end of a version in which a row tells of several events, and not all of them count. Reading ids takes longer."""


_LEVELS = "-levels"
"""What is in a version in which some events tell what a level is."""


def tells_levels(version: str) -> bool:
    """Whether some events of this version of a day, or of the file that is named by it, tell what a level is."""
    return _LEVELS in PurePosixPath(version).stem


def growing(days: Sequence[Manifest]) -> Iterator[Sequence[Manifest]]:
    """Two days, then eight, and so on: who needs the first alone does not wait for the others."""
    start, some = 0, 2
    while start < len(days):
        yield days[start : start + some]
        start, some = start + some, 4 * some


NO_EVENTS = """select ''::varchar as event_id, ''::varchar as org_id, ''::varchar as meter, ''::varchar as dimensions,
    0::DECIMAL(38, 18) as quantity, timestamp '2000-01-01' as occurred_at, 0::bigint as row, 0::bigint as arrival,
    ''::varchar as source, date '2000-01-01' as arrived_on where false"""
NO_TOTALS = """select 0 as shard, ''::varchar as org_id, ''::varchar as meter, ''::varchar as dimensions,
    date '2000-01-01' as day, 0::DECIMAL(38, 18) as quantity, 0::bigint as events, 0::bigint as corrections,
    timestamp '2000-01-01' as last_event_at where false"""


def totals_rows(paths: Sequence[str], *, old: bool = False) -> str:
    """A FROM item for the totals of several days; `old`: some were compiled long ago, and know no corrections.

    Without that the files are taken to have the same columns: to compare those of all takes a quarter of the reading.
    """
    if not paths:
        return f"({NO_TOTALS})"
    if not old:
        return parquet_rows(paths)
    return f"({NO_TOTALS} union all by name from {parquet_rows(paths, options='union_by_name = true')})"


def totals_query(rows: str, where: str, days_from: date | None) -> str:
    """A query for the totals of months, or of days, in the order of organizations; `rows` is a FROM item of totals.

    What was before `days_from` is told as of that day.
    """
    on_day = "null::date" if days_from is None else f"greatest(totals.day, date '{days_from.isoformat()}')"
    totals = f"""select org_id, meter, dimensions, sum(quantity) as quantity, sum(events)::bigint as events,
                        coalesce(sum(corrections), 0)::bigint as corrections,
                        date_trunc('month', totals.day)::date as month, {on_day} as day,
                        max(last_event_at) as last_event_at
                 from {rows} as totals where {where}
                 group by org_id, meter, dimensions, date_trunc('month', totals.day), {on_day}"""
    # DuckDB takes longer to make a decimal than to write its digits.
    return f"""select * replace (strftime(month, '%Y-%m') as month, quantity::varchar as quantity) from ({totals})
               order by org_id, meter, dimensions, month, day"""


def _exclude_too_large(connection: duckdb.DuckDBPyConnection, rows: str) -> None:
    """Adds to `excluded` what is left of each org's meter that reaches TOO_MUCH, corrections counted like usage."""
    counted = f"select * from {rows} anti join excluded {_SAME_EVENT}"
    connection.execute(f"""insert into excluded
        select {EXCLUDED}, 'too_large' from ({counted})
        semi join (select org_id, meter from ({counted}) group by org_id, meter
                   having sum(abs(trunc(quantity))::hugeint) >= {TOO_MUCH}) using (org_id, meter)""")


def shard_sql(shards: int) -> str:
    """SQL for what billing.shards.shard_of says of `org_id`."""
    first = "(md5_number(org_id) & 4294967295::uhugeint)::ubigint"  # four bytes, the first of them the lowest
    turned = f"(({first} & 255) << 24) | (({first} & 65280) << 8) | (({first} >> 8) & 65280) | ({first} >> 24)"
    return f"(({turned}) % {shards})::integer"


def _arrivals(pieces: Sequence[str | Path]) -> set[int]:
    return {int(PurePosixPath(piece).name.partition("-")[0]) for piece in pieces}


def _version(pieces: Sequence[str], exclusions: Sequence[EventKey], known: Known) -> str:
    inputs: list[object] = [pieces, [[key.source, key.event_id] for key in exclusions]]
    in_turn = sorted(_arrivals(pieces) & known.turns.keys(), key=known.turns.__getitem__)
    inputs += [in_turn] * bool(in_turn)
    inputs += [known.owners.path] if known.owners and known.owners.path else []
    levels = _LEVELS if any(LEVELS in piece for piece in pieces) else ""
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:16] + levels
