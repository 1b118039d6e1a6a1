"""The SQL that reads the rows of a usage file as nearly all of them are. What it is not sure of is judged in full.

What it takes for a good row is one, and exactly the same, by judging.py: that it costs less is all the difference.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime

import duckdb

from flybill_pipeline.stores.files.duck import quoted
from flybill_pipeline.stores.usage.intake.columns import Column
from flybill_pipeline.stores.usage.intake.events import events_query
from flybill_pipeline.stores.usage.intake.judging import (
    LEFT_OUT,
    TOO_LARGE,
    believed,
    canonical_dimensions,
    no_good_text,
)
from flybill_pipeline.stores.usage.intake.reading import Reading
from flybill_pipeline.stores.usage.intake.sources import SourceMapping

LOOK_CLOSER = "look_closer"
"""What stands in the place of a fault in a row that nothing is said of yet."""

SAMPLE, WORTH_IT = 1000, 0.5
"""Rows that are tried first, and the share of them that must be good: the others are read twice."""


def quick_query(
    rows: str, reading: Reading, source: SourceMapping, arrived_at: datetime, first_day: date
) -> str | None:
    """A query like judging_query's, in which a fault is LOOK_CLOSER or LEFT_OUT; None where no row can be sure.

    `reading` is the file's own.
    """
    quick = reading.quick
    if quick is None or not quick.simple:
        return None
    if quick.time == "time_of(t)":
        quick = replace(quick, time="plain_time(t)")
    between, clean = believed(arrived_at, first_day), _clean(quick, source)
    number = source.parts[0].quantity
    macro = "plain_json_quantity" if _as_it_is(number, quick.rows.numbers) else "plain_quantity"
    told = events_query(rows, quick, between, number=f"{macro}(q)")
    values = f"select *, {canonical_dimensions(list(quick.dimensions), clean)} as dimensions from ({told})"
    left_out = f"when left_out then {quoted(LEFT_OUT)}" if source.sifted else ""
    return f"""select *, null::varchar as raw, case when not coalesce({quick.rows.sure}, false) or malformed
        then {quoted(LOOK_CLOSER)} {left_out}
        when {_good(quick, source, between, clean)} then null else {quoted(LOOK_CLOSER)} end as fault from ({values})"""


def worth_it(connection: duckdb.DuckDBPyConnection, query: str) -> bool:
    """Whether `query`, over some of the file's rows, finds enough good ones among them."""
    counted = f"select count(*), count(*) filter (fault is distinct from {quoted(LOOK_CLOSER)}) from ({query})"
    rows, sure = connection.execute(counted).fetchall()[0]
    return bool(sure >= rows * WORTH_IT)


def _clean(quick: Reading, source: SourceMapping) -> list[str]:
    """The texts of an event, by the names that judging.py has for them, that stand in JSON as they are."""
    ids = source.event_id or ()
    texts = {f"d{place}": source.dimensions[name] for place, name in enumerate(quick.dimensions)}
    texts |= {"org_id": source.org_id, "meter": source.parts[0].meter} | ({"event_id": ids[0]} if len(ids) == 1 else {})
    return [text for text, column in texts.items() if _as_it_is(column, quick.rows.clean)]


def _as_it_is(column: Column, columns: Collection[str]) -> bool:
    """Whether the value is one of these columns, and nothing is made of it."""
    return column.name in columns and column == Column(name=column.name)


def _good(reading: Reading, source: SourceMapping, between: tuple[str, str], clean: Collection[str]) -> str:
    """SQL, true of good rows; of others false or NULL. A text that begins with a blank may be a good one too."""
    first, last = between
    negative = "" if source.allow_negative else "and quantity >= 0"
    return f"""event_id <> '' and org_id >= '!' and meter >= '!'
        and quantity < {TOO_LARGE} and quantity > -{TOO_LARGE} {negative}
        and occurred_at >= {first} and occurred_at <= {last}
        and not coalesce({no_good_text(len(reading.dimensions), clean)}, false)"""
