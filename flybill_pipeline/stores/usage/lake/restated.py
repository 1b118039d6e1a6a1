"""Deliveries that restate earlier ones: whose turn is last, and what a whole period's newest file takes back.

Which row of an id stands is decided in days.py and cross_days.py, by the turns that are told here.
"""

from collections.abc import Collection, Mapping
from datetime import date

from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, exists, func, insert, select

from flybill_pipeline.stores.usage.lake.tables import landed_files, restated_pieces, usage_pieces

_TURN = func.coalesce(landed_files.c.turn, landed_files.c.arrival)


def turns(engine: Engine, sources: Collection[str]) -> Mapping[int, int]:
    """Number of arrival → turn, of the files of `sources`: the later turn restates the earlier."""
    if not sources:
        return {}
    query = select(landed_files.c.arrival, _TURN.label("turn")).where(landed_files.c.source.in_(sorted(sources)))
    with engine.connect() as connection:
        return {row.arrival: row.turn for row in connection.execute(query)}


def restate(connection: Connection, source: str, period: str) -> set[date]:
    """Of each day or month (`period`) the pieces of the last turn count, the others stand aside.

    Returns the days that have other pieces now. What stood aside counts again where no newer file has the period.
    """
    aside = _moved(connection, restated_pieces, usage_pieces, _of(restated_pieces, source))
    restated = _moved(connection, usage_pieces, restated_pieces, _older(source, period))
    return {day for path, day in aside.items() ^ restated.items()}


def _moved(connection: Connection, of: Table, to: Table, which: ColumnElement[bool]) -> dict[str, date]:
    """Moves pieces from one table to the other; returns path → day."""
    gone = connection.execute(delete(of).where(which).returning(of.c.path, of.c.day, of.c.arrival, of.c.rows)).all()
    if gone:
        connection.execute(insert(to), [row._asdict() for row in gone])
    return {row.path: row.day for row in gone}


def _of(pieces: Table, source: str) -> ColumnElement[bool]:
    return pieces.c.arrival.in_(select(landed_files.c.arrival).where(landed_files.c.source == source))


def _older(source: str, period: str) -> ColumnElement[bool]:
    """Whether a piece is of a file with an earlier turn than another one that has the same period."""
    files, newer, later = landed_files.alias(), landed_files.alias(), usage_pieces.alias()
    turn, newer_turn = (func.coalesce(each.c.turn, each.c.arrival) for each in (files, newer))
    return exists().where(
        usage_pieces.c.arrival == files.c.arrival,
        files.c.source == source,
        later.c.arrival == newer.c.arrival,
        newer.c.source == source,
        newer_turn > turn,
        func.date_trunc(period, later.c.day) == func.date_trunc(period, usage_pieces.c.day),
    )
