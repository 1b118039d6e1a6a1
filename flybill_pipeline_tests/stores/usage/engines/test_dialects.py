"""The rollup is one statement that reads only, in the words of each engine, and what it must have is there."""

from datetime import UTC, datetime

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
