"""Rows of a table that come late, move, change or go without a new watermark: at the end the totals are the table's.

Cases are those of public reports on extraction by a watermark: Airbyte 9668, 14732, 80152 and 85918, dlt 2269, kafka
connect JDBC 172, dbt's `lookback`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from shutil import copyfile
from typing import Any

import duckdb
import psycopg
import pytest

from flybill_pipeline.billing.usage.tables import KnownDay, KnownTable, Looked, PulledDay
from flybill_pipeline.steps.usage.pull_tables import TableReport, pull_tables
from flybill_pipeline.stores.usage.engines.day_totals import EngineTable
from flybill_pipeline_tests.stores.usage.engines.conftest import NOW, SOURCE, Engine

DELETES = SOURCE + "deletes = true\nkeeps_days = 1000\n"
DAYS = [f"2026-10-{day:02}" for day in range(1, 9)]
ORGS = ["acme", "beta"]
START = datetime.fromisoformat("2026-10-09")
OLD = datetime.fromisoformat("2026-10-01")
Totals = dict[tuple[str, str], Decimal]


@dataclass
class Zone:
    """A landing zone, and what is known of the table."""

    folder: Path
    table: EngineTable
    known_days: dict[date, KnownDay] = field(default_factory=dict)
    watermark: str | None = None
    looked: Looked | None = None

    def all(self) -> Sequence[EngineTable]:
        return [self.table]

    def not_sums(self) -> Mapping[str, str]:
        return {}

    def bring(self, location: str, path: str) -> bool:
        if self.holds(location, path):
            return False
        (self.folder / path).parent.mkdir(exist_ok=True, parents=True)
        copyfile(location, self.folder / path)
        return True

    def holds(self, location: str, path: str) -> bool:
        there = self.folder / path
        return there.exists() and there.read_bytes() == Path(location).read_bytes()

    def working_on(self, source: str) -> AbstractContextManager[None]:
        return nullcontext()

    def known(self, source: str, mapping: str) -> KnownTable:
        return KnownTable(self.watermark, dict(self.known_days), self.looked.at if self.looked else None)

    def brought(self, source: str, mapping: str, day: PulledDay, watermark: str | None, now: datetime) -> None:
        self.known_days[day.day] = KnownDay(day.there, day.digest, day.elsewhere)

    def pulled(self, source: str, mapping: str, watermark: str | None, looked: Looked) -> None:
        self.watermark, self.looked = watermark, looked if looked.whole else self.looked

    def look(self, *, whole: bool = False) -> TableReport:
        report = pull_tables(self, self, self, NOW, NOW + timedelta(seconds=1) if whole else NOW - timedelta(days=1))
        report.require_all()
        return report.tables[0]

    def refused(self) -> str:
        (said,) = (pull_tables(self, self, self, NOW, NOW + timedelta(seconds=1)).failed or {}).values()
        return said

    def totals(self) -> Totals:
        """Day and organization → what was landed; nothing of those that come to nothing."""
        summed: Totals = defaultdict(Decimal)
        for file in self.folder.glob("warehouse/*.parquet"):
            query = "select org_id, quantity::decimal(38, 18) from read_parquet(?)"
            for org, quantity in duckdb.execute(query, [str(file)]).fetchall():
                summed[file.stem, org] += quantity
        return {key: total for key, total in summed.items() if total}


@pytest.fixture
def zone(warehouse: Engine, tmp_path: Path) -> Zone:
    """Of a table that may lose rows."""
    return Zone(tmp_path / "zone", warehouse.table(DELETES))


@pytest.fixture
def adding(warehouse: Engine, tmp_path: Path) -> Zone:
    """Of a table to which rows are only added, as far as anybody said."""
    return Zone(tmp_path / "zone", warehouse.table())


def row(number: int, day: str = DAYS[3], seen: Any = START, quantity: int = 1, org: str = "acme") -> tuple[Any, ...]:
    return (str(number), org, "gb", str(quantity), f"{day}T12:00:00Z", seen, None)


LATE = {
    "a late commit, of a time before the last look less its lag": row(9, seen=OLD),
    "a writer whose clock is a day behind": row(9, seen=START - timedelta(days=1)),
    "a backfill of a day without usage": row(9, DAYS[0], seen=OLD),
    "the same microsecond as the last one": row(9, seen=START),
    "no watermark at all": row(9, seen=None),
    "a microsecond before the lag": row(9, seen=START - timedelta(seconds=3600, microseconds=1)),
}


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
def test_a_late_row_is_found(late: tuple[Any, ...], warehouse: Engine, adding: Zone) -> None:
    warehouse.add(row(1), row(2, DAYS[4]))
    adding.look()
    warehouse.add(late)
    adding.look()
    adding.look(whole=True)
    assert sum(adding.totals().values()) == 3


CHANGES = {
    "its amount": ("update usage set quantity = 8 where id = '2'", {(DAYS[3], "acme"): 9, (DAYS[4], "acme"): 1}),
    "its organization": (
        "update usage set org = 'beta' where id = '2'",
        {(DAYS[3], "acme"): 1, (DAYS[3], "beta"): 2, (DAYS[4], "acme"): 1},
    ),
    "its day": (
        f"update usage set happened = '{DAYS[5]}T12:00:00Z' where id = '2'",
        {(DAYS[3], "acme"): 1, (DAYS[4], "acme"): 1, (DAYS[5], "acme"): 2},
    ),
    "its day, and it was the last": (
        f"update usage set happened = '{DAYS[3]}T12:00:00Z' where id = '3'",
        {(DAYS[3], "acme"): 4},
    ),
    "that it is there": ("delete from usage where id = '2'", {(DAYS[3], "acme"): 1, (DAYS[4], "acme"): 1}),
}


@pytest.mark.parametrize(("change", "right"), CHANGES.values(), ids=CHANGES)
def test_what_changed_of_a_row_without_its_watermark_is_found(
    change: str, right: dict[tuple[str, str], int], warehouse: Engine, zone: Zone
) -> None:
    warehouse.add(row(1, seen=OLD), row(2, quantity=2, seen=OLD), row(3, DAYS[4], seen=OLD), row(4, DAYS[7]))
    zone.look()
    warehouse.run(change)
    assert zone.look().changed == []
    report = zone.look(whole=True)
    assert zone.totals() == right | {(DAYS[7], "acme"): 1}
    assert report.found
    assert zone.look(whole=True).changed == []


def test_two_changes_of_a_day_that_sum_to_nothing_are_found(warehouse: Engine, zone: Zone) -> None:
    warehouse.add(row(1, quantity=3), row(2, quantity=5, org="beta"))
    zone.look()
    warehouse.run("update usage set org = case org when 'acme' then 'beta' else 'acme' end")
    zone.look(whole=True)
    assert zone.totals() == {(DAYS[3], "acme"): 5, (DAYS[3], "beta"): 3}


def test_a_repeat_counts_once_the_row_before_it_is_gone(warehouse: Engine, zone: Zone) -> None:
    warehouse.add(row(1, DAYS[2], quantity=3), row(1, DAYS[4], seen=START + timedelta(seconds=1), quantity=5))
    zone.look()
    assert zone.totals() == {(DAYS[2], "acme"): 3}
    warehouse.run("delete from usage where quantity = 3")
    zone.look(whole=True)
    assert zone.totals() == {(DAYS[4], "acme"): 5}
    warehouse.add(row(1, DAYS[5], seen=OLD, quantity=7))  # came late, and was the first all the same
    zone.look(whole=True)
    assert zone.totals() == {(DAYS[5], "acme"): 7}


def test_a_table_that_is_emptied_or_filled_again_bills_nothing_twice_and_takes_nothing_back(
    warehouse: Engine, adding: Zone
) -> None:
    rows = [row(number, DAYS[number]) for number in range(1, 5)]
    warehouse.add(*rows)
    adding.look()
    before = adding.totals()
    warehouse.run("delete from usage")
    assert len(adding.look(whole=True).forgotten) == 4
    warehouse.add(rows[0], rows[1])  # the oldest first, and the rest is not there yet
    assert "2 days have fewer rows" in adding.refused()
    warehouse.run("delete from usage")
    warehouse.add(rows[2], rows[3])
    assert len(adding.look(whole=True).forgotten) == 2
    warehouse.add(rows[0], rows[1])
    adding.look(whole=True)
    assert adding.totals() == before


def test_a_time_to_live_takes_nothing_back_and_a_deleted_row_is_asked_about(warehouse: Engine, adding: Zone) -> None:
    warehouse.add(*(row(number, DAYS[number // 2]) for number in range(8)))
    adding.look()
    before = adding.totals()
    warehouse.run("delete from usage where id in ('0', '1', '2')")  # a day, and a part of the next
    assert adding.look(whole=True).forgotten == (date(2026, 10, 1), date(2026, 10, 2))
    warehouse.run("delete from usage where id = '6'")
    assert "2026-10-04 (1, 2 before)" in adding.refused()
    assert adding.totals() == before


def test_a_repeat_that_is_merged_away_is_no_row_that_is_gone(local: Engine, tmp_path: Path) -> None:
    """As ClickHouse does in a `ReplacingMergeTree`, whenever it likes. A row that counted is still asked about."""
    adding = Zone(tmp_path / "zone", local.table())
    local.add(row(1), row(1, seen=START + timedelta(seconds=1)), row(2), row(2, DAYS[5]), row(3, DAYS[5]))
    adding.look()
    before = adding.totals()
    local.run("delete from usage where id = '1' and seen > ?", [START])
    assert (adding.look(whole=True).found, adding.totals()) == ([], before)
    assert adding.look(whole=True).days == 0
    local.run("delete from usage where id = '2' and happened::date = ?", [DAYS[3]])  # its repeat counts on another day
    assert f"{DAYS[3]} (1, 2 before)" in adding.refused()
    assert adding.totals() == before


def test_a_row_that_a_long_transaction_commits_late_is_found(database_url: str, tmp_path: Path) -> None:
    """Postgres' now() is when the transaction began: what a look saw meanwhile is newer."""
    url = database_url.replace("postgresql+psycopg2://", "postgresql://")
    with psycopg.connect(url) as connection:
        connection.execute("create table usage(id text, org text, meter text, quantity numeric, happened timestamptz,"
                           " seen timestamptz default now(), region text)")  # fmt: skip
    engine = Engine(url, lambda *_: None, tmp_path)
    adding = Zone(tmp_path / "zone", engine.table(SOURCE + "lag = 0\n"))
    insert = "insert into usage(id, org, meter, quantity, happened) values (%s, 'acme', 'gb', 1, '2026-10-04Z')"
    with psycopg.connect(url) as slow, psycopg.connect(url, autocommit=True) as quick:
        slow.execute(insert, ["1"])
        quick.execute("select pg_sleep(0.01)")
        quick.execute(insert, ["2"])
        adding.look()
        slow.commit()
    adding.look(whole=True)
    assert adding.totals() == {(DAYS[3], "acme"): 2}


@dataclass
class Writers:
    """Who adds, changes, moves and deletes rows, and what the table comes to: an id counts where it came first."""

    engine: Engine
    random: Random
    rows: dict[int, tuple[str, str, str, int, datetime]] = field(default_factory=dict)
    clock: datetime = START
    number: int = 0

    def act(self) -> None:
        self.clock += timedelta(minutes=self.random.randint(1, 90))
        what = self.random.choice(["add", "add", "add", "late", "again", "amount", "day", "org", "delete"])
        if what in ("add", "late", "again") or not self.rows:
            self._add(what)
            return
        key = self.random.choice(sorted(self.rows))
        id_, org, day, amount, seen = self.rows.pop(key)
        if what == "delete":
            self.engine.run(f"delete from usage where region = '{key}'")
            return
        org, day = self._org() if what == "org" else org, self._day() if what == "day" else day
        amount = self._amount() if what == "amount" else amount
        self.rows[key] = (id_, org, day, amount, seen)
        changed = f"org = '{org}', quantity = {amount}, happened = '{day}T12:00:00Z'"
        self.engine.run(f"update usage set {changed} where region = '{key}'")

    def _add(self, what: str) -> None:
        """The number of a row stands in its region, so that statements find it."""
        self.number += 1
        known = [each[0] for each in self.rows.values()] if what == "again" else []
        id_ = self.random.choice([*known, *known, f"i{self.number}"])
        seen = self.clock - (timedelta(days=self.random.randint(1, 5)) if what == "late" else timedelta())
        _, org, day, amount, _ = self.rows[self.number] = (id_, self._org(), self._day(), self._amount(), seen)
        self.engine.add((id_, org, "gb", str(amount), f"{day}T12:00:00Z", seen, str(self.number)))

    def totals(self) -> Totals:
        first = dict[str, tuple[datetime, str, str, int, str]]()
        for key, (id_, org, day, amount, seen) in self.rows.items():
            mine = (seen, day, org, amount, str(key))
            first[id_] = min(first.get(id_, mine), mine)
        summed: Totals = defaultdict(Decimal)
        for _, day, org, amount, _ in first.values():
            summed[day, org] += amount
        return {key: total for key, total in summed.items() if total}

    def _org(self) -> str:
        return self.random.choice(ORGS)

    def _day(self) -> str:
        return self.random.choice(DAYS)

    def _amount(self) -> int:
        return self.random.randint(-3, 9)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_writers_do_between_looks_the_totals_are_at_last_those_of_the_table(
    seed: int, warehouse: Engine, tmp_path: Path
) -> None:
    zone = Zone(tmp_path / "zone", warehouse.table(DELETES))
    writers = Writers(warehouse, Random(seed))
    for _ in range(4):
        for _ in range(writers.random.randint(1, 6)):
            writers.act()
        zone.look(whole=writers.random.random() < 0.3)
    if not writers.rows:
        writers.act()
    zone.look(whole=True)
    assert zone.totals() == writers.totals()
    assert zone.look(whole=True).changed == []
