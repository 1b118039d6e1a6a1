"""How far each table in an engine was looked at, and how many rows each of its days had then. In Postgres."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine, and_, case, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from flybill_pipeline.billing.usage.tables import NO_DAY, KnownDay, KnownTable, LastLook, Looked, PulledDay
from flybill_pipeline.stores.postgres.sessions import require_own_sessions
from flybill_pipeline.stores.usage.engines.tables import pulled_days, pulled_tables


class PulledTables:
    """The looks into tables, in the database behind `engine`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def working_on(self, source: str) -> Iterator[None]:
        """Waits until nobody else, in any process, looks into the table of `source`."""
        named = {"what": f"table {source}"}
        require_own_sessions(self._engine)
        with self._engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(hashtextextended(:what, 0))"), named)
            connection.commit()
            try:
                yield
            finally:
                connection.execute(text("select pg_advisory_unlock(hashtextextended(:what, 0))"), named)
                connection.commit()

    def known(self, source: str, mapping: str) -> KnownTable:
        """What earlier looks by this mapping came to: by another one it is another table."""
        of_source, days = pulled_tables.c, pulled_days.c
        with self._engine.connect() as connection:
            looked = connection.execute(
                select(of_source.watermark, of_source.compared_at).where(
                    of_source.source == source, of_source.mapping_hash == mapping
                )
            ).one_or_none()
            rows = connection.execute(
                select(days.day, days.rows, days.digest, days.elsewhere).where(
                    days.source == source, days.mapping_hash == mapping
                )
            )
            known = {row.day: KnownDay(row.rows, row.digest, row.elsewhere) for row in rows}
        return KnownTable(looked.watermark, known, looked.compared_at) if looked else KnownTable(None, known)

    def brought(self, source: str, mapping: str, day: PulledDay, watermark: str | None, now: datetime) -> None:
        """The totals of a day were landed."""
        values = {"mapping_hash": mapping, "rows": day.there, "watermark": watermark, "pulled_at": now}
        values |= {"digest": day.digest, "elsewhere": day.elsewhere}
        query = upsert(pulled_days).values(source=source, day=day.day, **values)
        with self._engine.begin() as connection:
            connection.execute(query.on_conflict_do_update(index_elements=["source", "day"], set_=values))

    def pulled(self, source: str, mapping: str, watermark: str | None, looked: Looked) -> None:
        """The table was looked at, up to the watermark."""
        values = {"mapping_hash": mapping, "watermark": watermark, "pulled_at": looked.at}
        values |= {"compared_at": looked.at} if looked.whole else {}
        query = upsert(pulled_tables).values(source=source, **values)
        # Another mapping reads another table, which was not compared with anything.
        kept = case((pulled_tables.c.mapping_hash == mapping, pulled_tables.c.compared_at))
        changed = {"compared_at": kept, **values}
        with self._engine.begin() as connection:
            connection.execute(query.on_conflict_do_update(index_elements=["source"], set_=changed))

    def compare_again(self) -> None:
        """The next look compares all of each table with what came of it, whenever that was last done."""
        with self._engine.begin() as connection:
            connection.execute(update(pulled_tables).values(compared_at=None))

    def last(self) -> dict[tuple[str, str], LastLook]:
        """Source and mapping → when its table was last looked at by that, and when all of it was compared."""
        of_source = pulled_tables.c
        columns = (of_source.source, of_source.mapping_hash, of_source.pulled_at, of_source.compared_at)
        with self._engine.connect() as connection:
            rows = connection.execute(select(*columns))
            return {(row.source, row.mapping_hash): LastLook(row.pulled_at, row.compared_at) for row in rows}

    def taken(self) -> dict[tuple[str, str], tuple[str | None, int, int]]:
        """Source and mapping → the watermark up to which its table was looked at, and what came: days and rows."""
        of_source, days = pulled_tables.c, pulled_days.c
        same = and_(days.source == of_source.source, days.mapping_hash == of_source.mapping_hash, days.day > NO_DAY)
        query = (
            select(
                of_source.source,
                of_source.mapping_hash,
                of_source.watermark,
                func.count(days.day).filter(days.rows > 0),
                func.coalesce(func.sum(days.rows), 0),
            )
            .select_from(pulled_tables.outerjoin(pulled_days, same))
            .group_by(of_source.source)
        )
        with self._engine.connect() as connection:
            return {
                (source, mapping): (watermark, days, int(rows))
                for source, mapping, watermark, days, rows in connection.execute(query)
            }
