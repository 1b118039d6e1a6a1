"""Each day's pieces of usage beside those of given versions of the days. What the difference means, billing says."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, func, select, tuple_

from flybill_pipeline.billing.usage.backlog import DayOfUsage, Landing, nanoseconds
from flybill_pipeline.billing.usage.files import EventKey, Manifest
from flybill_pipeline.stores.usage.lake.catalog import manifest_of
from flybill_pipeline.stores.usage.lake.tables import (
    landed_files,
    usage_day_versions,
    usage_exclusions,
    usage_pieces,
)


def landed_days(engine: Engine, before: date, versions: Mapping[date, str], landing: Landing) -> Iterator[DayOfUsage]:
    """Every day before `before` that has pieces, or has a version in `versions`: what a month is priced from."""
    with engine.connect() as connection:
        known = _manifests(connection, versions)
        pieces = _pieces(connection, before, landing)
        elsewhere = _exclusions(connection, before)
    for day in sorted(known.keys() | pieces.keys()):
        there, later, uncompared = pieces.get(day, (frozenset(), frozenset(), frozenset()))
        manifest = known.get(day)
        yield DayOfUsage(
            day=day,
            there=there,
            later=later,
            # Whose ids were not compared with other days' yet may count where they should not.
            priced=frozenset(manifest.pieces if manifest else ()) - uncompared,
            recounted=manifest is not None and set(manifest.exclusions) != elsewhere.get(day, set()),
        )


def _manifests(connection: Connection, versions: Mapping[date, str]) -> dict[date, Manifest]:
    day = usage_day_versions.c
    query = select(usage_day_versions).where(tuple_(day.day, day.version).in_(sorted(versions.items())))
    return {row.day: manifest_of(row) for row in connection.execute(query)}


def _pieces(connection: Connection, before: date, landing: Landing) -> dict[date, tuple[frozenset[str], ...]]:
    """Per day all pieces, those of later files, and those that were not compared with other days yet."""
    piece, modified = usage_pieces.c, landed_files.c.modified_ns
    later = and_(modified > nanoseconds(landing.by), modified <= nanoseconds(landing.until))
    query = (
        select(piece.day, *(_paths(which) for which in (None, later, piece.compared.is_(False))))
        .join(landed_files, landed_files.c.arrival == piece.arrival)
        .where(piece.day < before)
        .group_by(piece.day)
    )
    return {day: tuple(frozenset(paths or ()) for paths in groups) for day, *groups in connection.execute(query)}


def _paths(which: ColumnElement[bool] | None) -> ColumnElement[Any]:
    paths = func.array_agg(usage_pieces.c.path)
    return paths if which is None else paths.filter(which)


def _exclusions(connection: Connection, before: date) -> dict[date, set[EventKey]]:
    key = usage_exclusions.c
    days: dict[date, set[EventKey]] = {}
    for day, source, event_id in connection.execute(select(key.day, key.source, key.event_id).where(key.day < before)):
        days.setdefault(day, set()).add(EventKey(source, event_id))
    return days
