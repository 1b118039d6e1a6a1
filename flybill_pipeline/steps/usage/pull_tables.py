"""Brings the totals of tables in engines into the landing zone, whole days at a time. How an engine is asked: not here.

What is brought is read there like any file; so a pull that is killed, repeated or restated bills the exact difference.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from flybill_pipeline.billing.usage.tables import KnownTable, NotPulledError, Pulled, PulledDay, day_path

SHOWN = 3


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
    def pulled(self, watermark: str | None, now: datetime) -> AbstractContextManager[Pulled]: ...


class Tables(Protocol):
    """The tables of all sources, and why no other meters than sums can come from them."""

    def all(self) -> Sequence[UsageTable]: ...
    def not_sums(self) -> Mapping[str, str]:
        """Meter → how price books aggregate it, of those whose days do not add up from totals."""


class Zone(Protocol):
    """Where the totals are landed."""

    def bring(self, location: str, path: str) -> bool: ...


class TableLedger(Protocol):
    """How far each table was looked at."""

    def working_on(self, source: str) -> AbstractContextManager[None]: ...
    def known(self, source: str, mapping: str) -> KnownTable: ...
    def brought(self, source: str, mapping: str, day: PulledDay, watermark: str | None, now: datetime) -> None: ...
    def pulled(self, source: str, mapping: str, watermark: str | None, now: datetime) -> None: ...


class TablesNotPulledError(Exception):
    """The totals of some tables did not come; the message names them, and says why."""


@dataclass(frozen=True, slots=True)
class TableReport:
    """What one look into a table came to: days looked at, those whose totals changed, rows, repeats, the watermark."""

    source: str
    days: int
    changed: Sequence[date]
    rows: int
    repeats: int
    watermark: str | None


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


def pull_tables(tables: Tables, zone: Zone, ledger: TableLedger, now: datetime) -> PullReport:
    """Lands the totals of every day that has new rows, of every table. One that does not answer stops no other."""
    reports, failed = list[TableReport](), dict[str, str]()
    for table in tables.all():
        try:
            with ledger.working_on(table.key):
                reports.append(_pull(table, tables, zone, ledger, now))
        except NotPulledError as error:
            failed[table.name] = str(error)
    return PullReport(reports, failed)


def _pull(table: UsageTable, tables: Tables, zone: Zone, ledger: TableLedger, now: datetime) -> TableReport:
    """The watermark is kept last of all: what is cut off is looked at again."""
    known = ledger.known(table.key, table.mapping)
    with table.pulled(known.watermark, now) as pulled:
        _require_sums(pulled.days, tables)
        fewer = [] if table.deletes else [day for day in pulled.days if day.there < known.rows.get(day.day, 0)]
        changed = []
        for day in (each for each in pulled.days if each not in fewer):
            if (day.totals or day.day in known.rows) and zone.bring(day.location, day_path(table.key, day.day)):
                changed.append(day.day)
            ledger.brought(table.key, table.mapping, day, pulled.watermark, now)
        _require_no_fewer(fewer, known.rows)
        ledger.pulled(table.key, table.mapping, pulled.watermark, now)
    rows, repeats = sum(day.rows for day in pulled.days), sum(day.repeats for day in pulled.days)
    return TableReport(table.name, len(pulled.days), changed, rows, repeats, pulled.watermark)


def _require_sums(days: Sequence[PulledDay], tables: Tables) -> None:
    meters = {meter for day in days for meter in day.meters}
    wrong = {meter: how for meter, how in sorted(tables.not_sums().items()) if meter in meters} if meters else {}
    for meter, how in wrong.items():
        remedy = "make it a sum, with a quantity of 1 in each row" if how == "count" else "bring its events as files"
        raise NotPulledError(f"the price books measure {meter!r} by {how}, which totals of days do not tell: {remedy}")


def _require_no_fewer(fewer: Sequence[PulledDay], before: Mapping[date, int]) -> None:
    """Rows that were deleted would take back what was billed for them."""
    if fewer:
        named = ", ".join(f"{day.day} ({day.there:,}, {before[day.day]:,} before)" for day in fewer[:SHOWN])
        raise NotPulledError(
            f"{'1 day has' if len(fewer) == 1 else f'{len(fewer)} days have'} fewer rows than when the totals were"
            f" taken: {named}. What was taken still counts. Say deletes = true where rows that are gone are to count no"
            " more; else put them back, or a correction as a file of another source"
        )
