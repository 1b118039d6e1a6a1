"""Engines are asked to read only; what they say when they fail has no secret; what a mapping lacks is told at once."""

import json
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from flybill_pipeline.billing.usage.tables import NotPulledError
from flybill_pipeline.stores.usage.engines import connecting
from flybill_pipeline.stores.usage.engines.connecting import SESSIONS, connected, told_of
from flybill_pipeline.stores.usage.engines.day_totals import EngineTable
from flybill_pipeline.stores.usage.intake.sources import SourcesError, load_sources
from flybill_pipeline_tests.stores.usage.engines.conftest import NOW, SOURCE, Engine, in_postgres


def test_nothing_can_be_written_there(read_only: Engine) -> None:
    with connected(read_only.url) as backend, pytest.raises(Exception, match=r"(?i)read.only"):
        backend.raw_sql("delete from usage")


def test_a_query_is_asked_as_it_stands(warehouse: Engine) -> None:
    warehouse.add(("1", "acme", "gb", "2", "2026-10-05T10:00:00Z", "2026-10-05 12:00", 'o"x;\u00e9'))
    query = "select id, org, 'gb' as meter, quantity * 3 as quantity, happened, seen, region from usage -- all"
    ((_, rows),), _ = warehouse.told(source=SOURCE.replace('table = "usage"', f'query = """{query}"""'))
    assert [(row[2][:4], row[4]) for row in rows] == [("6.00", 'o"x;\u00e9')]


@pytest.mark.parametrize("end", [";", " ; -- \u00e9; it ends", ";;\n/* ; */", " where region <> ';' -- ;"])
def test_a_query_may_end_as_queries_do(end: str, read_only: Engine) -> None:
    read_only.add(("1", "acme", "gb", "2", "2026-10-05T10:00:00Z", "2026-10-05 12:00", "fra"))
    query = f'query = """select * from usage{end}"""'
    ((_, ((org_id, _, quantity, *_),)),), _ = read_only.told(source=SOURCE.replace('table = "usage"', query))
    assert (org_id, quantity[:4]) == ("acme", "2.00")


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("select * from usage; select 1", "`query` is more than one statement"),
        ("select * from usage; drop table usage;", "`query` is more than one statement"),
        ("select *, 2 * quantity as quantity from usage", "`query` has more than one column 'quantity'"),
        ("select * from usage as a join usage as b on a.id = b.id", "`query` has more than one column 'seen'"),
    ],
)
def test_a_query_that_says_two_things_is_refused(query: str, fault: str, read_only: Engine) -> None:
    read_only.add(("1", "acme", "gb", "2", "2026-10-05T10:00:00Z", "2026-10-05 12:00", "fra"))
    with pytest.raises(NotPulledError, match=f"^{fault}"):
        read_only.told(source=SOURCE.replace('table = "usage"', f'query = "{query}"'))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret%21word@127.0.0.1:9/db",
        "postgresql://127.0.0.1:9/db?user=me&password=s3cret!word",
        "mysql://me:s3cret!word@127.0.0.1/db",
        "s3cret!word",
    ],
)
def test_an_address_is_never_told(url: str) -> None:
    with pytest.raises(NotPulledError) as error, connected(url):
        pass
    assert "cret" not in str(error.value)


@pytest.mark.parametrize("sign", [*"/?#[]@:&\\' ", "%zz", "\u00e9"])
def test_a_password_is_never_told_whatever_signs_it_has(sign: str, tmp_path: Path) -> None:
    for engine in ("postgres", "snowflake"):
        url = f"{engine}://me:s3cret{sign}w0rd@127.0.0.1:9/db"
        with pytest.raises(NotPulledError) as error, connected(url):
            pass
        assert not re.search("cret|w0rd", str(error.value))
        mapping = SOURCE.replace('"$WAREHOUSE"', json.dumps(url))
        (tmp_path / "s.toml").write_text(mapping)
        with pytest.raises(SourcesError, match=r"url: (holds a password|is no address: in a password)") as refused:
            load_sources(tmp_path / "s.toml")
        assert not re.search("cret|w0rd", str(refused.value))


@pytest.mark.parametrize(
    "name",
    ["sslpassword", "pwd", "access_token", "motherduck_token", "s3_secret_access_key", "private_key", "credentials"],
)
@pytest.mark.parametrize("said", ['invalid value: "{}"', "{} is no token", "bad {{'k': '{}'}}", "k={}", "bad\n{}"])
def test_what_a_parameter_keeps_secret_is_not_told_by_a_driver(name: str, said: str) -> None:
    """Drivers quote what they were given: DuckDB a setting, libpq a mode of TLS."""
    with pytest.raises(NotPulledError) as error, told_of(f"duckdb:///w.db?threads=2&{name}=s3cret%2Fword"):
        raise RuntimeError(said.format("s3cret/word"))
    assert "cret" not in str(error.value)
    assert str(error.value).startswith("the engine says: ")


def test_what_is_wrong_with_a_plain_parameter_is_told() -> None:
    with (
        pytest.raises(NotPulledError, match=r"sslmode.*mostly"),
        connected("postgres://u@127.0.0.1:9/d?sslmode=mostly"),
    ):
        pass


def test_a_driver_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trino", None)
    missing = pytest.raises(NotPulledError, match=r"driver of trino is not installed.*ibis-framework\[trino\]")
    with missing, connected("trino://me@127.0.0.1/db"):
        pass


def test_columns_that_are_not_there_or_not_exact_are_named_together(tmp_path: Path, local: Engine) -> None:
    local.run("create table odd(id text, org text, q double, happened text, seen double, region timestamp)")
    source = SOURCE.replace('table = "usage"', 'table = "odd"').replace('"quantity"', '"q"').replace('"meter"', '"m"')
    with pytest.raises(NotPulledError) as error, local.table(source).pulled(None, NOW):
        pass
    for fault in (
        "there is no column 'm'; the columns are id, org, q, happened, seen, region",
        "column 'q' is float64, which is not exact",
        "column 'happened' is string, and a time is wanted",
        "column 'seen' is float64, and a watermark is a timestamp or a whole number: cast it in `query`",
        "column 'region' is timestamp(6)",
    ):
        assert fault in str(error.value)


@pytest.mark.parametrize("name", ["gone", "gone.usage", "main.public.gone"])
def test_a_table_that_is_not_there_is_named(name: str, warehouse: Engine) -> None:
    if warehouse.relation != "usage":
        return  # its table is a file, which a query names
    with pytest.raises(NotPulledError, match=rf"there is no table '{name}' that this login sees|the engine says"):
        warehouse.told(source=SOURCE.replace('table = "usage"', f'table = "{name}"'))


def test_a_table_that_is_gone_or_has_lost_a_column_is_said_in_words(local: Engine) -> None:
    local.add(("1", "acme", "gb", "1", "2026-10-05T10:00:00Z", "2026-10-05 12:00", None))
    local.told()
    local.run("alter table usage drop column meter")
    with pytest.raises(NotPulledError, match="there is no column 'meter'; the columns are id, org, quantity"):
        local.told()
    local.run("drop table usage")
    with pytest.raises(NotPulledError, match=r"^there is no table 'usage' that this login sees"):
        local.told()


def test_a_table_that_somebody_has_to_themselves_is_not_waited_for_without_end(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres = in_postgres(tmp_path, database_url, "numeric")
    with connected(postgres.url) as backend, backend.con.cursor() as cursor:
        assert cursor.execute("show lock_timeout").fetchone() == ("1min",)
    options = {**SESSIONS["postgres"], "options": "-c lock_timeout=100ms"}
    monkeypatch.setattr(connecting, "SESSIONS", {"postgres": options})
    with psycopg.connect(postgres.url) as migrating:
        migrating.execute("alter table usage add column more text")
        with pytest.raises(NotPulledError, match="the engine says: canceling statement due to lock timeout"):
            postgres.told()


def test_what_a_database_says_of_times_and_texts_to_its_own_people_changes_nothing(
    tmp_path: Path, database_url: str
) -> None:
    postgres = in_postgres(tmp_path, database_url, "numeric")
    postgres.add(("1", "acme", "gb", "2", "2026-10-05T23:30:00Z", "2026-10-05 23:40", None))
    name = urlsplit(database_url).path[1:]
    own = ("datestyle = 'SQL, DMY'", "timezone = 'America/New_York'", "standard_conforming_strings = off")
    for setting in own:
        postgres.run(f'alter database "{name}" set {setting}')
    source = SOURCE.replace('meter = "meter"', r"""meter = { constant = '\' }""")
    ((day, ((_, meter, *_),)),), pulled = postgres.told(source=source)
    assert (day, meter) == ("2026-10-05", "\\")
    assert pulled.watermark == "2026-10-05T23:40:00+00:00"


def test_a_type_that_is_not_read_is_no_riddle_and_what_is_said_of_it_helps(tmp_path: Path, database_url: str) -> None:
    postgres = in_postgres(tmp_path, database_url, "numeric")
    odd = {"org": ("char(10)", "text"), "quantity": ("numeric(5, -2)", "a decimal")}
    odd |= {"seen": ("xid8 using '7'::xid8", "a timestamp or a whole number")}
    for name, (kind, _) in odd.items():
        postgres.run(f"alter table usage alter {name} type {kind}")
    source = SOURCE.replace('table = "usage"', 'query = "select * from usage"')
    with pytest.raises(NotPulledError) as error:
        postgres.told(source=source)
    for name, (_, wanted) in odd.items():
        assert f"column '{name}' is of a type that is not read: cast it to {wanted} in `query`" in str(error.value)


def test_enums_and_char_n_of_a_table_are_texts(tmp_path: Path, database_url: str) -> None:
    postgres = in_postgres(tmp_path, database_url, "numeric")
    postgres.add(("1", "acme", "gb", "2", "2026-10-05T10:00:00Z", "2026-10-05 12:00", "fra"))
    postgres.run("create type metered as enum ('gb', 'hours')")
    odd = {"id": "char(8)", "org": "char(10)", "region": "char(5)", "meter": "metered using meter::metered"}
    for name, kind in odd.items():
        postgres.run(f"alter table usage alter {name} type {kind}")
    ((_, ((org, meter, *_, region, _),)),), _ = postgres.told()
    assert (org, meter, region) == ("acme", "gb", "fra")


def test_a_database_without_an_encoding_is_read_and_what_is_no_text_there_is_told(
    tmp_path: Path, database_url: str
) -> None:
    address = database_url.replace("+psycopg2", "")
    name = f"{urlsplit(address).path[1:]}_ascii"
    make = f"create database {name} encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C'"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(make.encode())
        try:
            postgres = in_postgres(tmp_path, address.replace(name.removesuffix("_ascii"), name), "numeric")
            postgres.add(("1", "acme", "gb", "2", "2026-10-05T10:00:00Z", "2026-10-05 12:00", "\u00fc"))
            assert [row[4] for _, rows in postgres.told()[0] for row in rows] == ["\u00fc"]
            postgres.run("update usage set region = E'\\xff'")
            with pytest.raises(NotPulledError, match="invalid byte sequence for encoding"):
                postgres.told()
        finally:
            connection.execute(f"drop database {name}".encode())


def test_doubles_are_rounded_where_the_mapping_says_so(local: Engine) -> None:
    local.run("alter table usage alter quantity type double")
    local.add(("1", "acme", "gb", 0.1 + 0.2, "2026-10-05T10:00:00Z", None, None))
    local.add(("2", "acme", "gb", float("nan"), "2026-10-05T10:00:00Z", None, None))
    source = SOURCE.replace('quantity = "quantity"', 'quantity = { column = "quantity", round = 9 }')
    ((_, rows),), _ = local.told(source=source)
    assert [row[2] for row in rows] == ["0.300000000000000000", "NaN"]


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(SOURCE)
    source = load_sources(tmp_path / "s.toml")["warehouse"]
    assert source.table is not None
    with pytest.raises(NotPulledError, match=r"WAREHOUSE is not set: .* source 'warehouse'"):
        EngineTable(source, source.table, lambda _: None).address()


def test_every_fault_of_a_table_source_is_named_and_no_password(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("""
[[sources]]
name = "a"
format = "table"
url = "postgres://me:s3cret@host/db"
files = "a/*"
where = { kind = "usage" }
lag = -1
keeps_days = 0
[sources.columns]
event_id = "id"
org_id = { column = "org", alias = true }
meter = "m"
quantity = { column = "q", times = 3 }
occurred_at = { column = "happened", zone = "Europe/Berlin" }
[[sources]]
name = "b"
format = "table"
url = "$FLYBILL_WAREHOUSE"
table = "a.b.c.d"
query = "select 1"
watermark = "w"
columns = { event_id = "row", org_id = "org", meter = "m", quantity = "q", occurred_at = { constant = "2026-10-05" } }
""")
    with pytest.raises(SourcesError) as error:
        load_sources(tmp_path / "s.toml")
    said = str(error.value)
    for fault in (
        "sources[1].url: holds a password: put the address into an environment variable",
        "sources[1].watermark: missing",
        "sources[1].files: is not for tables",
        "sources[1].where: is not for tables",
        "sources[1].table: say either `table` or `query`",
        "sources[1].lag: must be 0 or more",
        "sources[1].keeps_days: must be 1 or more",
        "sources[1].columns.org_id.alias: unknown key",
        "sources[1].quantity: must be a column or a constant, with `round` at most",
        "sources[1].columns.occurred_at.zone: unknown key",
        "sources[2].url: must name a variable of your own",
        "sources[2].table: must be a name such as",
        "sources[2].table: say either `table` or `query`",
        "sources[2].columns.occurred_at: must be a column of time",
    ):
        assert fault in said
    assert "s3cret" not in said
