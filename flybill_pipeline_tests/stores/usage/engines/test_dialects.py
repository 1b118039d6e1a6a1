"""The rollup is one statement that reads only, in the words of each engine, and what it must have is there."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import duckdb
import ibis
import pytest
import sqlglot
from sqlglot import expressions as exp

from flybill_pipeline.stores.usage.engines.rollup import rollup
from flybill_pipeline.stores.usage.intake.columns import Column, Measure, number
from flybill_pipeline.stores.usage.intake.table_fields import UsageTable

HOSTILE = "gb'); drop table usage; --"
USAGE = UsageTable(
    url="$WAREHOUSE",
    watermark="seen",
    event_id=(Column(name="source"), Column(name="id")),
    org_id=Column(name="org"),
    occurred_at=Column(name="happened"),
    parts=(Measure(Column(constant=HOSTILE), Column(name="q")), Measure(Column(name="m"), number(1))),
    table=("usage",),
    dimensions={"region": Column(name="re gion")},
)
TABLE = ibis.table(
    {
        "source": "string",
        "id": "int64",
        "org": "string",
        "m": "string",
        "q": "decimal(30, 9)",
        "happened": "timestamp('UTC')",
        "seen": "timestamp",
        "re gion": "string",
    },
    name="usage",
)
EXACT = {  # how each engine writes a decimal of 38 digits, 18 of them after the point
    "duckdb": "DECIMAL(38, 18)",
    "postgres": "DECIMAL(38, 18)",
    "clickhouse": "Decimal(38, 18)",
    "snowflake": "DECIMAL(38, 18)",
    "bigquery": "BIGNUMERIC",
    "trino": "DECIMAL(38, 18)",
    "pyspark": "DECIMAL(38, 18)",
}


@pytest.mark.parametrize("engine", EXACT)
def test_the_rollup_is_one_statement_of_each_engine(engine: str) -> None:
    watermark = datetime(2026, 10, 5, tzinfo=UTC).isoformat()
    sql = str(ibis.to_sql(rollup(TABLE, USAGE, watermark, engine=engine).expression, dialect=engine))
    (statement,) = sqlglot.parse(sql, read="spark" if engine == "pyspark" else engine)
    assert isinstance(statement, exp.Query)
    made_here = {each.alias for each in statement.find_all(exp.CTE)}
    assert {each.name for each in statement.find_all(exp.Table)} - made_here == {"usage"}
    assert HOSTILE in {each.this for each in statement.find_all(exp.Literal)}
    assert "re gion" in {each.name for each in statement.find_all(exp.Column)}
    assert EXACT[engine] in sql
    assert "DOUBLE" not in sql.upper()
    assert "FLOAT" not in sql.upper()
    # A literal without a zone is written without one: some engines make nothing of it else, or refuse it.
    assert "0, NULL)" not in sql
    assert "DATETIME('1970-01-01T00:00:00+00:00')" not in sql


@pytest.mark.parametrize("engine", [name for name in EXACT if name != "pyspark"])  # which needs Spark for doubles
def test_a_double_is_no_number_by_itself_alone(engine: str) -> None:
    """NaN is asked for by its name, infinity by what is larger than any: Ibis' own word for it is false on Spark."""
    doubles = ibis.table({**TABLE.schema(), "q": "float64"}, name="usage")
    usage = replace(USAGE, parts=(Measure(Column(constant="gb"), Column(name="q", decimals=6)),))
    sql = str(ibis.to_sql(rollup(doubles, usage, None, engine=engine).expression, dialect=engine))
    (statement,) = sqlglot.parse(sql, read=engine)
    assert isinstance(statement, exp.Query)
    assert "1.797693134862315" in sql
    assert "NAN" in sql.upper()


PLAIN = {
    "duckdb": """DECODE(ENCODE("t0"."org"))AS"org_id\"""",
    "postgres": """TEXTIN(TEXTOUT(CAST("t0"."org"ASVARCHAR)))AS"org_id\"""",
    "clickhouse": """toDate("t0"."happened",'UTC')""",  # it has no collation of columns, nor has Trino
    "snowflake": """COLLATE("t0"."org",'')AS"org_id\"""",
    "bigquery": "SAFE_CONVERT_BYTES_TO_STRING(CAST(`t0`.`org`ASBYTES))AS`org_id`",
    "trino": """DATE(AT_TIMEZONE("t0"."happened",'UTC'))""",
    "pyspark": "CAST(`t0`.`org`ASSTRING)AS`org_id`",
}


@pytest.mark.parametrize("engine", PLAIN)
def test_no_collation_and_no_zone_of_a_column_has_a_say(engine: str) -> None:
    sql = str(ibis.to_sql(rollup(TABLE, ONE_METER_OF_Q, None, engine=engine).expression, dialect=engine))
    assert PLAIN[engine] in "".join(sql.split())


ONE_METER_OF_Q = replace(USAGE, parts=(USAGE.parts[0],))
ONE_METER = replace(USAGE, event_id=(Column(name="id"),), parts=(Measure(Column(name="m"), Column(name="q")),))
ROWS = """insert into usage values
    ('1', 'acme', 'gb', 1, '2026-10-05 10:00Z', null, 'a'),
    ('1', 'acme', 'gb', 2, '2026-10-05 11:00Z', '2026-10-05 11:00', 'a'),
    ('2', 'acme', 'gb', 0.00000000000000000001, '2026-10-05 12:00Z', '2026-10-05 12:00', 'a'),
    ('3', null, 'gb', 5, '2026-10-05 13:00Z', '2026-10-05 13:00', null),
    ('3', 'beta', 'gb', 6, '2026-10-05 13:00Z', '2026-10-05 13:00', null),
    ('4', 'acme', 'gb', 7, '2026-10-05 23:30Z', '2026-10-05 23:30', 'b')"""
MACROS = (
    "farm_fingerprint(text) as 0",
    "xxhash64(bytes) as bytes",
    "from_big_endian_64(bytes) as 0",
    "at_timezone(moment, zone) as timezone(zone, moment)",
    "safe_convert_bytes_to_string(bytes) as decode(bytes)",
)
"""What DuckDB lacks of the engines' functions. Hashes are not compared here."""


@pytest.mark.parametrize("restates", [False, True])
@pytest.mark.parametrize("engine", ["bigquery", "snowflake", "trino"])
def test_another_reader_of_the_dialect_makes_the_same_totals_of_it(engine: str, restates: bool) -> None:
    """sqlglot knows what each dialect's words mean, such as where NULL stands in an order, and says so to DuckDB."""
    kinds = {"id": "string", "org": "string", "m": "string", "q": "decimal(38, 20)", "happened": "timestamp('UTC')"}
    table = ibis.table({**kinds, "seen": "timestamp", "re gion": "string"}, name="usage")
    usage = replace(ONE_METER, restates=restates)
    sql = str(ibis.to_sql(rollup(table, usage, None, engine=engine).expression, dialect=engine))
    assert engine != "bigquery" or "DATE(`t0`.`happened`, 'UTC')" in sql
    with duckdb.connect() as connection:
        # As where times have another zone. What sqlglot makes of BigQuery's days holds in UTC alone.
        connection.execute(f"set timezone = '{'UTC' if engine == 'bigquery' else 'Asia/Tokyo'}'")
        connection.execute("""create table usage(id text, org text, m text, q decimal(38, 20), happened timestamptz,
            seen timestamp, "re gion" text)""")
        connection.execute(ROWS)
        for macro in MACROS:
            connection.execute(f"create macro {macro}")
        columns = "day::date::varchar, org_id, flaw, quantity::decimal(38, 0)::int"
        asked = f"select {columns} from ({in_words_of_duckdb(sql, engine)}) where rows > 0 order by all"
        totals = connection.execute(asked).fetchall()
    assert totals == [
        ("2026-10-05", "acme", "", 2),
        ("2026-10-05", "acme", "", 7),
        ("2026-10-05", "acme", "precise", 0),
        ("2026-10-05", "beta", "", 6),
    ]


def in_words_of_duckdb(sql: str, engine: str) -> str:
    """DuckDB's own decimal that stands for BigQuery's has more decimals than ours, as that has."""
    wide = exp.DataType.build("decimal(38, 22)")

    def widened(node: Any) -> Any:
        return wide.copy() if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.BIGDECIMAL else node

    return str(sqlglot.parse_one(sql, read=engine).transform(widened).sql(dialect="duckdb"))


def test_a_watermark_is_told_in_no_finer_time_than_every_engine_has() -> None:
    """Trino reads such a text to the millisecond: rounded up, rows of the same one would be new to nobody."""
    asked = rollup(TABLE, replace(USAGE, lag=0), "2026-10-05T01:02:03.123999+00:00", engine="trino").expression
    sql = str(ibis.to_sql(asked, dialect="trino"))
    assert "'2026-10-05T01:02:03.123000'" in sql
    assert "123999" not in sql


@pytest.mark.parametrize("scale", [23, 38])
def test_a_decimal_with_no_room_for_the_largest_quantity_is_not_compared_with_it(scale: int) -> None:
    """Trino and Snowflake would make a decimal of that type of the bound, and fail."""
    table = TABLE.mutate(q=ibis.null(f"decimal(38, {scale})"))
    sql = str(ibis.to_sql(rollup(table, ONE_METER_OF_Q, None, engine="trino").expression, dialect="trino"))
    assert f"> -{10**15}" not in sql
