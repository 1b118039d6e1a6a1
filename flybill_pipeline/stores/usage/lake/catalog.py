"""The lake's catalog in Postgres: which files have arrived, which pieces they gave, what each day's manifest is.

All SQL on landed_files, usage_pieces and usage_days is here; the Parquet files themselves are in lake.py.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.dialects.postgresql import insert as upsert

from flybill_pipeline.billing.usage.files import Arrival, Broken, EventKey, LandedFile, Manifest, Owners, Rollup, Taken
from flybill_pipeline.billing.usage.texts import without_nul
from flybill_pipeline.stores.postgres.sessions import require_own_sessions
from flybill_pipeline.stores.usage.lake import comparisons
from flybill_pipeline.stores.usage.lake.aliases import days_to_own_again, last_change
from flybill_pipeline.stores.usage.lake.registering import known_files, let_go, news_of, next_turn, registered
from flybill_pipeline.stores.usage.lake.restated import restate
from flybill_pipeline.stores.usage.lake.tables import (
    landed_files,
    restated_pieces,
    usage_day_versions,
    usage_days,
    usage_exclusions,
    usage_pieces,
)


class LakeCatalog:
    """The catalog in the database behind `engine`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def working_on(self, what: str) -> Iterator[None]:
        """Waits until nobody else, in any process, is working on `what`; a process that dies gives it up."""
        require_own_sessions(self.engine)
        with self.engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(hashtextextended(:what, 0))"), {"what": f"lake {what}"})
            connection.commit()
            try:
                yield
            finally:
                connection.execute(
                    text("select pg_advisory_unlock(hashtextextended(:what, 0))"), {"what": f"lake {what}"}
                )
                connection.commit()

    # Files

    def arrivals(self, files: Iterable[LandedFile], now: datetime) -> list[Arrival]:
        """Registers what is new or changed among `files`, and returns all that wait to be read, in order of arrival.

        A file without a change is known by its size and time of modification, or by its content if only touched.
        A broken file waits again when anything about it or its source mapping has changed. One that was taken away is
        gone, so that nobody is asked to mend it; it waits again should it come back.
        """
        there = {(file.source, file.path): file for file in files}
        with self.engine.begin() as connection:
            known, turn = known_files(connection), next_turn(connection)
            let_go(connection, [row for place, row in known.items() if place not in there])
            arrivals = [
                registered(connection, file, known.get(place), now, turn + nth)
                for nth, (place, file) in enumerate(there.items())
            ]
        return sorted((arrival for arrival in arrivals if arrival is not None), key=lambda arrival: arrival.number)

    def unread(self, files: Iterable[LandedFile]) -> list[LandedFile]:
        """Those of `files` that `arrivals` would return. Writes nothing."""
        with self.engine.connect() as connection:
            known = known_files(connection)
        news = ((file, news_of(file, known.get((file.source, file.path)))) for file in files)
        return [file for file, new in news if new not in (None, "touched")]

    def as_read(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Source and path → size and time of modification (ns) of each file that was taken in as it was then."""
        found = landed_files.c
        query = select(found.source, found.path, found.size, found.modified_ns).where(found.state == "taken")
        with self.engine.connect() as connection:
            return {(source, path): (size, at) for source, path, size, at in connection.execute(query)}

    def read(self) -> list[tuple[str, str]]:
        """The source and the path of every file that gave rows, if only in an earlier version of it."""
        return [(file.source, file.path) for file in self.files() if file.rows is not None]

    def took(self, arrival: Arrival, taken: Taken) -> set[date]:
        """Makes the pieces of a file visible, in place of its earlier version's; returns the days that change."""
        pieces = [
            {"path": piece.path, "day": piece.day, "arrival": arrival.number, "rows": piece.rows}
            for piece in taken.pieces
        ]
        with self.engine.begin() as connection:
            earlier = delete(usage_pieces).where(usage_pieces.c.arrival == arrival.number).returning(usage_pieces.c.day)
            days = set(connection.execute(earlier).scalars())
            connection.execute(delete(restated_pieces).where(restated_pieces.c.arrival == arrival.number))
            if pieces:
                connection.execute(insert(usage_pieces), pieces)
            if arrival.file.whole:
                days |= restate(connection, arrival.file.source, arrival.file.whole)
            if days:
                comparisons.compare_again(connection)
            connection.execute(
                update(landed_files)
                .where(landed_files.c.arrival == arrival.number)
                .values(
                    state="taken",
                    rows=taken.rows,
                    left_out=taken.left_out,
                    records=taken.records,
                    records_told=taken.told,
                    quarantined=dict(taken.quarantined),
                    quarantine_path=taken.quarantine_path,
                    reason=None,
                    remedy=None,
                )
            )
        return days | {piece.day for piece in taken.pieces}

    def broke(self, arrival: Arrival, broken: Broken) -> None:
        """Notes why a file could not be read, which may quote it. What an earlier version of it gave stays."""
        with self.engine.begin() as connection:
            connection.execute(
                update(landed_files)
                .where(landed_files.c.arrival == arrival.number)
                .values(state="broken", reason=without_nul(broken.reason), remedy=without_nul(broken.remedy))
            )

    def files(self, state: str | None = None) -> Sequence[Row[Any]]:
        """The landed files in order of arrival, all columns of landed_files; only those in `state` when it is given."""
        query = select(landed_files).order_by(landed_files.c.arrival)
        with self.engine.connect() as connection:
            return connection.execute(query if state is None else query.where(landed_files.c.state == state)).all()

    def paths_of(self, arrivals: Collection[int]) -> dict[int, str]:
        """Number of arrival → where the file was landed, of those that are known."""
        query = select(landed_files.c.arrival, landed_files.c.path).where(landed_files.c.arrival.in_(arrivals))
        with self.engine.connect() as connection:
            return {row.arrival: row.path for row in connection.execute(query)}

    # Days

    def uncompared(self) -> tuple[str, ...]:
        """The pieces whose ids are to be compared with those of all other days: new ones, or others have gone."""
        with self.engine.connect() as connection:
            return comparisons.uncompared(connection)

    def all_pieces(self) -> tuple[str, ...]:
        """Every piece of every day."""
        with self.engine.connect() as connection:
            return tuple(connection.execute(select(usage_pieces.c.path).order_by(usage_pieces.c.path)).scalars())

    def compared(self, pieces: Sequence[str], ids: Mapping[date, Sequence[EventKey]]) -> None:
        """Puts `ids`, which comparing `pieces` gave, in the place of those that were excluded before."""
        with self.engine.begin() as connection:
            comparisons.keep(connection, pieces, ids)

    def exclusions(self, day: date) -> tuple[EventKey, ...]:
        """The ids that stand on `day` too, but count on another."""
        with self.engine.connect() as connection:
            return comparisons.left_out(connection, day)

    def pieces(self, day: date) -> tuple[str, ...]:
        """Every piece that holds rows of `day`, recorded or not."""
        query = select(usage_pieces.c.path).where(usage_pieces.c.day == day).order_by(usage_pieces.c.path)
        with self.engine.connect() as connection:
            return tuple(connection.execute(query).scalars())

    def manifest(self, day: date) -> Manifest | None:
        """What was last recorded for `day`."""
        return self.manifests([day]).get(day)

    def manifests(self, days: Iterable[date] | None = None) -> dict[date, Manifest]:
        """The manifests of `days`, or of all days; a day that was never recorded has none."""
        query = select(usage_days) if days is None else select(usage_days).where(usage_days.c.day.in_(list(days)))
        with self.engine.connect() as connection:
            return {row.day: manifest_of(row) for row in connection.execute(query.order_by(usage_days.c.day))}

    def record(self, manifest: Manifest) -> None:
        """Puts `manifest` in the place of the day's earlier one; its rollup stays until the day is compiled again."""
        values = {
            "version": manifest.version,
            "pieces": list(manifest.pieces),
            "exclusions": [[key.source, key.event_id] for key in manifest.exclusions],
            "excluded_path": manifest.excluded_path,
            "rows": manifest.rows,
            "duplicates": manifest.duplicates,
            "conflicts": manifest.conflicts,
            "too_large": manifest.too_large,
            "replaced": manifest.replaced,
            "aliases_path": manifest.owners and manifest.owners.path,
            "events_waiting": manifest.owners.waiting if manifest.owners else 0,
        }
        now = values | {"aliases_known": manifest.owners and manifest.owners.known, "recorded_at": func.now()}
        query = upsert(usage_days).values(day=manifest.day, **now)
        with self.engine.begin() as connection:
            kept = upsert(usage_day_versions).values(day=manifest.day, **values)
            connection.execute(kept.on_conflict_do_nothing())
            connection.execute(query.on_conflict_do_update(index_elements=["day"], set_=now))

    def compiled(self, rollup: Rollup) -> None:
        """Makes `rollup` the totals of its day."""
        values = {
            "daily_version": rollup.version,
            "daily_path": rollup.path,
            "daily_groups": rollup.groups,
            "compiled_at": func.now(),
        }
        with self.engine.begin() as connection:
            connection.execute(update(usage_days).where(usage_days.c.day == rollup.day).values(**values))

    def rollups(self, days: Iterable[date]) -> dict[date, str]:
        """Day → path of its totals, for those of `days` that have been compiled."""
        return self._rollups(usage_days.c.day.in_(list(days)))

    def rollups_before(self, day: date) -> dict[date, str]:
        """Day → path of its totals, for every compiled day before `day`."""
        return self._rollups(usage_days.c.day < day)

    def _rollups(self, wanted: ColumnElement[bool]) -> dict[date, str]:
        query = select(usage_days.c.day, usage_days.c.daily_path).where(wanted, usage_days.c.daily_path.is_not(None))
        with self.engine.connect() as connection:
            return {row.day: row.daily_path for row in connection.execute(query.order_by(usage_days.c.day))}

    def days_to_record(self, first: date = date.min, end: date = date.max) -> tuple[date, ...]:
        """The days from `first` to before `end` that are behind the landed files.

        Their pieces or the ids that count elsewhere are not those of the manifest, or the manifest has not been
        compiled yet, or it may know other owners of aliases than there are.
        """
        current = (
            select(
                usage_pieces.c.day,
                func.jsonb_agg(aggregate_order_by(usage_pieces.c.path, usage_pieces.c.path)).label("pieces"),
            )
            .where(usage_pieces.c.day >= first, usage_pieces.c.day < end)
            .group_by(usage_pieces.c.day)
        )
        with self.engine.connect() as connection:
            pieces: Mapping[date, list[str]] = {row.day: row.pieces for row in connection.execute(current)}
            recorded = select(usage_days).where(usage_days.c.day >= first, usage_days.c.day < end)
            days = {row.day: row for row in connection.execute(recorded)}
            excluded: dict[date, list[list[str]]] = {}
            elsewhere = usage_exclusions.c.day
            for row in connection.execute(select(usage_exclusions).where(elsewhere >= first, elsewhere < end)):
                excluded.setdefault(row.day, []).append([row.source, row.event_id])
            behind = {day for day in days_to_own_again(connection) if first <= day < end}
        behind |= pieces.keys() - days.keys()
        stale = {
            day
            for day, row in days.items()
            if (pieces.get(day, []), sorted(excluded.get(day, [])), row.version)
            != (row.pieces, row.exclusions, row.daily_version)
        }
        return tuple(sorted(behind | stale))

    def pieces_fingerprint(self, day: date) -> str:
        """Changes when `day` has other pieces, has been compiled, or aliases have changed: what a retry is named by."""
        with self.engine.connect() as connection:
            query = select(usage_days.c.daily_version).where(usage_days.c.day == day)
            compiled, change = connection.execute(query).scalar_one_or_none(), last_change(connection)
        inputs = [*self.pieces(day), compiled or "", *([str(change)] if change else [])]
        return hashlib.sha256("\n".join(inputs).encode()).hexdigest()[:16]


def manifest_of(row: Row[Any]) -> Manifest:
    """The manifest that a row of usage_days, or of usage_day_versions, holds."""
    return Manifest(
        day=row.day,
        version=row.version,
        pieces=tuple(row.pieces),
        exclusions=tuple(EventKey(*key) for key in row.exclusions),
        excluded_path=row.excluded_path,
        rows=row.rows,
        duplicates=row.duplicates,
        conflicts=row.conflicts,
        too_large=row.too_large,
        replaced=row.replaced,
        owners=_owners_of(row),
    )


def _owners_of(row: Row[Any]) -> Owners | None:
    """None where no event names an alias. Of a version that is no more in force, nobody asks what it knew."""
    if not row.aliases_path and not row.events_waiting:
        return None
    return Owners(row.aliases_path, getattr(row, "aliases_known", 0), row.events_waiting)
