"""Asks an engine for the totals of days, and writes those of each day to a file as the landing zone has it.

Nothing is landed here. A file has the same bytes whenever its day has the same totals.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from flybill_pipeline.billing.usage.tables import NO_DAY, Counted, CountedDay, NotPulledError, Pulled, PulledDay
from flybill_pipeline.stores.files.duck import Limits, copied, duck_once, parquet_rows, quoted
from flybill_pipeline.stores.usage.engines.connecting import batches, connected, relation, told_of
from flybill_pipeline.stores.usage.engines.counting import counting
from flybill_pipeline.stores.usage.engines.rollup import Rollup, require_readable, rollup, standing
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.table_fields import UsageTable

SHOWN_AS = {"quantity": "null", "finite": "'NaN'", "large": "'1e15'", "precise": "'0.0000000000000000001'"}
"""What stands for the quantity of rows that have none that counts, so that reading the file gives the reason."""
AS_DIGITS = "coalesce(try_cast(quantity as decimal(38, 18))::varchar, quantity)"
"""A sum as each engine has it: some leave out noughts at the end, or write a small number with an exponent."""
MAY_OVERFLOW = "try_cast(largest as double) * rows > 9e19"
"""Where a sum might have more digits than a decimal holds. Some engines, such as ClickHouse, say nothing then."""
COUNTS = """select coalesce(sum(rows), 0)::bigint, coalesce(sum(repeats), 0)::bigint,
    coalesce(sum(elsewhere), 0)::bigint, coalesce(sum(digest::decimal(38, 0)), 0)::hugeint,
    count(*) filter (rows > 0), max(mark) from totals"""
"""What a day's rows come to, and how many of its totals are written."""
PART = "coalesce(replace(replace({}, chr(30), chr(30) || '0'), chr(31), chr(30) || '1'), chr(30))"
"""A text as a part of the id of a total: what stands for none, and what stands between parts, are no text's own."""
_ORDER = "org_id, meter, flaw"


class EngineEvent(NamedTuple):
    """A row of a table that counts. `event_id` has the parts of its id with a blank between."""

    event_id: str
    day: date
    occurred_at: datetime
    quantity: Decimal
    dimensions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EngineTable:
    """The usage of one source, in an engine. `address_in` gives the address that an environment variable holds."""

    source: SourceMapping
    usage: UsageTable
    address_in: Callable[[str], str | None]

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def key(self) -> str:
        """The id under which the source's usage is kept."""
        return self.source.key

    @property
    def mapping(self) -> str:
        """Changes when the table is read otherwise."""
        return self.source.fingerprint()

    @property
    def deletes(self) -> bool:
        return self.usage.deletes

    @property
    def keeps_days(self) -> int | None:
        """After how many days the engine may have forgotten rows; None where nobody said."""
        return self.usage.keeps_days

    def address(self) -> str:
        """The engine's address. Raises NotPulledError when the variable that is to have it is not set."""
        name = self.usage.url.removeprefix("$")
        if name == self.usage.url:
            return name
        address = self.address_in(name)
        if address is None:
            raise NotPulledError(f"{name} is not set: it is to hold the address of source {self.name!r}")
        return address

    def require_answer(self) -> None:
        """Raises NotPulledError when the engine does not answer, or its table cannot be read by the mapping."""
        url = self.address()
        with connected(url) as backend, told_of(url):
            require_readable(relation(backend, self.usage), self.usage)

    def together(self, pulled: Pulled, folder: Path) -> Path | None:
        """All totals of a look as one file in `folder`; None where there are none."""
        files = [day.location for day in pulled.days if day.totals]
        if not files:
            return None
        with duck_once(folder, Limits(reads=tuple(map(Path, files)))) as connection:
            connection.execute(
                copied(f"select * from {parquet_rows(files)}", folder / "totals.parquet", "format parquet")
            )
        return folder / "totals.parquet"

    def events(self, org_id: str, meter: str, days: tuple[date, date]) -> Iterator[EngineEvent]:
        """The rows behind the totals of one org's meter, from the first to the last of the days, as they stand now.

        Raises NotPulledError when the engine does not tell.
        """
        url = self.address()
        with connected(url) as backend, told_of(url):
            table = relation(backend, self.usage)
            require_readable(table, self.usage)
            asked = standing(table, self.usage, org_id, meter, days, engine=backend.name)
            for batch in batches(backend, asked):
                for event_id, day, at, quantity, *dimensions in zip(
                    *(c.to_pylist() for c in batch.columns), strict=True
                ):
                    named = zip(self.usage.dimensions, dimensions, strict=True)
                    told = {name: value for name, value in named if value is not None}
                    yield EngineEvent(event_id, _plain_day(day), _in_utc(at), Decimal(quantity), told)

    def counted(self, watermark: str | None, now: datetime) -> Counted:
        """All days that have rows, counted in one scan. Raises NotPulledError as `pulled` does."""
        url = self.address()
        days, marks = dict[date, CountedDay](), list[Any]()
        with connected(url) as backend, told_of(url):
            table = relation(backend, self.usage)
            require_readable(table, self.usage)
            for batch in batches(backend, counting(table, self.usage, watermark, backend.name)):
                for row in batch.to_pylist():
                    day = _plain_day(row["day"])
                    counted = days.get(day, CountedDay())  # a row of several meters is told of for each
                    digest = str(int(counted.digest) + int(Decimal(row["digest"])))
                    days[day] = CountedDay(counted.rows + row["rows"], digest, counted.new + row["new"])
                    marks += [] if row["mark"] is None else [row["mark"]]
        return Counted(days, _newest(watermark, marks, now))

    @contextmanager
    def pulled(self, watermark: str | None, now: datetime, days: Sequence[date] | None = None) -> Iterator[Pulled]:
        """The days that have new rows since the watermark, each in a file that is there for as long as this is open.

        With `days`: these, empty ones too, and those that share an id with them. Raises NotPulledError when the engine
        does not answer, or not all of it.
        """
        url = self.address()
        with TemporaryDirectory() as folder:
            with connected(url) as backend, told_of(url):
                table = relation(backend, self.usage)
                require_readable(table, self.usage)
                asked = rollup(table, self.usage, watermark, days=days, engine=backend.name)
                with duck_once(Path(folder), Limits(threads=1)) as connection:
                    files = _Files(Path(folder), asked, connection)
                    for day, totals in _by_day(batches(backend, asked.expression)):
                        files.write(day, totals)
                    for day in sorted(set(days or ()) - {each.day for each in files.days}):
                        files.write(day, asked.expression.schema().to_pyarrow().empty_table())
            yield Pulled(files.days, _newest(watermark, files.marks, now))


def _by_day(answer: Any) -> Iterator[tuple[date, Any]]:
    """The answer cut by day, which it is ordered by: no more than a day of it is kept."""
    kept: list[Any] = []
    day: date | None = None
    for batch in answer:
        rows = pa.Table.from_batches([batch])
        days: list[Any] = pc.unique(rows["day"]).to_pylist()
        for each in sorted(days):
            if each != day and kept:
                yield _plain_day(day), pa.concat_tables(kept)
                kept = []
            day = each
            kept.append(rows.filter(pc.equal(rows["day"], pa.scalar(each, rows["day"].type))))
    if kept:
        yield _plain_day(day), pa.concat_tables(kept)


def _in_utc(at: datetime | date) -> datetime:
    """A time without a zone is of UTC, and a day is its first moment."""
    moment = at if isinstance(at, datetime) else datetime(at.year, at.month, at.day)  # noqa: DTZ001 - given below
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _plain_day(day: Any) -> date:
    return day.date() if isinstance(day, datetime) else day


class _Files:
    """The files of days, in `folder`."""

    def __init__(self, folder: Path, asked: Rollup, connection: duckdb.DuckDBPyConnection) -> None:
        self._folder, self._asked, self._connection = folder, asked, connection
        self.days: list[PulledDay] = []
        self.marks: list[Any] = []

    def write(self, day: date, totals: Any) -> None:
        """Writes the totals that rows count for."""
        file, connection = self._folder / f"{day}.parquet", self._connection
        connection.register("totals", totals)
        connection.execute(copied(self._query(day, totals), file, "format parquet, compression zstd"))
        rows, repeats, elsewhere, digest, written, mark = _one(connection, COUNTS)
        meters = connection.execute("select distinct meter from totals where rows > 0").fetchall()
        self.marks += [] if mark is None else [mark]
        named = frozenset(meter for (meter,) in meters if meter is not None)
        self.days.append(PulledDay(day, str(file), written, rows, repeats, named, elsewhere, str(digest)))

    def _query(self, day: date, totals: Any) -> str:
        dimensions = [f"dimension{n}" for n in range(len(self._asked.dimensions))]
        named = "".join(
            f', {column} as "dimension_{name.replace(chr(34), chr(34) * 2)}"'
            for column, name in zip(dimensions, self._asked.dimensions, strict=True)
        )
        parts = [PART.format(part) for part in ("org_id", "meter", *dimensions)]
        flaws = " ".join(f"when flaw = {quoted(flaw)} then {shown}" for flaw, shown in SHOWN_AS.items())
        zoned = getattr(totals.schema.field("occurred_at").type, "tz", None)
        at = "occurred_at at time zone 'UTC'" if zoned else "occurred_at::timestamp"
        return f"""select
            case when flaw <> 'event_id' then md5(concat_ws(chr(31), flaw, {quoted(str(day))}, {", ".join(parts)})) end
                as event_id,
            org_id, meter, case {flaws} when {MAY_OVERFLOW} then {SHOWN_AS["large"]} else {AS_DIGITS} end as quantity,
            case when flaw = 'clock' then timestamp {quoted(str(NO_DAY))} else {at} end as occurred_at{named},
            rows
            from totals where rows > 0 order by {", ".join([_ORDER, *dimensions])}"""


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    return tuple(connection.execute(query).fetchall()[0])


def _newest(before: str | None, marks: list[Any], now: datetime) -> str | None:
    """The highest watermark that was seen, as text; never one of the future, which would hide what comes until then."""
    if not marks:
        return before
    newest = max(marks)
    if isinstance(newest, int):
        return str(newest if before is None else max(newest, int(before)))
    capped = min(_in_utc(newest), now.astimezone(UTC))
    return max(capped, datetime.fromisoformat(before) if before else capped).isoformat()
