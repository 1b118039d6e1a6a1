"""What a mapping makes of a file that is not landed: first events, sums, what is refused and why. Stores nothing.

It tells of the rows that look.py has judged; who is billed for them is not known here.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import duckdb

from flybill_pipeline.billing.usage.aliases import AliasPeriod
from flybill_pipeline.stores.files.duck import parquet_rows, quoted
from flybill_pipeline.stores.usage.intake.aliased import make_owners, owned
from flybill_pipeline.stores.usage.intake.levels import series
from flybill_pipeline.stores.usage.intake.look import CONTENT, Look
from flybill_pipeline.stores.usage.intake.sources import SourceMapping

SHOWN = 5


class Sum(NamedTuple):
    """What an organization has of a meter in the file: an exact quantity as plain text, and how many events.

    Of events with one id only that one is in it which would count. Of a source that tells levels, the quantity is what
    they come to after the last row of each.
    """

    org_id: str
    meter: str
    quantity: str
    events: int


class Refused(NamedTuple):
    """A row that would not count: where it is, why in words, and what it looks like."""

    row: int
    reason: str
    message: str
    raw: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """`look` counts rows, and the ids that are in the file twice. `events` are the first ones, each part as a text.

    `first_at` and `last_at` are the times of the events, UTC. Of the events, `known` have an id that is in the lake
    with their content, and `conflicting` one that is there with other content. `sums` are of `levels` if they are told.
    """

    look: Look
    events: Sequence[dict[str, str]]
    sums: Sequence[Sum]
    first_at: str | None
    last_at: str | None
    refused: Sequence[Refused]
    known: int
    conflicting: int
    levels: bool = False


class InLake(NamedTuple):
    """What the lake at `root` has: its files of events below that, and whose the aliases of the source are."""

    root: Path
    pieces: Sequence[str] = ()
    aliases: Sequence[AliasPeriod] = ()


def preview(connection: duckdb.DuckDBPyConnection, look: Look, source: SourceMapping, lake: InLake) -> Preview:
    """What is to be told of the rows that were looked at."""
    sums = connection.execute(f"""select org_id, meter, coalesce(sum(quantity) filter (added), 0)::varchar,
            count(*) filter (stands)
        from (select *, stands and {_added(source)} as added
              from (select *, {_stands(source)} as stands from {_owned(connection, source, lake)}))
        group by org_id, meter order by all""").fetchall()
    bounds = "select min(occurred_at)::varchar, max(occurred_at)::varchar from looked where fault is null"
    first_at, last_at = connection.execute(bounds).fetchall()[0]
    known, conflicting = _in_lake(connection, source, [lake.root / piece for piece in lake.pieces])
    return Preview(
        look=look,
        events=_first_events(connection),
        sums=[Sum(org, meter, _plain(quantity), events) for org, meter, quantity, events in sums],
        first_at=first_at,
        last_at=last_at,
        refused=[Refused(*row) for row in look.refused],
        known=known,
        conflicting=conflicting,
        levels=source.levels is not None,
    )


def _owned(connection: duckdb.DuckDBPyConnection, source: SourceMapping, lake: InLake) -> str:
    """A FROM item for the events, each with its organization, and the alias that stood in its place."""
    events = f"(select *, {quoted(source.key)} as source from looked where fault is null)"
    if source.aliased:
        return owned(events, make_owners(connection, lake.aliases), named=True)
    return f"(select *, null::varchar as alias from {events})"


def _stands(source: SourceMapping) -> str:
    """SQL, true of the event that counts of those with one id."""
    arrived = "desc" if source.restates else "asc"
    return f"row_number() over (partition by event_id order by row {arrived}) = 1"


def _added(source: SourceMapping) -> str:
    """SQL, true of the events whose quantities are added up: of those that tell one level, of the last one only."""
    if source.levels is None:
        return "true"
    of = f"partition by stands, org_id, meter, {series(source.levels)}"
    return f"row_number() over ({of} order by occurred_at desc, row desc, event_id desc) = 1"


def _first_events(connection: duckdb.DuckDBPyConnection) -> list[dict[str, str]]:
    parts = ("row", "event_id", "org_id", "meter", "quantity", "dimensions", "occurred_at")
    texts = ", ".join(f"{part}::varchar" for part in parts)
    rows = connection.execute(
        f"select {texts} from looked where fault is null order by looked.row, meter, occurred_at limit {SHOWN}"
    ).fetchall()
    events = [dict(zip(parts, row, strict=True)) for row in rows]
    return [event | {"quantity": _plain(event["quantity"])} for event in events]


def _in_lake(connection: duckdb.DuckDBPyConnection, source: SourceMapping, pieces: Sequence[Path]) -> tuple[int, int]:
    """How many events have the id of one that is in the lake: with the same content, and with another."""
    if not pieces:
        return 0, 0
    there = f"""select event_id, {CONTENT} as content from {parquet_rows(pieces)}
        where source = {quoted(source.key)} and event_id in (select event_id from looked where fault is null)"""
    counts = connection.execute(f"""
        select count(*) filter (same), count(*) filter (not same) from (
            select bool_or({CONTENT} is not distinct from there.content) as same
            from looked join ({there}) there using (event_id) where fault is null group by looked.row, event_id, meter)
        """).fetchall()[0]
    return int(counts[0]), int(counts[1])


def _plain(quantity: str) -> str:
    return quantity.rstrip("0").rstrip(".") if "." in quantity else quantity
