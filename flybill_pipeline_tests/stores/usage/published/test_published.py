"""The lake as Iceberg tables: they hold what the ledger says, whatever broke off and whoever reads them."""

import errno
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from pyiceberg.catalog import _ENV_CONFIG, load_catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import StaticTable
from sqlalchemy import Engine, text

from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.totals import EACH_DAY
from flybill_pipeline.steps.usage.publish_lake import PublishReport, publish_lake
from flybill_pipeline.stores.usage.lake.ownership import LakeError
from flybill_pipeline.stores.usage.lake.storage import storage_at
from flybill_pipeline.stores.usage.lake.summed_days import day_tables
from flybill_pipeline.stores.usage.published import commits, upkeep
from flybill_pipeline.stores.usage.published.ledger import PublishedLedger
from flybill_pipeline.stores.usage.published.open_tables import OpenTables
from flybill_pipeline_tests.conftest import PROJECT
from flybill_pipeline_tests.stores.usage.usage_world import DAY, UsageWorld, edge, jsonl

OCTOBER = Month.parse("2026-10")


@dataclass
class Priced:
    """Months that were priced from given versions of days."""

    months: list[tuple[Month, str]] = field(default_factory=list)
    versions: dict[str, Mapping[date, str]] = field(default_factory=dict)

    def all(self) -> Sequence[tuple[Month, str]]:
        return self.months

    def days(self, priced_from: str) -> Mapping[date, str]:
        return self.versions[priced_from]


class OpenLake:
    """A world of usage, its open tables, and readers of them."""

    def __init__(self, world: UsageWorld, engine: Engine, which: str = "own") -> None:
        self.world, self.engine = world, engine
        self.ledger, self.priced = PublishedLedger(engine), Priced()
        self.tables = OpenTables(world.lake.storage, engine, which)

    def publish(self, now: datetime | None = None) -> PublishReport:
        return publish_lake(self.tables, self.ledger, self.priced, self.world.catalog, now or datetime.now(UTC))

    def price(self, name: str) -> None:
        """As an invoice of October does that was priced from what is compiled now."""
        self.priced.months.append((OCTOBER, name))
        self.priced.versions[name] = self.ledger.compiled()

    def read(self, table: str, tag: str | None = None) -> pd.DataFrame:
        """What pandas reads, with no catalog at hand."""
        found = StaticTable.from_metadata(str(self.world.lake.root / "usage" / table))
        scan = found.scan()
        return (scan if tag is None else scan.use_ref(tag)).to_pandas()

    def sums(self, tag: str | None = None) -> dict[str, Decimal]:
        daily = self.read("daily", tag)
        return dict(daily.groupby("org_id")["quantity"].sum()) if len(daily) else {}

    def expected(self) -> dict[str, Decimal]:
        return {org: Decimal(quantity) for org, quantity in self.world.quantities().items()}

    def files(self, table: str) -> list[str]:
        with self.tables.opened():
            return sorted(commits.held(self.tables._tables[table]))


@pytest.fixture
def lake(tmp_path: Path, engine: Engine) -> OpenLake:
    """Two days of usage, with a repeated row, a conflict and a bad row."""
    home = tmp_path / "my home; $(x) 100%"
    home.mkdir()
    world = UsageWorld(home, engine)
    world.put(
        "edge/a.jsonl",
        jsonl(
            edge(1, gb="0.1"),
            edge(1, gb="0.1"),
            edge(2, gb=7, org="bolt"),
            edge(2, gb=8, org="bolt"),
            edge(3, gb="x"),
            edge(4, gb="1e-18", at="2026-10-06T23:59:59.999999Z"),
        ),
    )
    world.run()
    return OpenLake(world, engine)


def test_each_table_holds_what_the_ledger_says(lake: OpenLake) -> None:
    report = lake.publish()
    assert report.changed == {"rejected": 1, "events": 2, "left_out": 1, "daily": 2}
    assert lake.sums() == lake.expected() == {"acme": Decimal("0.100000000000000001"), "bolt": Decimal(7)}
    assert sorted(lake.read("events")["event_id"]) == ["1", "1", "2", "2", "4"]
    assert sorted(lake.read("left_out")["kind"]) == ["conflict", "duplicate"]
    assert list(lake.read("rejected")["reason"]) == ["quantity_not_a_number"]
    noted = lake.world.lake.root / "usage" / "daily" / "metadata" / "version-hint.text"
    assert noted.with_name(f"{noted.read_text()}.metadata.json").is_file()  # as DuckDB looks for it
    with lake.tables.opened():
        assert lake.tables.counted() == {DAY: (2, 2), DAY + timedelta(days=1): (1, 1)}
    root, days = lake.world.lake.root, lake.world.catalog.manifests().values()
    of_days = [day_tables(root, day) for day in days]
    for name in ("events", "left_out"):  # what an engine that sums days is given
        given = [file for tables in of_days if name in tables for file in tables[name].files]
        assert sorted(given) == [root / lake.tables.storage.path(file) for file in lake.files(name)]


def test_a_folder_that_no_address_can_say_has_tables_too(tmp_path: Path, engine: Engine) -> None:
    home = tmp_path / "what? #1 50%25"
    home.mkdir()
    world = UsageWorld(home, engine)
    world.put("edge/a.jsonl", jsonl(edge(1, gb="0.1")))
    world.run()
    lake = OpenLake(world, engine)
    assert lake.publish().changed == {"rejected": 0, "events": 1, "left_out": 0, "daily": 1}
    assert lake.publish().changed == {"rejected": 0, "events": 0, "left_out": 0, "daily": 0}
    assert lake.sums() == lake.expected() == {"acme": Decimal("0.1")}


def test_what_has_not_changed_makes_no_commit(lake: OpenLake) -> None:
    lake.publish()
    before = {file: file.stat().st_mtime_ns for file in (lake.world.lake.root / "usage").rglob("*") if file.is_file()}
    assert set(lake.publish().changed.values()) == {0}
    assert before == {
        file: file.stat().st_mtime_ns for file in (lake.world.lake.root / "usage").rglob("*") if file.is_file()
    }


def test_a_changed_day_is_replaced_in_one_snapshot(lake: OpenLake) -> None:
    lake.publish()
    lake.world.put("edge/b.jsonl", jsonl(edge(9, gb=3)))
    lake.world.run()
    assert lake.publish().changed == {"rejected": 0, "events": 1, "left_out": 2, "daily": 2}
    assert lake.sums() == lake.expected()
    with lake.tables.opened():
        assert [len(table.snapshots()) for table in lake.tables._tables.values()] == [2, 2, 1, 2]


def test_what_a_month_was_priced_from_stays_under_its_tag(lake: OpenLake) -> None:
    lake.price("first inputs")
    priced = lake.expected()
    lake.world.put("edge/b.jsonl", jsonl(edge(9, gb=3), edge(10, gb=4, at="2026-10-07T10:00:00Z")))
    lake.world.run()
    lake.price("late inputs")  # the tables were not published meanwhile: the tags hold what was priced all the same
    assert lake.publish().tagged == ["2026-10", "2026-10-2"]
    assert lake.sums("2026-10") == priced
    assert lake.sums("2026-10-2") == lake.sums() == lake.expected()
    assert len(lake.read("events", "2026-10")) == 5
    assert lake.publish().tagged == []


def test_old_snapshots_expire_and_tags_stay(lake: OpenLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "A_DAY_OF_HOURS", 3)
    monkeypatch.setattr(upkeep, "MANY_MANIFESTS", 3)
    lake.price("first inputs")
    priced = lake.expected()
    for day in range(7, 11):
        lake.publish()
        lake.world.put(f"edge/{day}.jsonl", jsonl(edge(day, at=f"2026-10-{day:02}T10:00:00Z")))
        lake.world.run()
    lake.publish()
    later = datetime.now(UTC) + upkeep.KEPT + timedelta(seconds=1)
    for file in (lake.world.lake.root / "usage").rglob("*.avro"):
        os.utime(file, (0, 0))
    assert lake.publish(later).swept > 0
    assert lake.sums() == lake.expected()
    assert lake.sums("2026-10") == priced
    with lake.tables.opened():
        daily = lake.tables._tables["daily"]
        assert len(daily.snapshots()) == 2
        snapshot = daily.current_snapshot()
        assert snapshot is not None
        assert len(snapshot.manifests(daily.io)) == 1
        named = {Path(m.manifest_path).name for s in daily.snapshots() for m in s.manifests(daily.io)}
        named |= {Path(s.manifest_list).name for s in daily.snapshots()}
    assert {file.name for file in (lake.world.lake.root / "usage" / "daily").rglob("*.avro")} == named


class KilledError(BaseException):
    """Ends the process, as far as what publishes can tell: nothing catches it."""


def killed_at(nth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends publishing after the nth time that metadata is written or the catalog says so."""
    left = iter(range(nth - 1, -1, -1))

    def dying(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            result = method(*arguments, **named)
            if next(left, -1) == 0:
                raise KilledError
            return result

        return call

    monkeypatch.setattr(SqlCatalog, "_write_metadata", staticmethod(dying(SqlCatalog._write_metadata)))
    monkeypatch.setattr(SqlCatalog, "commit_table", dying(SqlCatalog.commit_table))


def test_killed_at_any_commit_nothing_is_lost_or_there_twice(lake: OpenLake) -> None:
    lake.publish()
    lake.price("first inputs")
    priced, points = lake.expected(), 0
    for nth in range(1, 100):
        lake.world.put(f"edge/{nth}.jsonl", jsonl(edge(f"n{nth}"), edge(f"n{nth}"), edge(f"bad{nth}", gb="x")))
        lake.world.run()
        with pytest.MonkeyPatch.context() as patch:
            killed_at(nth, patch)
            try:
                lake.publish()
                break
            except KilledError:
                points += 1
        lake.publish()
        assert lake.sums() == lake.expected()
        assert len(lake.read("events")) == 5 + 2 * nth
        assert len(lake.read("rejected")) == 1 + nth
        assert lake.sums("2026-10") == priced
        metadata = list((lake.world.lake.root / "usage" / "daily").rglob("*.metadata.json"))
        assert len(metadata) <= 11
    assert points >= 8


def test_of_two_that_publish_at_once_each_thing_is_there_once(lake: OpenLake, engine: Engine) -> None:
    other = OpenLake(lake.world, engine)
    with ThreadPoolExecutor(2) as both:
        reports = list(both.map(lambda one: one.publish(), (lake, other)))
    assert sorted(sum(report.changed.values()) for report in reports) == [0, 6]
    assert lake.sums() == lake.expected()


def test_a_lake_that_a_backup_was_put_into_is_published_anew(lake: OpenLake, tmp_path: Path, engine: Engine) -> None:
    lake.price("first inputs")
    lake.publish()
    expected, moved = lake.expected(), tmp_path / "elsewhere"
    shutil.move(lake.world.lake.root, moved)
    lake.world.lake.root, lake.world.lake.storage = moved, storage_at(str(moved), tmp_path)
    there = OpenLake(lake.world, engine)
    there.priced = lake.priced
    assert there.publish().changed["events"] == 2
    assert there.sums("2026-10") == there.sums() == expected
    shutil.rmtree(moved / "usage" / "daily" / "metadata")
    there.publish()
    assert there.sums("2026-10") == there.sums() == expected


def test_a_file_that_was_made_again_is_found_by_its_new_size(lake: OpenLake) -> None:
    lake.publish()
    with duckdb.connect() as connection:
        (file,) = (lake.world.lake.root / "daily" / f"day={DAY}").iterdir()
        connection.execute(f"create table rows as from '{file}' order by org_id desc")
        connection.execute(f"copy (from rows) to '{file}' (format parquet, compression uncompressed)")
    lake.world.lake.guard.keep([f"daily/day={DAY}/{file.name}"])
    assert lake.publish().changed["daily"] == 2
    with lake.tables.opened():
        sizes = {f.file_path: f.file_size_in_bytes for f in commits.held(lake.tables._tables["daily"]).values()}
    assert sizes[f"file://{file}"] == file.stat().st_size
    assert lake.sums() == lake.expected()


def test_another_catalog_names_the_tables(lake: OpenLake, engine: Engine, tmp_path: Path) -> None:
    properties = {"type": "sql", "uri": f"sqlite:///{tmp_path}/catalog.db"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_ENV_CONFIG, "config", {"catalog": {"polaris": properties}})
        there = OpenLake(lake.world, engine, "polaris")
        there.publish()
        assert load_catalog("polaris").load_table("usage.daily").scan().to_pandas()["events"].sum() == 3
        moved = OpenLake(lake.world, engine, "polaris")
        moved.tables.storage = storage_at(str(tmp_path / "elsewhere"), tmp_path)
        shutil.copy(lake.world.lake.root / "deployment.txt", moved.tables.storage.root)
        with pytest.raises(LakeError, match=r"the table usage\.events of the catalog .* lies in"):
            moved.publish()
    assert engine.connect().execute(text("select count(*) from flybill_lake.iceberg_tables")).scalar_one() == 0


def test_other_engines_see_the_same_totals(lake: OpenLake, monkeypatch: pytest.MonkeyPatch) -> None:
    chdb = pytest.importorskip("chdb", reason="560 MB: see CONTRIBUTING.md")
    lake.publish()
    monkeypatch.chdir(lake.world.lake.root)  # chdb reads nothing else
    daily = lake.world.lake.root / "usage" / "daily"
    query = f"select org_id, meter, day, sum(quantity) from icebergLocal('{daily}') group by all order by all"
    lines = str(chdb.query(query)).split()
    ours = [
        f'"{total.org_id}","{total.meter}","{total.day}",{plain(total.quantity)}'
        for total in lake.world.totals(days_from=EACH_DAY)
    ]
    assert lines == sorted(ours)


def test_the_page_reads_the_tables_as_it_says(
    lake: OpenLake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lake.publish()
    (lake.world.lake.root.parent / ".flybill").symlink_to(".")
    monkeypatch.chdir(lake.world.lake.root.parent)
    code = re.findall(r"```python\n(.*?)```", (PROJECT / "docs" / "lake.md").read_text(), re.DOTALL)
    exec("".join(code), {})
    assert capsys.readouterr().out.count("0.100000000000000001") == 2


def test_a_file_of_another_kind_is_named_and_the_tables_stay(
    lake: OpenLake, capsys: pytest.CaptureFixture[str]
) -> None:
    lake.publish()
    before = lake.sums()
    lake.world.put("edge/b.jsonl", jsonl(edge(9, gb=3)))
    lake.world.run()
    path = lake.world.catalog.rollups([DAY])[DAY]
    file = lake.world.lake.root / path
    with duckdb.connect() as connection:
        as_float = f"select * replace (quantity::double as quantity) from '{file}'"
        connection.execute(f"create table rows as {as_float}")
        connection.execute(f"copy rows to '{file}' (format parquet)")
    lake.world.lake.guard.keep([path])
    with pytest.raises(LakeError, match=rf"{path} does not fit the table usage\.daily: one of its columns"):
        lake.publish()
    assert lake.sums() == before
    assert capsys.readouterr().out == ""


def test_a_full_disk_leaves_the_tables_as_they_were(lake: OpenLake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.publish()
    before = lake.sums()
    lake.world.put("edge/b.jsonl", jsonl(edge(9, gb=3)))
    lake.world.run()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(SqlCatalog, "_write_metadata", staticmethod(full))
        with pytest.raises(OSError, match="No space left"):
            lake.publish()
    assert lake.sums() == before
    lake.publish()
    assert lake.sums() == lake.expected()
