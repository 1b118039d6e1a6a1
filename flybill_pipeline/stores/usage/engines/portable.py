"""What engines mean otherwise by the same words, said so that each means the same. What is asked of them: rollup.py.

Snowflake and Trino keep a zone with each time, ClickHouse with a column, and its day is that of the zone. BigQuery has
a zone for days that an administrator sets, takes NULL for the least in every order, and has more decimals than it is
told.
"""

import sys
from collections.abc import Mapping
from typing import Any

import ibis

from flybill_pipeline.stores.usage.intake.columns import Column

EXACT, DECIMALS = "decimal(38, 18)", 18
LARGEST_DIGITS = 15
"""A quantity has at most so many digits before the point."""
UTC_TIME = "timestamp('UTC')"
NANOSECONDS = 9
NANOS = f"timestamp({NANOSECONDS})"


def _own(name: str, takes: tuple[str, ...], gives: str) -> Any:
    """A function of one or two values that an engine has, and Ibis has no word for."""

    def of_one(one: Any) -> None: ...

    def of_two(one: Any, other: Any) -> None: ...

    return ibis.udf.scalar.builtin(of_one if len(takes) == 1 else of_two, name=name, signature=(takes, gives))


_convert_timezone = _own("convert_timezone", ("string", UTC_TIME), UTC_TIME)
_at_timezone = _own("at_timezone", (UTC_TIME, "string"), UTC_TIME)
_date_in = _own("date", (UTC_TIME, "string"), "date")
_to_date = _own("toDate", (UTC_TIME, "string"), "date")
_to_nanos, _of_nanos = _own("epoch_ns", (NANOS,), "int64"), _own("make_timestamp_ns", ("int64",), NANOS)
_UTC_DAYS: Mapping[str, Any] = {
    "clickhouse": lambda at: _to_date(at, "UTC"),
    "snowflake": lambda at: _convert_timezone("UTC", at).date(),
    "trino": lambda at: _at_timezone(at, "UTC").date(),
    "bigquery": lambda at: _date_in(at, "UTC"),
}
_from_bytes, _to_bytes = _own("decode", ("binary",), "string"), _own("encode", ("string",), "binary")
_read, _written = _own("textin", ("string",), "string"), _own("textout", ("string",), "string")
_collated = _own("collate", ("string", "string"), "string")
_of_bytes = _own("safe_convert_bytes_to_string", ("binary",), "string")
_SIGN_BY_SIGN: Mapping[str, Any] = {
    "duckdb": lambda text: _from_bytes(_to_bytes(text)),
    "postgres": lambda text: _read(_written(text)),
    "snowflake": lambda text: _collated(text, ""),
    "bigquery": lambda text: _of_bytes(text.cast("binary")),
}
"""How a text loses the collation of its column, by which ACME may be acme: two organizations, or ids, would be one.

What an engine works out of a text has its collation too; what it reads from bytes has none. Spark's cast takes it away.
"""


def utc_day(at: Any, engine: str) -> Any:
    """The day of a time; in UTC where it has a zone."""
    kind = at.type()
    if kind.is_date():
        return at
    if engine == "duckdb" and kind.scale == NANOSECONDS:  # it makes microseconds first, and rounds up
        nanos = _to_nanos(at)
        return _of_nanos(nanos - nanos % 1000).date()
    return _UTC_DAYS[engine](at) if kind.timezone and engine in _UTC_DAYS else at.date()


def as_text(value: Any, engine: str) -> Any:
    """A value as a text that is compared sign by sign, whatever its column says of capitals and accents.

    Of a table in Postgres Ibis takes enums and `char(n)` for texts; they are cast to it: no enum can be compared with a
    text that it has not, and what `char(n)` fills up is no part of a name.
    """
    if not value.type().is_string():
        return value.cast("string")
    if engine == "clickhouse" and value.type().length:  # FixedString, filled up with NUL
        return value.re_replace(r"\x00+$", "")
    if engine in ("postgres", "pyspark"):
        value = ibis.expr.operations.Cast(value, value.type().copy(length=None)).to_expr()
    return _SIGN_BY_SIGN[engine](value) if engine in _SIGN_BY_SIGN else value


def in_order(value: Any, *, descending: bool = False) -> list[Any]:
    """Orders by the value, those without one last: no engine has the say in that."""
    return [value.isnull(), value.desc(nulls_first=False) if descending else value.asc(nulls_first=False)]


def exact(raw: Any, column: Column, engine: str) -> Any:
    """A quantity with 18 decimals, rounded to fewer where the mapping says so."""
    number = raw.cast(EXACT)
    if column.decimals is not None:
        return number.round(column.decimals).cast(EXACT)
    return number.round(DECIMALS).cast(EXACT) if engine == "bigquery" and may_be_too_precise(raw, column) else number


def may_be_too_precise(raw: Any, column: Column) -> bool:
    """Whether a quantity may have more decimals than ours."""
    kind = raw.type()
    return column.decimals is None and kind.is_decimal() and (kind.scale is None or kind.scale > DECIMALS)


def differs(number: Any, raw: Any) -> Any:
    """Whether a decimal lost digits. Both are compared in its own type: Spark drops digits of two that differ."""
    kind = raw.type()
    if kind.scale is None:
        return number != raw
    fits = number.abs() < 10 ** min(kind.precision - kind.scale, LARGEST_DIGITS)  # what was rounded up may not
    return (ibis.cases((fits, number), else_=ibis.null(EXACT)).cast(kind) != raw).fill_null(True)


def is_finite(raw: Any, engine: str) -> Any:
    """Whether a number is no NaN and no infinity, which would spoil each sum that they are in.

    Postgres has them as decimals, and takes NaN for a `numeric` with few digits, too. NULL where the number is.
    """
    if raw.type().is_floating():
        return ~(raw.isnan() | (raw.abs() > sys.float_info.max))  # Ibis' isinf is always false on Spark
    if raw.type().is_decimal() and engine == "postgres":
        return ~raw.cast("string").isin(["NaN", "Infinity", "-Infinity"])
    return ibis.literal(True)


def small_enough(raw: Any) -> Any:
    """Whether a quantity has no more digits before the point than it may. Where its type has no room for more, it is
    not compared: Trino and Snowflake would want room for the bound in that type."""
    kind = raw.type()
    if kind.is_decimal() and kind.scale is not None and kind.precision - kind.scale <= LARGEST_DIGITS:
        return ibis.literal(True)
    return (raw > -(10**LARGEST_DIGITS)) & (raw < 10**LARGEST_DIGITS)
