"""Brings the totals of tables in engines into the landing zone, whole days at a time. How an engine is asked: not here.

A look takes the days that have new rows. A whole look counts all days instead, and takes those that differ from what
came: a row that came late, was changed in its place, moved or deleted has no new watermark.

What is brought is read there like any file; so a pull that is killed, repeated or restated bills the exact difference.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Protocol

from flybill_pipeline.billing.usage.compared_tables import NONE, Differences, Keeping, differences
from flybill_pipeline.billing.usage.tables import (
    NO_DAY,
    Counted,
    KnownDay,
    KnownTable,
    Looked,
    NotPulledError,
    Pulled,
    PulledDay,
    day_path,
)

SHOWN = 3
NOTHING = KnownDay(0)


class UsageTable(Protocol):
    """Usage of one source, in an engine. `mapping` changes when it is read otherwise."""

    @property
    def name(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def mapping(self) -> str: ...
    @property
    def deletes(self) -> bool: ...
    @property
    def keeps_days(self) -> int | None: ...
    def counted(self, watermark: str | None, now: datetime) -> Counted: ...
    def pulled(
        self, watermark: str | None, now: datetime, days: Sequence[date] | None = None
    ) -> AbstractContextManager[Pulled]: ...


class Tables(Protocol):
    """The tables of all sources, and why no other meters than sums can come from them."""

    def all(self) -> Sequence[UsageTable]: ...
    def not_sums(self) -> Mapping[str, str]:
        """Meter → how price books aggregate it, of those whose days do not add up from totals."""


class Zone(Protocol):
    """Where the totals are landed."""

    def bring(self, location: str, path: str) -> bool: ...
    def holds(self, location: str, path: str) -> bool: ...


class TableLedger(Protocol):
    """How far each table was looked at."""

    def working_on(self, source: str) -> AbstractContextManager[None]: ...
    def known(self, source: str, mapping: str) -> KnownTable: ...
    def brought(self, source: str, mapping: str, day: PulledDay, watermark: str | None, now: datetime) -> None: ...
    def pulled(self, source: str, mapping: str, watermark: str | None, looked: Looked) -> None: ...


class TablesNotPulledError(Exception):
    """The totals of some tables did not come; the message names them, and says why."""


@dataclass(frozen=True, slots=True)
class TableReport:
    """What one look into a table came to: days looked at, those whose totals changed, rows, repeats, the watermark.

    A `whole` look `found` days that had changed and have no new row; of those that the engine forgot, what came stands.
    """

    source: str
    days: int
    changed: Sequence[date]
    rows: int
    repeats: int
    watermark: str | None
    whole: bool = False
    found: Sequence[date] = ()
    forgotten: Sequence[date] = ()


@dataclass(frozen=True, slots=True)
class PullReport:
    """The looks into all tables, and why some came to nothing: source → sentence."""

    tables: Sequence[TableReport] = ()
    failed: Mapping[str, str] | None = None

    def require_all(self) -> None:
        """Raises TablesNotPulledError when a table was not pulled."""
        if self.failed:
            said = " ".join(f"{name}: {why.rstrip('.')}." for name, why in self.failed.items())
            raise TablesNotPulledError(
                f"The usage of {', '.join(self.failed)} did not come; everything else was read. {said} Nothing of it is"
                " lost: it comes with the next look, which begins where the last one ended."
            )


def pull_tables(tables: Tables, zone: Zone, ledger: TableLedger, now: datetime, whole_since: datetime) -> PullReport:
    """Lands the totals of every day that has new rows, of every table. One that does not answer stops no other.

    A table that was not looked at as a whole since then is looked at so, and days that changed otherwise come too.
    """
    reports, failed = list[TableReport](), dict[str, str]()
    for table in tables.all():
        try:
            with ledger.working_on(table.key):
                known = ledger.known(table.key, table.mapping)
                look = _Look(table, known, tables, zone, ledger, now)
                due = known.compared_at is None or known.compared_at < whole_since
                reports.append(look.whole() if due and known.days else look.new())
        except NotPulledError as error:
            failed[table.name] = str(error)
    return PullReport(reports, failed)


@dataclass(frozen=True, slots=True)
class _Look:
    """A look into one table, and what is known of it. The watermark is kept last: what is cut off is repeated."""

    table: UsageTable
    known: KnownTable
    tables: Tables
    zone: Zone
    ledger: TableLedger
    now: datetime

    def new(self) -> TableReport:
        """Takes the days with new rows; all days at the first look."""
        with self.table.pulled(self.known.watermark, self.now) as pulled:
            taken = self._but(pulled, ())
            if not any(day.there < self._before(day.day) for day in taken.days):
                report = replace(self._land(taken, pulled.watermark), whole=not self.known.days)
                self._done(pulled.watermark, whole=report.whole)
                return report
        return self.whole()  # which knows whether they were deleted or forgotten

    def whole(self) -> TableReport:
        """Takes the days that are not as they came. Raises NotPulledError where rows are gone that may not be."""
        counted = self.table.counted(self.known.watermark, self.now)
        differ = differences(self.known.days, counted.days, self._keeping())
        report = TableReport(self.table.name, 0, [], 0, 0, counted.watermark)
        if differ.changed:
            _require_rows(differ, counted)
            with self.table.pulled(None, self.now, self._to_sum(differ)) as pulled:
                here = replace(pulled, days=[day for day in pulled.days if not _shrank(day, counted)])
                report = self._land(self._but(here, (*differ.fewer, *differ.forgotten)), counted.watermark)
        _require_no_fewer(self._less_in(differ.fewer, counted), self.known, counted)
        self._done(counted.watermark, whole=True)
        found = [day for day in differ.changed if not counted.days.get(day, NONE).new]
        return replace(report, whole=True, found=found, forgotten=differ.forgotten)

    def _less_in(self, fewer: Sequence[date], counted: Counted) -> Sequence[date]:
        """Of days with fewer rows those that come to something else; of the others the ledger keeps what they have now.

        What merges repeats away takes nothing back. No day is landed: an id may stand on another one now.
        """
        if not fewer or not counted.days:
            return fewer
        with self.table.pulled(None, self.now, fewer) as pulled:
            same = {day.day: day for day in pulled.days if day.day in fewer and self._holds(day)}
            for day in same.values():
                self.ledger.brought(self.table.key, self.table.mapping, day, counted.watermark, self.now)
        return [day for day in fewer if day not in same]

    def _holds(self, day: PulledDay) -> bool:
        return self.zone.holds(day.location, day_path(self.table.key, day.day))

    def _before(self, day: date) -> int:
        """How many rows a day had that nobody may take away unseen."""
        return 0 if day == NO_DAY else self.known.days.get(day, NOTHING).rows

    def _keeping(self) -> Keeping:
        return Keeping(self.now.date(), self.table.keeps_days, self.table.deletes)

    def _to_sum(self, differ: Differences) -> Sequence[date]:
        """A repeat may count now, where the row before it is gone: its id is known to nobody any more."""
        left = {*differ.fewer, *differ.forgotten}
        repeating = {day for day, known in self.known.days.items() if known.elsewhere} - left
        return sorted({*differ.changed, *repeating})

    def _but(self, pulled: Pulled, days: Collection[date]) -> Pulled:
        """Without these days, and those whose rows the engine may have dropped: what came of them stands."""
        over = {day for day in self.known.days if self._keeping().is_over(day)}
        return replace(pulled, days=[day for day in pulled.days if day.day not in over and day.day not in days])

    def _land(self, pulled: Pulled, watermark: str | None) -> TableReport:
        _require_sums(pulled.days, self.tables)
        changed = []
        for day in pulled.days:
            location, path = day.location, day_path(self.table.key, day.day)
            if (day.totals or day.day in self.known.days) and self.zone.bring(location, path):
                changed.append(day.day)
            self.ledger.brought(self.table.key, self.table.mapping, day, watermark, self.now)
        rows, repeats = sum(day.rows for day in pulled.days), sum(day.repeats for day in pulled.days)
        return TableReport(self.table.name, len(pulled.days), changed, rows, repeats, watermark)

    def _done(self, watermark: str | None, *, whole: bool) -> None:
        self.ledger.pulled(self.table.key, self.table.mapping, watermark, Looked(self.now, whole))


def _require_sums(days: Sequence[PulledDay], tables: Tables) -> None:
    meters = {meter for day in days for meter in day.meters}
    wrong = {meter: how for meter, how in sorted(tables.not_sums().items()) if meter in meters} if meters else {}
    for meter, how in wrong.items():
        remedy = "make it a sum, with a quantity of 1 in each row" if how == "count" else "bring its events as files"
        raise NotPulledError(f"the price books measure {meter!r} by {how}, which totals of days do not tell: {remedy}")


def _shrank(day: PulledDay, counted: Counted) -> bool:
    """Whether rows went while we looked: the next whole look judges that."""
    return day.there < counted.days.get(day.day, NONE).rows


def _require_rows(differ: Differences, counted: Counted) -> None:
    """A table that is emptied to be filled again would take back everything."""
    if not counted.days:
        named = ", ".join(map(str, differ.changed[:SHOWN]))
        raise NotPulledError(
            f"it has no row at all any more, of {named} neither: is it being filled again? What was taken still counts."
            " A single row in it, of any day, says that the others are to count no more"
        )


def _require_no_fewer(fewer: Sequence[date], known: KnownTable, counted: Counted) -> None:
    """Rows that were deleted would take back what was billed for them."""
    if fewer:
        said = [f"{day} ({counted.days.get(day, NONE).rows:,}, {known.days[day].rows:,} before)" for day in fewer]
        named = ", ".join(said[:SHOWN]) + (" …" if len(said) > SHOWN else "")
        raise NotPulledError(
            f"{'1 day has' if len(fewer) == 1 else f'{len(fewer)} days have'} fewer rows than when the totals were"
            f" taken: {named}. What was taken still counts. Say deletes = true where rows that were deleted, or moved"
            " to another day, are to count there no more, and keeps_days = … for how many days the engine surely keeps"
            " its rows: what it drops later stands. Else put them back"
        )
