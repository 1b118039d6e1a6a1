"""A month of made-up usage, a file or more for each day: what exporters would have written. Measures nothing.

50,000 organizations (zipf-like), 12 meters, 30 regions. Of 200 rows one is there twice in its file, one was in the file
of the day before already, and one tells of up to three days before. The same seed gives the same rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from flybill_pipeline.billing.money.decimals import exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.files.duck import Limits, copied, duck

MONTH = Month(2026, 10)
DAYS = MONTH.days()
ROWS_PER_FILE = 5_000_000
MICROSECONDS = 86_400_000_000
WRITERS = {"jsonl": "format json", "csv": "format csv", "parquet": "format parquet, compression zstd"}


@dataclass(frozen=True, slots=True)
class MadeUpMonth:
    """So many events, written below `folder`."""

    folder: Path
    kind: str
    events: int
    seed: int

    def files(self) -> Iterator[tuple[int, int, int]]:
        """Day (from 0), first row and end of each file, in order."""
        for day in range(len(DAYS)):
            rows = self.events * (day + 1) // len(DAYS) - self.events * day // len(DAYS)
            for first in range(0, rows, ROWS_PER_FILE):
                yield day, first, min(first + ROWS_PER_FILE, rows)

    def write(self, day: int, first: int, end: int) -> Path:
        """Writes one of the files."""
        file = self.folder / f"{DAYS[day]}-{first:010d}.{self.kind}"
        with duck(self.folder, Limits()) as connection:
            told = f"select * exclude (again) from ({self._rows(day, first, end)})"
            connection.execute(copied(told, file, WRITERS[self.kind]))
        return file

    def counted(self) -> Decimal:
        """The exact sum of all that was told, each event once."""
        found = [self._first("select sum(quantity) from", *file) for file in self.files()]
        with exact():
            return sum(found, Decimal(0))

    def _first(self, select: str, day: int, first: int, end: int) -> Decimal:
        with duck(self.folder, Limits()) as connection:
            row = connection.execute(f"{select} ({self._rows(day, first, end)}) where not again").fetchone()
        return row[0] if row and row[0] is not None else Decimal(0)

    def _rows(self, day: int, first: int, end: int) -> str:
        """Rows are numbered within their day (`i`), and say what the event `k` of day `d` was; `n` is its number."""
        per_day = self.events // len(DAYS) + 1
        return f"""
            select 'evt_' || lpad(n::varchar, 16, '0') as event_id,
                   'org_' || lpad(((50000 ** (hash(n, {self.seed}) % 1000000 / 1000000.0) - 1)::integer)::varchar, 5,
                                  '0') as org_id,
                   'meter_' || (n // 7 % 12)::varchar as meter, 'region-' || (n // 3 % 30)::varchar as region,
                   ((n * 7919) % 1000000007)::decimal(18, 0) * 0.000001::decimal(7, 6) as quantity,
                   timestamp '{DAYS[0]}' + to_days((d - late)::integer)
                       + to_microseconds(k * ({MICROSECONDS} // {per_day})) as occurred_at,
                   again
            from (select *, d * {per_day} + k as n,
                         case when k % 200 = 7 then least(1 + k // 200 % 3, d) else 0 end as late
                  from (select i % 200 in (1, 3) as again,
                               case when i % 200 in (1, 3) then i - 1 else i end as k,
                               case when i % 200 = 3 and {day} > 0 then {day} - 1 else {day} end as d
                        from range({first}, {end}) rows(i)))"""
