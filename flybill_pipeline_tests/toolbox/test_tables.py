"""Usage that stays in an engine is billed as the same usage in files is, to the hash of each invoice's content."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import ibis
import psycopg
import pytest
from sqlalchemy import select

import flybill_pipeline
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.backlog import Landing
from flybill_pipeline.billing.usage.tables import LastLook, TakenTable
from flybill_pipeline.cli.render.explained import show_explained, write_explained
from flybill_pipeline.cli.render.month_status import overview_data, show_overview
from flybill_pipeline.cli.render.owed import show_owed
from flybill_pipeline.cli.render.preview import preview_data, show_preview
from flybill_pipeline.cli.render.rejected_usage import rejected_data, show_rejected
from flybill_pipeline.cli.render.verified import show_verified, verified_data
from flybill_pipeline.demo.world import DemoPlan, write_organizations, write_usage
from flybill_pipeline.questions.explained import explained
from flybill_pipeline.questions.month_status import month_status
from flybill_pipeline.questions.owed import owed
from flybill_pipeline.questions.previewed import preview_table
from flybill_pipeline.questions.rejected_usage import rejected_usage
from flybill_pipeline.questions.verified import verified
from flybill_pipeline.steps.usage.account_for_usage import account_for_usage
from flybill_pipeline.stores.invoicing.organizations_file import read_organizations
from flybill_pipeline.stores.invoicing.tables import invoices
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline.web.views import of_line
from flybill_pipeline_tests.questions.conftest import toolbox_at
from flybill_pipeline_tests.worlds.databases import Databases
from flybill_pipeline_tests.worlds.engines import engine_address
from flybill_pipeline_tests.worlds.site import Site

PACKAGE = Path(flybill_pipeline.__file__).parent
SEP = Month(2026, 9)
BEGAN = datetime(2026, 10, 3, 6, tzinfo=UTC)
PLAN = DemoPlan(SEP, orgs=12, events=3000, seed=7, faults=0)
EVENTS = """create table events(source text, id text, org text, meter text, quantity decimal(38, 18),
    at_time timestamp, region text, size text, seen bigint)"""


@contextmanager
def site(databases: Databases, home: Path, sources: str) -> Iterator[Site]:
    """A site with the demo's organizations and prices."""
    home.mkdir()
    (home / "prices").mkdir()
    for book in (PACKAGE / "prices").iterdir():
        (home / "prices" / book.name).write_text(book.read_text())
    (home / "sources.toml").write_text(sources)
    with databases.lent() as engine, toolbox_at(engine, home) as tools:
        made = Site(replace(tools, now=lambda: BEGAN), SEP, BEGAN)
        write_organizations(PLAN, home / "orgs.csv")
        tools.organizations.save(read_organizations(home / "orgs.csv"), BEGAN)
        yield made


def close(made: Site) -> dict[str, str]:
    """Organization → the hash of its invoice's content."""
    made.bring_in()
    made.price()
    made.finalize()
    with made.tools.engine.connect() as connection:
        query = select(invoices.c.org_id, invoices.c.content_hash)
        return {row.org_id: row.content_hash for row in connection.execute(query)}


def events_of(tools: Toolbox) -> list[tuple[object, ...]]:
    """Every event that was read, repeats and conflicts too, in the order in which they came."""
    pieces = [str(tools.lake.root / piece) for piece in tools.catalog.all_pieces()]
    query = f"""select source, event_id, org_id, meter, quantity, occurred_at, dimensions->>'$.region',
        dimensions->>'$.size', row_number() over (order by arrival, row) from read_parquet({pieces})"""
    return duckdb.execute(query).fetchall()


def into_duckdb(rows: list[tuple[object, ...]], folder: Path, _: str) -> str:
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(EVENTS)
        with (folder / "events.csv").open("w", newline="") as file:
            csv.writer(file).writerows(rows)
        connection.execute(
            f"copy events from '{folder}/events.csv' (header false)"
        )  # row by row takes ten times as long
    return f"duckdb://{folder}/warehouse.duckdb"


def into_postgres(rows: list[tuple[object, ...]], _: Path, database_url: str) -> str:
    url = database_url.replace("postgresql+psycopg2://", "postgresql://")
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(EVENTS)
        with cursor.copy("copy events from stdin") as copy:
            for row in rows:
                copy.write_row(row)
    return url


def into_clickhouse(rows: list[tuple[object, ...]], folder: Path, url: str) -> str:
    backend = ibis.connect(url)
    backend.con.command("drop table if exists events")
    backend.con.command(f"create table events engine = Memory as select * from file('{into_parquet(rows, folder)}')")
    backend.disconnect()
    return url


def into_spark(rows: list[tuple[object, ...]], folder: Path, master: str) -> str:
    """What a session calls a table is gone with it: so the source asks for the file."""
    into_parquet(rows, folder)
    return f"pyspark://?spark.master={master}"


def into_parquet(rows: list[tuple[object, ...]], folder: Path) -> Path:
    into_duckdb(rows, folder, "")
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(f"copy events to '{folder}/events.parquet' (format parquet)")
    return folder / "events.parquet"


INTO = {"duckdb": into_duckdb, "postgres": into_postgres, "clickhouse": into_clickhouse, "spark": into_spark}


@pytest.fixture(params=INTO)
def engine_there(request: pytest.FixtureRequest, database_url: str) -> Iterator[tuple[str, str]]:
    """The name of an engine, and its address where it has one before there are events in it."""
    if request.param in ("clickhouse", "spark"):
        with engine_address(request.param) as url:
            yield request.param, url
    else:
        yield request.param, database_url


SOURCES = """
[[sources]]
name = "warehouse"
format = "table"
url = "$WAREHOUSE"
table = "events"
watermark = "seen"
event_id = ["source", "id"]
columns = { org_id = "org", meter = "meter", quantity = "quantity", occurred_at = "at_time" }
dimensions = { region = "region", size = "size" }
"""


@pytest.fixture(scope="module")
def by_files(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, str], list[tuple[object, ...]]]:
    """What the month comes to by files, and its events."""
    home = tmp_path_factory.mktemp("files")
    with site(databases, home / "home", (PACKAGE / "sources.toml").read_text()) as made:
        for source, file in write_usage(PLAN, home / "usage"):
            made.tools.landing.land(file, source)
        return close(made), events_of(made.tools)


def test_a_month_in_an_engine_has_the_invoices_of_the_same_month_in_files(
    engine_there: tuple[str, str],
    by_files: tuple[dict[str, str], list[tuple[object, ...]]],
    databases: Databases,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashes, rows = by_files
    assert len(hashes) > 8
    assert len(rows) > PLAN.events
    name, address = engine_there
    monkeypatch.setenv("WAREHOUSE", INTO[name](rows, tmp_path, address))
    query = f"query = 'select * from parquet.`{tmp_path}/events.parquet`'"
    sources = SOURCES.replace('table = "events"', query) if name == "spark" else SOURCES
    with site(databases, tmp_path / "home", sources) as made:
        backlog = made.tools.usage_backlog
        waits = backlog.unread(SEP, Landing(BEGAN, BEGAN)).sentence(SEP)
        assert "1 table in an engine was not looked at (warehouse)" in waits
        foretold = preview_table(made.tools, "warehouse")
        assert close(made) == hashes
        assert foretold is not None
        assert foretold.unknown_meters == foretold.unknown_orgs == []
        assert (foretold.preview.look.bad, foretold.preview.known) == (0, 0)
        told = {(each.org_id, each.meter): Decimal(each.quantity) for each in foretold.preview.sums}
        assert sum(told.values()) == sum(made.tools.lake.by_meter(SEP.days()).values())
        assert not backlog.unread(SEP, Landing(BEGAN + timedelta(minutes=59), BEGAN))
        assert backlog.unread(SEP, Landing(BEGAN + timedelta(minutes=61), BEGAN)).tables == ("warehouse",)
        before = made.tools.catalog.files()
        made.read()
        assert made.tools.catalog.files() == before
        assert made.tools.tables_behind(BEGAN) == {}
        assert made.tools.taken_tables() == [
            TakenTable("warehouse", LastLook(BEGAN, BEGAN), str(len(rows)), 30, len(rows), False)
        ]
        made.tools.pulled_tables.compare_again()
        assert backlog.unread(SEP, Landing(BEGAN, BEGAN)).tables == ("warehouse",)  # all of it must be known to be so


def test_explain_asks_the_engine_and_says_when_its_events_no_longer_add_up(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    org, day = "amber-works-000", "2026-09-05 10:00:00"
    rows: list[tuple[object, ...]] = [
        ("edge", "1", org, "bandwidth_gb", "1000.5", day, "iad", None, 1),
        ("edge", "1", org, "bandwidth_gb", "9", day, "iad", None, 2),
        ("edge", "2", org, "bandwidth_gb", "2000", day, "iad", None, 3),
        ("edge", "3", "basalt-works-001", "bandwidth_gb", "2000", day, "iad", None, 4),
    ]
    url = into_duckdb(rows, tmp_path, "")
    monkeypatch.setenv("WAREHOUSE", url)
    with site(databases, tmp_path / "home", SOURCES) as made:
        close(made)
        assert show_explained(explained(made.tools, org, SEP, 1), 10)
        assert of_line(made.tools, org, SEP, 1)["events"].are_totals
        said = capsys.readouterr().out
        assert (
            "2 events, together 3000.5, are in the engine of source warehouse: that is what its totals came to" in said
        )
        assert "edge 1" in said
        assert "1 total, together 3000.5; that is the usage that the line recorded" in said

        with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
            connection.execute("update events set quantity = 3000 where id = '2'")
        assert show_explained(explained(made.tools, org, SEP, 1), 10)  # the invoice stays explained by what came
        said = " ".join(capsys.readouterr().out.split())
        assert "no longer adds up: 2 events, together 4000.5, are in the engine" in said
        assert "its totals came to 3000.5" in said
        write_explained(explained(made.tools, org, SEP, 1))
        (found,) = json.loads(capsys.readouterr().out)["lines"][0]["in_engines"]
        assert found["differing"] == [
            {"day": "2026-09-05", "dimensions": {"region": "iad"}, "came": "3000.5", "there": "4000.5"}
        ]
        assert verified(made.tools, SEP).differing == []

        monkeypatch.setenv("WAREHOUSE", "duckdb:///nowhere")
        assert show_explained(explained(made.tools, org, SEP, 1), 10)
        assert "which did not tell: the engine did not answer" in " ".join(capsys.readouterr().out.split())


def test_status_owes_and_verify_say_how_far_a_table_is_counted(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    org = "amber-works-000"
    rows: list[tuple[object, ...]] = [
        ("edge", "1", org, "bandwidth_gb", "70000", "2026-09-05 10:00:00", "iad", None, 7),
        ("edge", "1", org, "bandwidth_gb", "70000", "2026-09-06 10:00:00", "iad", None, 9),
        ("edge", "2", org, "bandwidth_gb", "70000", "2026-09-06 11:00:00", "iad", None, 8),
    ]
    monkeypatch.setenv("WAREHOUSE", into_duckdb(rows, tmp_path, ""))

    def said(tools: Toolbox) -> str:
        show_overview(month_status(tools, SEP))
        show_owed(owed(tools, org, SEP.next()))
        show_verified(verified(tools, SEP))
        return " ".join(capsys.readouterr().out.split())

    with site(databases, tmp_path / "home", SOURCES) as made:
        foretold = preview_table(made.tools, "warehouse")
        assert foretold is not None
        show_preview(foretold)
        preview = " ".join(capsys.readouterr().out.split())
        assert "The next look sums 3 rows of 2 days, each id once; left out: 1 repeat." in preview
        assert "totals 2 refused 0 in the lake already 0" in preview
        assert preview_data(foretold)["summed"] == {"days": 2, "rows": 3, "repeats": 1}
        before = said(made.tools)
        assert "usage that does not count yet: the table of source warehouse was never looked at" in before
        assert "source warehouse was never looked at, so what came since is not counted here" in before
        close(made)
        after = said(made.tools)
        assert (
            "table of source warehouse is counted up to watermark 9, 3 rows of 2 days; looked at 2026-10-03 06:00 UTC, "
            in after
        )
        assert "came of its table, looked at 2026-10-03 06:00 UTC, as a whole at 2026-10-03 06:00 UTC" in after
        assert "not counted here" not in after
        assert "does not count yet" not in after
        later = said(replace(made.tools, now=lambda: BEGAN + timedelta(hours=2)))
        assert "does not count yet: the table of source warehouse was not looked at lately" in later
        assert "warehouse was last looked at on 2026-10-03 at 06:00 UTC, so what came since is not counted" in later
        told = overview_data(month_status(made.tools, SEP))["usage"]["tables"]
        assert told == verified_data(verified(made.tools, SEP))["tables"]
        moment = "2026-10-03T06:00:00+00:00"
        assert told == [
            {"source": "warehouse", "looked_at": moment, "compared_at": moment, "watermark": "9", "days": 2, "rows": 3}
            | {"behind": False}
        ]
        made.tools.pulled_tables.compare_again()
        assert "looked at 2026-10-03 06:00 UTC, and to be looked at as a whole again" in said(made.tools)


def test_late_rows_and_moved_ids_of_a_closed_month_are_billed_exactly_next_month(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    org, day = "amber-works-000", "2026-09-05 10:00:00"
    later = [  # the first of them counts in place of what was there
        ("edge", "1", org, "bandwidth_gb", "100000", "2026-09-06 10:00:00", "iad", None, 9),
        ("edge", "2", org, "bandwidth_gb", "50000", "2026-09-07 10:00:00", "iad", None, 9),
    ]
    rows: list[tuple[object, ...]] = [("edge", "1", org, "bandwidth_gb", "70000", day, "iad", None, 1)]
    monkeypatch.setenv("WAREHOUSE", into_duckdb(rows, tmp_path, ""))
    with site(databases, tmp_path / "home", SOURCES + 'on_conflict = "last"\n') as made:
        close(made)
        with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
            connection.executemany(f"insert into events values ({', '.join('?' * 9)})", later)
        began = datetime(2026, 11, 3, 6, tzinfo=UTC)
        october = Site(replace(made.tools, now=lambda: began), SEP.next(), began)
        close(october)
        total = made.tools.lake.by_meter(SEP.days())
        assert total == {"bandwidth_gb": Decimal(150_000)}
        lines = made.tools.recorded_lines.of(org, SEP.next())
        assert sum(line.usage for line in lines if line.kind == "adjustment") == 80_000
        accounts = account_for_usage(SEP, october.tools.usage, october.tools.month_checks, 3)
        assert all(account.balanced for account in accounts)
        assert len(accounts) > 0
        assert verified(october.tools, SEP.next()).differing == []


def test_what_no_watermark_tells_is_billed_or_taken_back_by_the_next_invoice(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late commit, an amount put right in its place, a row moved to another month, and a deleted one."""
    org = "amber-works-000"
    rows: list[tuple[object, ...]] = [
        ("edge", str(n), org, "bandwidth_gb", "20000", f"2026-09-0{n} 10:00:00", "iad", None, 10_000 + n)
        for n in range(1, 6)
    ]
    monkeypatch.setenv("WAREHOUSE", into_duckdb(rows, tmp_path, ""))
    with site(databases, tmp_path / "home", SOURCES + "deletes = true\nkeeps_days = 400\n") as made:
        close(made)
        with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
            values = f"'edge', '9', '{org}', 'bandwidth_gb', 7000, '2026-09-08 10:00:00', 'iad', null, 1"
            connection.execute(f"insert into events values ({values})")
            connection.execute("update events set quantity = 25000 where id = '2'")
            connection.execute("update events set at_time = '2026-10-03 10:00:00' where id = '3'")
            connection.execute("delete from events where id = '4'")
        began = datetime(2026, 11, 3, 6, tzinfo=UTC)
        october = Site(replace(made.tools, now=lambda: began), SEP.next(), began)
        close(october)
        assert made.tools.lake.by_meter(SEP.days()) == {"bandwidth_gb": Decimal(72_000)}
        assert made.tools.lake.by_meter(SEP.next().days()) == {"bandwidth_gb": Decimal(20_000)}
        lines = made.tools.recorded_lines.of(org, SEP.next())
        assert sum(line.usage for line in lines if line.kind == "adjustment") == -28_000
        accounts = account_for_usage(SEP, october.tools.usage, october.tools.month_checks, 3)
        assert all(account.balanced for account in accounts)
        assert verified(october.tools, SEP.next()).differing == []


def test_bad_rows_of_a_table_are_told_as_its_totals_with_their_number(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[tuple[object, ...]] = [
        ("edge", str(n), "amber-works-000", "bandwidth_gb", None, "2026-09-05 10:00:00", "iad", None, n)
        for n in range(7)
    ]
    monkeypatch.setenv("WAREHOUSE", into_duckdb(rows, tmp_path, ""))
    with site(databases, tmp_path / "home", SOURCES) as made:
        close(made)
        found = rejected_usage(made.tools, None, 10)
        (row,) = rejected_data(found)["rows"]
        assert (row["reason"], json.loads(row["raw"])["rows"]) == ("quantity_missing", "7")
        show_rejected(found)
        show_overview(month_status(made.tools, SEP))
        said = " ".join(capsys.readouterr().out.split())
        assert "correct the rows there, or the source mapping; the next look brings them" in said
        assert "land the rows again" not in said
        assert "usage that does not count: 1 total of a table's bad rows; `flybill quarantine` names" in said
