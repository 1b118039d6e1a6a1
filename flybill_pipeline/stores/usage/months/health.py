"""The questions that checks ask of the lake's catalog: what came from which source and when, what of it was bad."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Engine, Text, cast, func, select, true
from sqlalchemy.dialects.postgresql import JSONB

from flybill_pipeline.stores.usage.lake.tables import landed_files, usage_days, usage_pieces


class Arrival(NamedTuple):
    """When the last file of a source came, and the moment before which the source has told of all days since then.

    None: it told of days before alone. A file without usage says that there was none.
    """

    at: datetime
    told_to: datetime | None


class UsageHealth:
    """Evidence about arrived usage, for checks. Reads the catalog only, no usage."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def quarantined(self, since: datetime) -> list[dict[str, Any]]:
        """Per source the files read since then, their good rows, and their rows in quarantine."""
        file = landed_files.c
        reason = func.jsonb_each(file.quarantined, type_=JSONB).table_valued("key", "value", joins_implicitly=True)
        bad = select(func.coalesce(func.sum(cast(reason.c.value, BigInteger)), 0)).scalar_subquery()
        query = (
            select(
                file.source, func.count().label("files"), func.sum(file.rows).label("rows"), func.sum(bad).label("bad")
            )
            .where(file.arrived_at >= since, file.state == "taken")
            .group_by(file.source)
            .order_by(file.source)
        )
        with self._engine.connect() as connection:
            return [
                {"source": source, "files": files, "rows": int(rows or 0), "in quarantine": int(bad or 0)}
                for source, files, rows, bad in connection.execute(query)
            ]

    def last_arrivals(self, since: datetime, sources: Collection[str]) -> dict[str, Arrival]:
        """Source → the last of its files that was read, of those of `sources` that brought one since then."""
        file, piece = landed_files.c, usage_pieces.c
        wanted = func.unnest(list(sources), type_=Text).table_valued("source", name="wanted").render_derived()
        read = select(file.arrived_at, file.rows).where(file.source == wanted.c.source, file.state == "taken")
        last = read.order_by(file.arrived_at.desc()).limit(1).lateral("last")
        days = select(piece.day).join(landed_files, file.arrival == piece.arrival).where(piece.day >= since.date())
        day = days.where(file.source == wanted.c.source).order_by(piece.day.desc()).limit(1).scalar_subquery()
        query = select(wanted.c.source, last.c.arrived_at, last.c.rows, day).join_from(wanted, last, true())
        with self._engine.connect() as connection:  # each from the end of an index: there may be years of files
            found = list(connection.execute(query.where(last.c.arrived_at >= since)))
        return {name: Arrival(at, _told_to(at, rows, day)) for name, at, rows, day in found}

    def broken(self) -> list[dict[str, Any]]:
        """The landed files that could not be read at all: source, file, what happened, what to do."""
        file = landed_files.c
        query = (
            select(
                file.source,
                file.path.label("file"),
                file.reason.label("what happened"),
                file.remedy.label("what to do"),
            )
            .where(file.state == "broken")
            .order_by(file.arrival)
        )
        with self._engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def left_out(self, first: date | None = None, last: date | None = None) -> dict[str, int]:
        """Rows that were read and do not count, of the recorded days from `first` to `last`, or of all days.

        `repeats` say what a row before them says, `conflicts` have its id and other content, the sum of `too_large`
        ones is more than can be billed. `replaced` ones were restated; those that are `waiting` name an alias that
        belongs to nobody.
        """
        day = usage_days.c
        counts = {
            "repeats": day.duplicates,
            "conflicts": day.conflicts,
            "too_large": day.too_large,
            "replaced": day.replaced,
            "waiting": day.events_waiting,
        }
        query = select(*(func.coalesce(func.sum(each), 0).label(name) for name, each in counts.items()))
        if first is not None:
            query = query.where(day.day >= first)
        if last is not None:
            query = query.where(day.day <= last)
        with self._engine.connect() as connection:
            return {name: int(count) for name, count in connection.execute(query).one()._mapping.items()}

    def no_usage(self, since: datetime, source: str | None = None) -> int:
        """How many rows of the files read since then are no usage, as `where` of their sources says; of one source."""
        file = landed_files.c
        query = select(func.coalesce(func.sum(file.left_out), 0)).where(file.arrived_at >= since)
        with self._engine.connect() as connection:
            return int(connection.execute(query if source is None else query.where(file.source == source)).scalar_one())

    def rows_by_day(self, first: date, last: date) -> dict[str, dict[date, int]]:
        """Source → day of usage → rows that were landed for it, re-deliveries included."""
        query = (
            select(landed_files.c.source, usage_pieces.c.day, func.sum(usage_pieces.c.rows))
            .join(landed_files, landed_files.c.arrival == usage_pieces.c.arrival)
            .where(usage_pieces.c.day.between(first, last))
            .group_by(landed_files.c.source, usage_pieces.c.day)
        )
        counted: dict[str, dict[date, int]] = {}
        with self._engine.connect() as connection:
            for source, day, rows in connection.execute(query):
                counted.setdefault(source, {})[day] = int(rows)
        return counted


def _told_to(arrived_at: datetime, rows: int | None, last_day: date | None) -> datetime | None:
    if not rows:
        return arrived_at
    if last_day is None:
        return None
    return min(arrived_at, datetime.combine(last_day + timedelta(days=1), time(), UTC))
